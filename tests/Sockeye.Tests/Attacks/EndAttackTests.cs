using System.Collections.Concurrent;
using System.Buffers.Binary;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Attacks;

/// <summary>Ends that race sends, and ends from inside the callbacks: each socket has one owner, and each array comes back once. Rows V35
/// and V42 of the attack catalogue. The pool of these tests fills what comes back with 0xA5 and throws where it comes back twice;
/// whatever else uses <see cref="RawPeer"/> or <see cref="ServerTest"/> is checked by it too.</summary>
public sealed class EndAttackTests
{
    private static readonly string[] Ends = ["abort", "dispose", "close"];

    public static TheoryData<string, string> PlacesAndEnds =>
        new MatrixTheoryData<string, string>(["opened", "message", "second message", "closed", "writable", "handler", "events"], Ends);

    // Sockets are closed while others are opened at the same time: what is written too late would reach another connection.
    [Fact]
    [Trait("Category", "Repeated")]
    public async Task V35_Send_close_and_abort_that_race_write_to_no_other_connection()
    {
        await Parallel.ForAsync(
            0,
            Repeat.Times(ordinary: 300, full: 100_000),
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (id, _) => await RaceAsync(id).WaitAsync(RawClient.Patience, CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(PlacesAndEnds))]
    public async Task V42_End_from_inside_a_callback_is_one_end_and_returns_everything_once(string place, string end)
    {
        foreach (Role role in Enum.GetValues<Role>())
        {
            foreach (Carrier carrier in (Carrier[])[Carrier.Memory, Carrier.Socket, Carrier.Tls, Carrier.EventLoop, Carrier.EventLoopTls])
            {
                await using RawPeer peer = await RawPeer.CreateAsync(
                    carrier, role, o => o with { HighWaterMark = 5000, LowWaterMark = 1000 });
                Task running = Run(peer.Connection, place, end);
                Task playing = PlayAsync(peer);
                await Settle.UntilAsync(() =>
                {
                    peer.Time.Advance(TimeSpan.FromMilliseconds(100));
                    return running.IsCompleted && peer.Connection.Closed.IsCompleted;
                });
                await running;
                peer.Transport.Abort();
                await playing.Soon();
            }
        }
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("close")]
    [InlineData("throw")]
    public async Task V42_End_from_inside_the_upgrade_leaves_a_server_that_serves(string end)
    {
        await using var test = new ServerTest();
        var unsaid = new ConcurrentQueue<bool>();
        test.Server.Map("/ends", (socket, cancel) =>
        {
            long head = socket.Transport.BytesSent;
            _ = socket.SendTextAsync("last words", cancel);
            if (end == "abort")
            {
                socket.Abort();
                unsaid.Enqueue(socket.Transport.BytesSent == head);
            }
            else if (end == "close")
                _ = socket.CloseAsync(CloseCode.GoingAway, cancellationToken: cancel);
            else
                throw new InvalidDataException("secret");
            return Task.CompletedTask;
        });
        test.Server.Map("/*", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        for (int i = 0; i < 20; i++)
        {
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            byte[] request = System.Text.Encoding.ASCII.GetBytes(RawClient.Request(test.Server, "/ends"));
            await client.SendAsync([.. request, .. RawClient.Frame(Opcode.Text, "on its way"u8.ToArray())]);
            if (end == "abort")
            {
                string seen = await client.ReadToAnyEndAsync();
                await Settle.UntilAsync(() => unsaid.Count == i + 1);
                // Only where the machine is so busy that the handler passes for one that blocks is anything sent before it returns.
                if (unsaid.Last())
                    Assert.DoesNotContain("last words", seen, StringComparison.Ordinal);
                continue;
            }

            Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
            Assert.Equal("last words", await client.ReadTextAsync());
            Assert.Equal((end == "close" ? 1001 : 1011, ""), await client.ReadCloseAsync());
            Assert.Null(await client.ReadFrameAsync());
        }

        Assert.Equal(end == "abort", unsaid.Contains(true));
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    private static async Task RaceAsync(int id)
    {
        var random = new Random(id);
        await using RawPeer peer = await RawPeer.OpenAsync(Carrier.Socket, (Role)(id % 2));
        WebSocketConnection socket = peer.Connection;
        byte[] payload = new byte[random.Next(4) == 0 ? 20_000 : 200];
        for (int i = 0; i + 4 <= payload.Length; i += 4)
            BinaryPrimitives.WriteInt32BigEndian(payload.AsSpan(i), id);
        int spins = random.Next(3000);
        int how = random.Next(4);
        Task sending = Task.Run(async () =>
        {
            try
            {
                for (int i = 0; i < 30; i++)
                    await socket.SendAsync(payload);
            }
            catch (WebSocketClosedException)
            {
                // It was ended under it.
            }
        });
        Task closing = Task.Run(() =>
        {
            Thread.SpinWait(spins);
            return how == 0 ? socket.DisposeAsync().AsTask() : socket.CloseAsync();
        });
        Task aborting = Task.Run(() =>
        {
            Thread.SpinWait(random.Next(3000));
            if (how == 1)
                peer.Transport.Abort();
            else
                socket.Abort();
        });
        try
        {
            while (await peer.ReadFrameAsync() is { } frame)
            {
                if (frame.Opcode == Opcode.Binary)
                    Assert.True(frame.Payload.AsSpan().SequenceEqual(payload), $"Connection {id} got what is not its own.");
                else
                    Assert.Equal((Opcode.Close, 1000), (frame.Opcode, frame.CloseCode));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // A reset is an end as well.
        }

        await Task.WhenAll(sending, closing, aborting);
    }

    private static Task Run(WebSocketConnection connection, string place, string end)
    {
        int messages = 0;
        connection.Writable += _ => EndAt("writable");
        return place switch
        {
            "handler" => connection.RunAsync((_, _) =>
            {
                EndAt("handler");
                return Task.CompletedTask;
            }),
            "events" => connection.RunAsync(async (socket, cancel) =>
            {
                await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
                    EndAt("events");
            }),
            _ => connection.RunAsync(new WebSocketHandler
            {
                Opened = _ => EndAt("opened"),
                Message = (socket, message) =>
                {
                    messages++;
                    socket.TrySend(message.Span);
                    EndAt(messages == 1 ? "message" : "second message");
                    Assert.Equal((byte)'m', message.Span[0]);
                    return default;
                },
                Closed = (_, _) => EndAt("closed"),
            }),
        };

        void EndAt(string here)
        {
            if (here != place)
                return;
            if (end == "abort")
                connection.Abort();
            else if (end == "dispose")
                _ = connection.DisposeAsync().AsTask();
            else
                _ = connection.CloseAsync();
        }
    }

    private static async Task PlayAsync(RawPeer peer)
    {
        try
        {
            byte[] message = [.. "m"u8, .. new byte[4000]];
            await peer.SendAsync(
                peer.Frame(Opcode.Binary, message),
                [.. peer.Frame(Opcode.Binary, message, isFinal: false), .. peer.Frame(Opcode.Ping, "p"u8)],
                [.. peer.Frame(Opcode.Continuation, message), .. peer.Frame(Opcode.Binary, message), .. peer.CloseFrame()]);
            await peer.Transport.ShutdownAsync();
            await peer.ReadToEndAsync();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It was ended under it.
        }
    }
}
