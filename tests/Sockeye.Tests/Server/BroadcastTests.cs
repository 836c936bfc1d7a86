using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>Messages that are prepared once and sent to many connections.</summary>
public sealed class BroadcastTests
{
    private static readonly WebSocketAcceptOptions Deflate = new() { PerMessageDeflate = PerMessageDeflateOptions.Default with { Threshold = 100 } };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Broadcast_reaches_every_connection_in_one_order_whatever_was_agreed_on(bool onTheLoop)
    {
        const int Rounds = 200;
        await using var test = new ServerTest();
        WebSocketConnection?[] sockets = new WebSocketConnection?[6];
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int opened = 0;
        test.Server.Map(
            "/news",
            async (socket, cancel) =>
            {
                sockets[int.Parse(socket.Request!.GetQueryValue("id")!, System.Globalization.CultureInfo.InvariantCulture)] = socket;
                if (Interlocked.Increment(ref opened) == sockets.Length)
                    ready.SetResult();
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    Publish(message.GetText());
            },
            Deflate);
        await test.Server.StartAsync();
        WebSocketClientOptions plain = WebSocketClientOptions.Default with { PerMessageDeflate = null };
        PerMessageDeflateOptions deflate = PerMessageDeflateOptions.Default;
        WebSocketClientOptions[] options =
        [
            plain,
            plain,
            plain with { PerMessageDeflate = deflate },
            plain with { PerMessageDeflate = deflate with { ServerNoContextTakeover = true } },
            plain with { PerMessageDeflate = deflate with { ServerMaxWindowBits = 9 } },
            plain with { PerMessageDeflate = deflate },
        ];
        List<WebSocketConnection> clients = [];
        foreach (WebSocketClientOptions each in options)
            clients.Add(await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/news?id={clients.Count}"), each).Soon());
        await ready.Task.Soon();

        // What is sent to one connection alone stands between what is sent to all.
        if (onTheLoop)
            await clients[0].SendTextAsync("go");
        else
            Publish("go");

        for (int client = 0; client < clients.Count; client++)
        {
            for (int round = 0; round < Rounds; round++)
            {
                if (round % 3 == 0)
                    Assert.Equal(Own(client, round), (await clients[client].ReceiveAsync().AsTask().Soon()).GetText());
                Assert.Equal(News(round), (await clients[client].ReceiveAsync().AsTask().Soon()).GetText());
            }
        }

        foreach (WebSocketConnection client in clients)
            await client.DisposeAsync();
        await test.AssertNothingIsLeftAsync();

        void Publish(string text)
        {
            Assert.Equal("go", text);
            for (int round = 0; round < Rounds; round++)
            {
                for (int client = 0; client < sockets.Length && round % 3 == 0; client++)
                    _ = sockets[client]!.SendTextAsync(Own(client, round));
                BroadcastResult result = test.Server.Broadcast(new PreparedMessage(News(round)), path: "/news");
                Assert.Equal(new BroadcastResult(sockets.Length, 0), result);
            }
        }

        static string News(int round) => $"news {round} " + new string('n', round * 2);

        static string Own(int client, int round) => $"for {client} alone {round} " + new string('o', 150);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Broadcasts_to_more_connections_than_are_flushed_at_a_time_reach_each_in_order(bool onTheLoop)
    {
        const int Count = 150;
        const int Rounds = 40;
        await using var test = new ServerTest();
        test.Server.Map("/news", async (socket, cancel) =>
        {
            socket.IgnoreMessages();
            await socket.Closed;
        });
        test.Server.Map("/publish", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                Publish(message.GetText());
        });
        await test.Server.StartAsync();
        WebSocketConnection[] clients = new WebSocketConnection[Count];
        for (int i = 0; i < Count; i++)
            clients[i] = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/news")).Soon();
        await using WebSocketConnection publisher = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/publish")).Soon();
        await Settle.UntilAsync(() => test.Server.Connections.Count == Count + 1);

        Task[] readings = [.. clients.Select(ReadAsync)];
        // A flush begins while the one before it is under way.
        for (int round = 0; round < Rounds; round++)
        {
            if (onTheLoop)
                await publisher.SendTextAsync($"{round}");
            else
                Publish($"{round}");
        }

        await Task.WhenAll(readings).Soon();

        async Task ReadAsync(WebSocketConnection client)
        {
            for (int round = 0; round < Rounds; round++)
                Assert.Equal($"{round}", (await client.ReceiveAsync().AsTask().Soon()).GetText());
            await client.DisposeAsync();
        }

        void Publish(string text) => Assert.Equal(new BroadcastResult(Count, 0), test.Server.Broadcast(new PreparedMessage(text), path: "/news"));
    }

    [Fact]
    public async Task Slow_connection_is_skipped_and_counted_and_the_others_get_everything()
    {
        const int Messages = 600;
        await using var test = new ServerTest(options => options with { Connection = options.Connection with { HighWaterMark = 64 * 1024 } });
        var opened = new SemaphoreSlim(0);
        test.Server.Map("/", async (socket, cancel) =>
        {
            opened.Release();
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                _ = message;
        });
        await test.Server.StartAsync();
        using RawClient slow = await RawClient.OpenAsync(test.Server, "/");
        await using WebSocketConnection fast = await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon();
        await opened.WaitAsync();
        await opened.WaitAsync();

        // So small that one which is still being accounted for leaves room for the next.
        int skipped = 0;
        var message = new PreparedMessage(new byte[30_000]);
        for (int i = 0; i < Messages; i++)
        {
            BroadcastResult result = test.Server.Broadcast(message);
            Assert.Equal(2, result.Accepted + result.Skipped);
            Assert.Equal(30_000, (await fast.ReceiveAsync().AsTask().Soon()).Length);
            skipped += result.Skipped;
        }

        // What the operating system takes is a few megabytes; 18 are sent.
        Assert.InRange(skipped, 1, Messages - 1);
        slow.Dispose();
    }

    [Fact]
    public async Task Connection_that_is_left_out_or_elsewhere_gets_nothing()
    {
        await using var test = new ServerTest();
        await using WebSocketServer server = test.Server;
        List<WebSocketConnection> sockets = [];
        var opened = new SemaphoreSlim(0);
        test.Server.Map("/*", async (socket, cancel) =>
        {
            lock (sockets)
                sockets.Add(socket);
            socket.IgnoreMessages(); // else the Close of the client would wait for a reader
            opened.Release();
            await socket.Closed.WaitAsync(cancel);
        });
        await test.Server.StartAsync();
        await using WebSocketConnection first = await WebSocketClient.ConnectAsync(new Uri(test.Uri + "/a")).Soon();
        await opened.WaitAsync();
        await using WebSocketConnection second = await WebSocketClient.ConnectAsync(new Uri(test.Uri + "/a")).Soon();
        await opened.WaitAsync();
        await using WebSocketConnection third = await WebSocketClient.ConnectAsync(new Uri(test.Uri + "/b")).Soon();
        await opened.WaitAsync();

        Assert.Equal(new BroadcastResult(1, 0), test.Server.Broadcast(new PreparedMessage("to the second"), except: sockets[0], path: "/a"));
        Assert.Equal(new BroadcastResult(3, 0), test.Server.Broadcast(new PreparedMessage("to all")));

        Assert.Equal("to all", (await first.ReceiveAsync().AsTask().Soon()).GetText());
        Assert.Equal("to the second", (await second.ReceiveAsync().AsTask().Soon()).GetText());
        Assert.Equal("to all", (await second.ReceiveAsync().AsTask().Soon()).GetText());
        Assert.Equal("to all", (await third.ReceiveAsync().AsTask().Soon()).GetText());
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Prepared_message_is_the_same_on_the_wire_as_any_other(Role role)
    {
        await using RawPeer peer = RawPeer.Create(role, options => options with { FragmentSize = 40_000 });
        peer.Connection.Start();
        foreach (int length in new[] { 0, 1, 125, 126, 16_384, 16_385, 40_000, 40_001, 100_000 })
        {
            byte[] payload = EventLog.Payload(length);
            ValueTask sent = peer.Connection.SendAsync(new PreparedMessage(payload));
            byte[] received = [];
            bool isFinal = false;
            while (!isFinal)
            {
                ReceivedFrame frame = (await peer.ReadFrameAsync())!;
                Assert.InRange(frame.Payload.Length, 0, 40_000);
                Assert.Equal(received.Length == 0 ? Opcode.Binary : Opcode.Continuation, frame.Opcode);
                received = [.. received, .. frame.Payload];
                isFinal = frame.IsFinal;
            }

            Assert.Equal(payload, received);
            await sent.Soon();
        }
    }

    [Fact]
    public async Task Prepared_message_is_compressed_once_for_each_set_of_parameters()
    {
        byte[] payload = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("again and again ", 500)));
        var message = new PreparedMessage(payload, WebSocketMessageKind.Text);
        await using var test = new ServerTest();
        List<WebSocketConnection> sockets = [];
        var opened = new SemaphoreSlim(0);
        test.Server.Map(
            "/",
            async (socket, _) =>
            {
                lock (sockets)
                    sockets.Add(socket);
                opened.Release();
                await socket.Closed;
            },
            Deflate);
        await test.Server.StartAsync();
        WebSocketClientOptions options = WebSocketClientOptions.Default;
        foreach (int bits in new[] { 15, 15, 10 })
        {
            PerMessageDeflateOptions deflate = PerMessageDeflateOptions.Default with { ServerMaxWindowBits = bits };
            WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri(test.Uri), options with { PerMessageDeflate = deflate }).Soon();
            await opened.WaitAsync();
            WebSocketConnection socket = sockets[^1];
            await socket.SendAsync(message).AsTask().Soon();
            Assert.Equal(payload, (await client.ReceiveAsync().AsTask().Soon()).ToArray());
        }

        Memory<byte>[] frames = [.. sockets.Select(socket => System.Runtime.InteropServices.MemoryMarshal.AsMemory(message.CompressedFrame(socket.Details.Deflate!)))];
        Assert.True(frames[0].Equals(frames[1]));
        Assert.False(frames[0].Equals(frames[2]));
        Assert.InRange(frames[0].Length, 10, 200);
    }

    [Fact]
    public void Prepared_message_that_is_none_throws()
    {
        Assert.Throws<ArgumentException>("kind", () => new PreparedMessage([], WebSocketMessageKind.End));
        Assert.Throws<ArgumentException>("payload", () => new PreparedMessage([0xFF], WebSocketMessageKind.Text));
        Assert.Throws<ArgumentNullException>(() => new PreparedMessage((string)null!));
        Assert.Equal("\uFFFD"u8.ToArray(), new PreparedMessage("\uD800").Payload.ToArray());
    }
}
