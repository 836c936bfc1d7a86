using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>Servers that are handed requests: several behind one port, and one that listens nowhere.</summary>
public sealed class HandleTests
{
    [Fact]
    public async Task Servers_that_share_a_port_each_serve_their_path_and_stop_alone()
    {
        await using var front = new ServerTest();
        await using ServerTest chat = Echo();
        await using ServerTest feed = Echo();
        Task dispatching = DispatchAsync();
        await front.Server.Listening;
        using RawClient chatting = await RawClient.OpenAsync(front.Server, "/chat");
        using RawClient feeding = await RawClient.OpenAsync(front.Server, "/feed/1");
        Assert.StartsWith("HTTP/1.1 404 ", await RawClient.AskAsync(front.Server, RawClient.Request(front.Server, "/other")), StringComparison.Ordinal);
        foreach (RawClient client in (RawClient[])[chatting, feeding])
        {
            await client.SendFrameAsync(Opcode.Text, "hi");
            Assert.Equal("hi", await client.ReadTextAsync());
        }

        Assert.Equal((0, 1, 1), (front.Server.Connections.Count, chat.Server.Connections.Count, feed.Server.Connections.Count));
        Assert.Equal(1, feed.Server.Broadcast(new PreparedMessage("news")).Accepted);
        Assert.Equal("news", await feeding.ReadTextAsync());

        // The port goes first, and takes nothing with it.
        await front.Server.StopAsync(TimeSpan.FromHours(1)).WaitAsync(ServerTest.Patience);
        await dispatching.WaitAsync(ServerTest.Patience);
        Task stopping = chat.Server.StopAsync(TimeSpan.FromHours(1));
        Assert.Equal(1001, (await chatting.ReadCloseAsync()).Code);
        chatting.Dispose();
        await stopping.WaitAsync(ServerTest.Patience);
        await feeding.SendFrameAsync(Opcode.Text, "still");
        Assert.Equal("still", await feeding.ReadTextAsync());

        async Task DispatchAsync()
        {
            await foreach (UpgradeRequest request in front.Server.UpgradeRequestsAsync())
            {
                if (request.Path == "/chat")
                    _ = chat.Server.HandleAsync(request);
                else if (request.Path.StartsWith("/feed/", StringComparison.Ordinal))
                    _ = feed.Server.HandleAsync(request);
                else
                    await request.RejectAsync(404);
            }
        }
    }

    // What was enumerated by one server is enumerated by the next, and counted there alone.
    [Fact]
    public async Task Request_that_is_handed_on_twice_belongs_to_who_accepts_it()
    {
        await using var first = new ServerTest();
        await using var second = new ServerTest();
        await using var third = new ServerTest();
        third.Server.Map("/", ServerTest.EchoAsync);
        _ = HandOnAsync(first.Server, second.Server);
        _ = HandOnAsync(second.Server, third.Server);
        await first.Server.Listening;
        await second.Server.Listening;

        using RawClient client = await RawClient.OpenAsync(first.Server);
        await client.SendFrameAsync(Opcode.Text, "hi");
        Assert.Equal("hi", await client.ReadTextAsync());

        Assert.Equal((0, 0, 1), (first.Server.Connections.Count, second.Server.Connections.Count, third.Server.Connections.Count));
        await first.Server.StopAsync(TimeSpan.FromHours(1)).WaitAsync(ServerTest.Patience);
        await second.Server.StopAsync(TimeSpan.FromHours(1)).WaitAsync(ServerTest.Patience);
        await client.SendFrameAsync(Opcode.Text, "still");
        Assert.Equal("still", await client.ReadTextAsync());

        static async Task HandOnAsync(WebSocketServer from, WebSocketServer to)
        {
            await foreach (UpgradeRequest request in from.UpgradeRequestsAsync())
                _ = to.HandleAsync(request);
        }
    }

    // ws's noServer: a listener of one's own, and requests that somebody else has read.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Server_without_a_port_serves_what_an_own_listener_accepts(bool hasHead)
    {
        await using ServerTest test = Echo();
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task<Socket> accepting = listener.AcceptSocketAsync();
        using RawClient client = await RawClient.ConnectAsync(listener.LocalEndpoint);
        Socket accepted = await accepting.Soon();
        string request = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: {RawClient.Key}\r\n\r\n";
        byte[] early = RawClient.Frame(Opcode.Text, "early"u8.ToArray());
        if (hasHead)
        {
            Assert.True(RequestHead.TryParse(System.Text.Encoding.Latin1.GetBytes(request), out RequestHead? head, out _));
            await test.Server.HandleAsync(WebSocketUpgrade.FromRequest(accepted, head, early)).Soon();
        }
        else
        {
            await client.SendAsync([.. System.Text.Encoding.Latin1.GetBytes(request), .. early]);
            await test.Server.HandleAsync(await WebSocketUpgrade.ReadRequestAsync(accepted)).Soon();
        }

        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("early", await client.ReadTextAsync());
        Assert.Single(test.Server.Connections);
        client.Dispose();
        listener.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData("/none", null, 404)]
    [InlineData("/chat", "http://evil.example", 403)]
    [InlineData("/chat", null, 503)]
    public async Task Request_that_is_handed_over_is_judged_as_any_other(string target, string? origin, int status)
    {
        await using ServerTest test = Echo(options => options with { MaxConnections = status == 503 ? 1 : 2 });
        WebSocketConnection first = await InMemory.OpenAsync(test.Server, "/chat", test.Buffers);
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(test.Buffers, BufferPool.Shared);

        Task handling = test.Server.HandleAsync(InMemory.Request(own, target, origin));
        Assert.StartsWith($"HTTP/1.1 {status} ", (await InMemory.ReadHeadAsync(peer)).Head, StringComparison.Ordinal);
        await peer.DisposeAsync();

        await handling.Soon();
        await first.DisposeAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Request_that_is_decided_cannot_be_handed_over_and_a_stopped_server_takes_none()
    {
        await using ServerTest test = Echo();
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(test.Buffers, BufferPool.Shared);
        UpgradeRequest decided = InMemory.Request(own);
        WebSocketConnection socket = await decided.AcceptAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.Server.HandleAsync(decided));
        Assert.True(socket.IsOpen); // the first decision stands
        socket.Abort();
        await peer.DisposeAsync();
        test.Advance(TimeSpan.FromSeconds(10)); // no deadline was left behind

        await test.Server.StopAsync();
        (own, peer) = InMemoryTransport.CreatePair(test.Buffers, BufferPool.Shared);
        Task late = test.Server.HandleAsync(InMemory.Request(own, "/chat"));
        Assert.StartsWith("HTTP/1.1 503 ", (await InMemory.ReadHeadAsync(peer)).Head, StringComparison.Ordinal);
        await peer.DisposeAsync();
        await late.Soon();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_of_a_stream_or_of_pipes_has_the_address_that_it_is_told(bool isPipe)
    {
        var client = new IPEndPoint(IPAddress.Parse("198.51.100.7"), 4711);
        var proxy = new IPEndPoint(IPAddress.Parse("10.0.0.1"), 1);
        await using ServerTest test = Echo(options => options with { MaxConnectionsPerAddress = 1, TrustedProxies = ["10.0.0.0/8"] });
        Assert.StartsWith("HTTP/1.1 101 ", await AskAsync(client), StringComparison.Ordinal);
        WebSocketConnection socket = Assert.Single(test.Server.Connections);
        Assert.Equal((client, client.Address), ((IPEndPoint?)socket.RemoteEndPoint, socket.ClientAddress));
        Assert.StartsWith("HTTP/1.1 503 ", await AskAsync(client), StringComparison.Ordinal);

        // What a proxy says is believed of who it is said to be, and counts as well.
        Assert.StartsWith("HTTP/1.1 503 ", await AskAsync(proxy, "X-Forwarded-For: 198.51.100.7\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 101 ", await AskAsync(proxy, "X-Forwarded-For: 198.51.100.8\r\n"), StringComparison.Ordinal);
        Assert.Contains(test.Server.Connections, other => other.ClientAddress!.Equals(IPAddress.Parse("198.51.100.8")));

        socket.Abort();
        await Settle.UntilAsync(() => !test.Server.Connections.Contains(socket));
        Assert.StartsWith("HTTP/1.1 101 ", await AskAsync(client), StringComparison.Ordinal);

        async Task<string> AskAsync(EndPoint from, string headers = "")
        {
            var forth = new Pipe(new PipeOptions(useSynchronizationContext: false));
            var back = new Pipe(new PipeOptions(useSynchronizationContext: false));
            var peer = new DuplexStream(back.Reader, forth.Writer);
            await peer.WriteAsync(System.Text.Encoding.ASCII.GetBytes(
                "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    + $"Sec-WebSocket-Key: {RawClient.Key}\r\n{headers}\r\n"));
            UpgradeRequest request = isPipe
                ? await WebSocketUpgrade.ReadRequestAsync(new Pipes(forth.Reader, back.Writer)).Soon()
                : await WebSocketUpgrade.ReadRequestAsync(new DuplexStream(forth.Reader, back.Writer)).Soon();
            Assert.Null(request.RemoteEndPoint);
            request.RemoteEndPoint = from;
            Task handling = test.Server.HandleAsync(request);
            byte[] answer = new byte[32];
            await peer.ReadExactlyAsync(answer).Soon();
            if (answer[9] != (byte)'1')
                peer.Dispose(); // which a refusal waits for
            await handling.Soon();
            Assert.Throws<InvalidOperationException>(() => request.RemoteEndPoint = null);
            return System.Text.Encoding.ASCII.GetString(answer);
        }
    }

    [Fact]
    public async Task Handler_that_blocks_at_first_does_not_hold_up_who_hands_over()
    {
        using var blocked = new ManualResetEventSlim();
        await using var test = new ServerTest();
        test.Server.Map("/", (_, _) =>
        {
            blocked.Wait(ServerTest.Patience, CancellationToken.None);
            return Task.CompletedTask;
        });
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(test.Buffers, BufferPool.Shared);

        Task handling = test.Server.HandleAsync(InMemory.Request(own));

        Assert.StartsWith("HTTP/1.1 101 ", (await InMemory.ReadHeadAsync(peer)).Head, StringComparison.Ordinal);
        Assert.False(handling.IsCompleted);
        blocked.Set();
        await handling.Soon();
        await peer.DisposeAsync();
    }

    private static ServerTest Echo(Func<WebSocketServerOptions, WebSocketServerOptions>? configure = null)
    {
        var test = new ServerTest(configure);
        test.Server.Map("/chat", ServerTest.EchoAsync);
        test.Server.Map("/feed/*", ServerTest.EchoAsync);
        return test;
    }

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
