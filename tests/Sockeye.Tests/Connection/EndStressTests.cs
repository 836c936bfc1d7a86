using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Ends that race everything else: exactly one account, no reader left behind, no memory given back under its user.</summary>
public sealed class EndStressTests
{
    // V35
    [Theory]
    [InlineData(Carrier.Memory, 1000)]
    [InlineData(Carrier.Socket, 400)]
    [InlineData(Carrier.EventLoop, 400)]
    [InlineData(Carrier.Tls, 60)]
    [InlineData(Carrier.EventLoopTls, 60)]
    public async Task End_at_a_random_moment_of_a_busy_connection_is_one_end(Carrier carrier, int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            var random = new Random(round);
            Role role = (Role)(round % 2);
            int readAhead = random.Next(3) switch { 0 => 1, 1 => 300, _ => 64 * 1024 };
            await using RawPeer peer = await RawPeer.CreateAsync(carrier, role, o => o with { ReadAhead = readAhead });
            int hops = random.Next(3);
            int ends = 0;
            Task application = peer.Connection.RunAsync(async (socket, cancel) =>
            {
                int next = 0;
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                {
                    if (hops > 0 && next % 3 == 0)
                        await Task.Yield();
                    // The whole of it, while everything ends around it.
                    int number = BitConverter.ToInt32(message.Span);
                    Assert.Equal(next++, number);
                    Assert.Equal(-1, message.Span[4..].IndexOfAnyExcept((byte)number));
                    _ = socket.SendAsync(message, cancel);
                    if (hops == 2)
                        await Task.Yield();
                    Assert.Equal(number, BitConverter.ToInt32(message.Span));
                }
            });
            _ = peer.Connection.Closed.ContinueWith(
                _ => Interlocked.Increment(ref ends), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            Task sending = Quietly(async () =>
            {
                for (int i = 0; i < 60; i++)
                {
                    byte[] payload = new byte[4 + random.Next(400)];
                    payload.AsSpan().Fill((byte)i);
                    BitConverter.TryWriteBytes(payload, i);
                    await peer.SendAsync(peer.Frame(Opcode.Binary, payload));
                }

                await peer.SendAsync(peer.CloseFrame());
                await peer.Transport.ShutdownAsync();
            });
            Task receiving = Quietly(peer.ReadToEndAsync);
            int how = random.Next(7);
            Task ending = Task.Run(async () =>
            {
                for (int yields = random.Next(60); yields > 0; yields--)
                    await Task.Yield();
                switch (how)
                {
                    case 0:
                        peer.Connection.Abort();
                        break;
                    case 1:
                        await peer.Connection.DisposeAsync();
                        break;
                    case 2:
                        await peer.Connection.CloseAsync();
                        break;
                    case 3:
                        peer.Transport.Abort();
                        break;
                    case 4:
                        _ = peer.Connection.CloseAsync();
                        peer.Transport.Abort();
                        break;
                    case 5:
                        _ = peer.Connection.CloseAsync();
                        await Task.Yield();
                        peer.Connection.Abort();
                        break;
                    default:
                        peer.Connection.IgnoreMessages();
                        break;
                }
            });
            await Settle.UntilAsync(
                () =>
                {
                    peer.Time.Advance(TimeSpan.FromMilliseconds(1));
                    return application.IsCompleted && ending.IsCompleted;
                },
                () => $"round {round}, how {how}: {application.Status} {ending.Status} {peer.Connection.Closed.Status}");
            await Task.WhenAll(application, ending);
            peer.Transport.Abort();
            await Task.WhenAll(sending, receiving).Soon();
            CloseResult result = await peer.Connection.Closed;
            Assert.True(result.Cause != CloseCause.HandlerFailed, $"round {round}, how {how}: {result.Exception}");
            await Settle.UntilAsync(() => Volatile.Read(ref ends) > 0);
            Assert.Equal(1, ends);
        }
    }

    [Fact]
    public async Task Reader_that_parks_while_the_connection_ends_is_always_resumed()
    {
        for (int round = 0; round < 5_000; round++)
        {
            await using RawPeer peer = RawPeer.Open();
            using var start = new Barrier(2);
            Task<bool> reading = Task.Run(async () =>
            {
                start.SignalAndWait();
                try
                {
                    return (await peer.Connection.ReceiveAsync()).IsEnd;
                }
                catch (WebSocketClosedException)
                {
                    return true;
                }
            });
            start.SignalAndWait();
            if (round % 3 == 0)
                peer.Connection.Abort();
            else if (round % 3 == 1)
                await peer.Transport.ShutdownAsync();
            else
                await peer.SendAsync(peer.CloseFrame());
            if (round % 3 == 2)
                await peer.Transport.ShutdownAsync();
            Assert.True(await reading.Soon());
        }
    }

    [Fact]
    public async Task Reader_that_parks_while_reading_ahead_stops_is_always_resumed()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 1, IdleTimeout = TimeSpan.Zero }, capacity: 300);
        const int Count = 20_000;
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
                await peer.SendAsync(peer.Frame(Opcode.Binary, BitConverter.GetBytes(i)));
        });
        await Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
            {
                Task<WebSocketMessage> read = peer.Connection.ReceiveAsync().AsTask();
                if (i % 5 == 0)
                    await Task.Yield();
                Assert.Equal(i, BitConverter.ToInt32((await read.Soon()).Span));
            }
        });
        await sending;
    }

    private static async Task Quietly(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The connection is ended under it.
        }
    }
}
