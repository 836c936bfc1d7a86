using System.Buffers.Binary;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Many senders, every way to send, and ends at any moment: bounded counts, any interleaving.</summary>
public sealed class SendStressTests
{
    private const int HeaderSize = 8;

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S3_Messages_of_64_concurrent_senders_arrive_whole_and_in_the_order_of_each(Role role)
    {
        const int Senders = 64;
        const int Each = 24;
        await using RawPeer peer = GatedPeer.Open(role, options => options with { FragmentSize = 15_000 }, capacity: 256 * 1024);
        Task[] sending = [.. Enumerable.Range(0, Senders).Select(sender => Task.Run(() => SendAllAsync(peer.Connection, sender, Each)))];
        Task pinging = Task.Run(async () =>
        {
            for (int i = 0; i < 200; i++)
                await peer.SendAsync(peer.Frame(Opcode.Ping, BitConverter.GetBytes(i)));
        });

        int[] next = new int[Senders];
        for (int received = 0; received < Senders * Each; received++)
        {
            byte[] payload = (await peer.ReadMessageAsync()).Payload;
            int sender = BinaryPrimitives.ReadInt32BigEndian(payload);
            Assert.Equal(next[sender]++, BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4)));
            Assert.True(payload.AsSpan().SequenceEqual(Payload(sender, next[sender] - 1)), $"Message {next[sender] - 1} of sender {sender} is torn.");
        }

        await Task.WhenAll(sending).Soon();
        await pinging;
        await peer.Connection.DrainAsync().Soon();
        Assert.Equal(0, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S3_Tokens_that_fire_at_any_moment_withdraw_whole_messages_or_none()
    {
        const int Count = 400;
        await using RawPeer peer = GatedPeer.Open(Role.Client, options => options with { FragmentSize = 20_000 }, capacity: 64 * 1024);
        bool[] wasSent = new bool[Count];
        Task sending = Task.Run(async () =>
        {
            var random = new Random(7);
            List<Task> running = [];
            for (int i = 0; i < Count; i++)
            {
                int index = i;
                var cancel = new CancellationTokenSource();
                ValueTask sent = peer.Connection.SendAsync(Payload(index, 1), cancellationToken: cancel.Token);
                int spins = random.Next(2000);
                _ = Task.Run(() =>
                {
                    Thread.SpinWait(spins);
                    cancel.Cancel();
                });
                running.Add(WatchAsync(sent, index, cancel));
                if (running.Count == 8)
                {
                    await Task.WhenAll(running);
                    running.Clear();
                }
            }

            await Task.WhenAll(running);
            await peer.Connection.SendTextAsync("end");
        });
        List<int> arrived = [];
        while (true)
        {
            ReceivedFrame message = await peer.ReadMessageAsync();
            if (message.Opcode == Opcode.Text)
                break;
            int index = BinaryPrimitives.ReadInt32BigEndian(message.Payload);
            Assert.True(message.Payload.AsSpan().SequenceEqual(Payload(index, 1)));
            arrived.Add(index);
        }

        await sending.Soon();
        Assert.Equal(Enumerable.Range(0, Count).Where(i => wasSent[i]), arrived);
        await peer.Connection.DrainAsync().Soon();
        Assert.Equal(0, peer.Connection.BufferedBytes);

        async Task WatchAsync(ValueTask sent, int index, CancellationTokenSource cancel)
        {
            try
            {
                await sent;
                wasSent[index] = true;
            }
            catch (OperationCanceledException)
            {
                // Withdrawn.
            }

            cancel.Dispose();
        }
    }

    [Fact]
    public async Task S1_Ends_at_any_moment_complete_every_send_and_return_every_buffer()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            var random = new Random(seed);
            Role role = seed % 2 == 0 ? Role.Server : Role.Client;
            await using RawPeer peer = GatedPeer.Open(
                role,
                options => options with { FragmentSize = 10_000, HighWaterMark = 30_000, LowWaterMark = 5000 },
                capacity: random.Next(1000, 100_000));
            WebSocketConnection socket = peer.Connection;
            using var cancel = new CancellationTokenSource();
            int end = random.Next(20, 200);
            int steps = 0;
            void Step()
            {
                if (Interlocked.Increment(ref steps) != end)
                    return;
                switch (random.Next(6))
                {
                    case 0:
                        socket.Abort();
                        break;
                    case 1:
                        peer.Gate().Break();
                        break;
                    case 2:
                        _ = socket.CloseAsync();
                        break;
                    case 3:
                        cancel.Cancel();
                        break;
                    case 4:
                        peer.Transport.Abort();
                        break;
                    default:
                        _ = peer.Transport.ShutdownAsync();
                        break;
                }
            }

            Task[] sending = [.. Enumerable.Range(0, 6).Select(sender => Task.Run(async () =>
            {
                try
                {
                    for (int i = 0; i < 30; i++)
                    {
                        Step();
                        await SendOneAsync(socket, sender, i, cancel.Token);
                    }
                }
                catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException)
                {
                    // However it ends: here it is enough that it does.
                }
            }))];
            Task reading = Task.Run(async () =>
            {
                try
                {
                    while (await peer.ReceiveAsync())
                        Step();
                }
                catch (IOException)
                {
                    // Broken.
                }
            });
            await Settle.UntilAsync(() => steps >= end || Array.TrueForAll(sending, task => task.IsCompleted));
            socket.Abort();
            await Task.WhenAll(sending).Soon();
            await reading.Soon();
        }
    }

    private static async Task SendAllAsync(WebSocketConnection socket, int sender, int count)
    {
        for (int i = 0; i < count; i++)
            await SendOneAsync(socket, sender, i, CancellationToken.None);
    }

    /// <summary>Sends a message in one of the ways there are.</summary>
    private static async Task SendOneAsync(WebSocketConnection socket, int sender, int index, CancellationToken token)
    {
        byte[] payload = Payload(sender, index);
        switch ((sender + index) % 6)
        {
            case 0 or 1:
                await socket.SendAsync(payload, cancellationToken: token);
                break;
            case 2:
                await socket.SendSpanAsync<byte>(payload, token);
                break;
            case 3:
                SendResult result;
                while ((result = socket.TrySend(payload)) == SendResult.Full)
                    await Task.Yield();
                if (result == SendResult.Closed)
                    throw new WebSocketClosedException(await socket.Closed);
                break;
            default:
                StreamedMessage streamed = socket.OpenMessage();
                int third = payload.Length / 3;
                await streamed.WriteAsync(payload.AsMemory(0, third), token);
                await Task.Yield();
                await streamed.WriteAsync(payload.AsMemory(third, third), token);
                await streamed.CompleteAsync(payload.AsMemory(2 * third), CancellationToken.None);
                break;
        }
    }

    /// <summary>Makes a payload that tells its sender, its place, and all of its bytes.</summary>
    private static byte[] Payload(int sender, int index)
    {
        int length = ((sender * 31) + index) % 5 == 0 ? 17_000 + (sender * 700) : 20 + sender + index;
        byte[] payload = GatedPeer.Bytes(HeaderSize + length, (sender * 1000) + index);
        BinaryPrimitives.WriteInt32BigEndian(payload, sender);
        BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(4), index);
        return payload;
    }
}
