using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Threading.Channels;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>The examples of docs/server.md: each stands here between two marks, and is run.</summary>
public sealed class ServerExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("server.md", Path.Combine("Server", nameof(ServerExamplesTests) + ".cs"), count: 8);

    [Fact]
    public async Task Where_it_listens()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Socket bound = listener.Server;

        // <example>
        await using var server = new WebSocketServer(new()
        {
            Port = 8080,
            Address = IPAddress.IPv6Any, // IPv4 too; the loopback address by default
            EndPoints = [new UnixDomainSocketEndPoint("/run/chat.sock"), new PipeEndPoint("chat")],
            ListeningSockets = [bound], // one that somebody else has bound, a TcpListener's Server for instance
        });
        // </example>

        Assert.Empty(server.EndPoints); // it listens once it is started, which a test must not do at these places
        listener.Dispose();
    }

    [Fact]
    public async Task Who_gets_a_request()
    {
        await using var test = new ServerTest();
        MapAll(test.Server);
        await test.Server.StartAsync();

        Assert.EndsWith(
            "\r\n\r\n0 connections\n", await RawClient.AskAsync(test.Server, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
        foreach ((string path, string host, string expected) in new[]
            {
                ("/chat", "a", "chat"), ("/files/1", "a", "files"), ("/chat", "admin.example", "admin"),
            })
        {
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(RawClient.Request(test.Server, path).Replace(test.Host, host, StringComparison.Ordinal));
            await client.ReadHeadAsync();
            Assert.Equal(expected, await client.ReadTextAsync());
        }

        static Task ChatAsync(WebSocketConnection socket, CancellationToken cancel) => socket.SendTextAsync("chat", cancel).AsTask();

        static Task FilesAsync(WebSocketConnection socket, CancellationToken cancel) => socket.SendTextAsync("files", cancel).AsTask();

        static Task AdminAsync(WebSocketConnection socket, CancellationToken cancel) => socket.SendTextAsync("admin", cancel).AsTask();

        static void MapAll(WebSocketServer server)
        {
            // <example>
            server.Map("/chat", ChatAsync, new() { Subprotocols = ["chat.v2", "chat.v1"] });
            server.Map("/files/*", FilesAsync);
            server.MapWhen(request => request.Headers["Host"] == "admin.example", AdminAsync);
            server.MapGet("/healthz", _ => new HttpAnswer($"{server.Connections.Count} connections\n"));
            // </example>
        }
    }

    [Theory]
    [InlineData("/feed?key=sesame", 101)]
    [InlineData("/feed", 401)]
    public async Task Decide_about_a_request(string target, int status)
    {
        const string key = "sesame";
        await using var test = new ServerTest();
        MapFeed(test.Server);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(RawClient.Request(test.Server, target));

        string head = await client.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
        Assert.Contains(status == 101 ? "\r\nSet-Cookie: seen=1; HttpOnly\r\n" : "\r\nWWW-Authenticate: Key\r\n", head, StringComparison.Ordinal);

        static Task FeedAsync(WebSocketConnection socket, CancellationToken cancel) => ServerTest.EchoAsync(socket, cancel);

        static void MapFeed(WebSocketServer server)
        {
            // <example>
            server.Map("/feed", FeedAsync, new()
            {
                Authorize = request =>
                {
                    if (!Credentials.Equal(request.GetQueryValue("key"), key))
                        return new(new HandshakeRefusal(401, new() { { "WWW-Authenticate", "Key" } }, "Which key?\n"));
                    request.ResponseHeaders.Add("Set-Cookie", "seen=1; HttpOnly");
                    return default;
                },
            });
            // </example>
        }
    }

    [Fact]
    public async Task Requests_one_by_one()
    {
        await using var test = new ServerTest();
        using var stop = new CancellationTokenSource();
        Task serving = LoopAsync(test.Server, stop.Token);
        await test.Server.Listening;

        Assert.StartsWith("HTTP/1.1 404 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server)), StringComparison.Ordinal);
        using RawClient client = await RawClient.OpenAsync(test.Server, "/chat");
        Assert.Equal("served", await client.ReadTextAsync());
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving.Soon());

        static async Task ServeAsync(WebSocketConnection socket) => await socket.SendTextAsync("served");

        static async Task LoopAsync(WebSocketServer server, CancellationToken cancel)
        {
            // <example>
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync(cancel))
            {
                if (request.Path != "/chat")
                    await request.RejectAsync(404);
                else
                    _ = ServeAsync(await request.AcceptAsync(cancellationToken: cancel));
            }
            // </example>
        }
    }

    [Fact]
    public async Task One_server_anywhere()
    {
        await using ServerTest admins = new();
        await using ServerTest chats = new();
        WebSocketServer admin = admins.Server;
        WebSocketServer chat = chats.Server;
        admin.Map("/admin/*", (socket, cancel) => socket.SendTextAsync("admin", cancel).AsTask());
        chat.Map("/*", (socket, cancel) => socket.SendTextAsync("chat", cancel).AsTask());
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        foreach ((string path, string expected) in new[] { ("/admin/1", "admin"), ("/1", "chat") })
        {
            using RawClient client = await RawClient.ConnectAsync(listener.LocalEndpoint);
            await client.SendAsync(
                $"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    + $"Sec-WebSocket-Key: {RawClient.Key}\r\n\r\n");
            await AcceptAsync(CancellationToken.None).Soon();
            await client.ReadHeadAsync();
            Assert.Equal(expected, await client.ReadTextAsync());
        }

        async Task AcceptAsync(CancellationToken cancel)
        {
            // <example>
            TcpClient accepted = await listener.AcceptTcpClientAsync(cancel);
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(accepted.Client, cancellationToken: cancel);
            await (request.Path.StartsWith("/admin/", StringComparison.Ordinal) ? admin : chat).HandleAsync(request);
            // </example>
        }
    }

    [Fact]
    public async Task Address_of_a_stream()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        SslServerAuthenticationOptions tls = TestCertificates.Serving(TestCertificates.Server);
        await using var test = new ServerTest(options => options with { MaxConnectionsPerAddress = 1 });
        WebSocketServer server = test.Server;
        server.Map("/", (socket, cancel) => socket.SendTextAsync($"{socket.ClientAddress} {socket.RemoteEndPoint}", cancel).AsTask());
        Task accepting = AcceptAsync(CancellationToken.None);
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
            $"wss://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/", new() { Tls = TestCertificates.Trusting() }).Soon();
        await accepting.Soon();
        Assert.Equal($"127.0.0.1 {client.LocalEndPoint}", (await client.ReceiveAsync().Soon()).GetText());

        async Task AcceptAsync(CancellationToken cancel)
        {
            // <example>
            Socket accepted = await listener.AcceptSocketAsync(cancel);
            var stream = new SslStream(new NetworkStream(accepted, ownsSocket: true));
            await stream.AuthenticateAsServerAsync(tls, cancel);
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(stream, cancellationToken: cancel);
            request.RemoteEndPoint = accepted.RemoteEndPoint;
            await server.HandleAsync(request);
            // </example>
        }
    }

    [Fact]
    public async Task Pausing()
    {
        Channel<OwnedMessage> jobs = Channel.CreateUnbounded<OwnedMessage>();
        await using var test = new ServerTest();
        MapJobs(test.Server);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server, "/jobs");

        for (int i = 0; i < 200; i++)
            await client.SendFrameAsync(Opcode.Text, $"{i}");

        await Settle.UntilAsync(() => jobs.Reader.Count == 100);
        Assert.Equal("0", (await jobs.Reader.ReadAsync().Soon()).GetText());
        Assert.Equal(99, jobs.Reader.Count);

        void MapJobs(WebSocketServer server)
        {
            // <example>
            server.Map("/jobs", new WebSocketHandler
            {
                Message = (socket, message) =>
                {
                    jobs.Writer.TryWrite(message.ToOwned());
                    if (jobs.Reader.Count >= 100)
                        socket.Pause(); // whoever takes jobs out calls Resume
                    return default;
                },
            });
            // </example>
        }
    }

    [Fact]
    public async Task Stopping()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server);
        await Settle.UntilAsync(() => test.Server.Connections.Count == 1);
        Task stopping = StopAsync(test.Server);
        await test.AcceptedAsync(1, TimeSpan.FromMilliseconds(20));
        test.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal((1012, "Restarting."), await client.ReadCloseAsync());
        client.Dispose();
        await stopping.Soon();

        static async Task StopAsync(WebSocketServer server)
        {
            // <example>
            await server.StopAsync(new DrainOptions
            {
                Code = CloseCode.ServiceRestart, // 1012: come back; 1001 by default
                Reason = "Restarting.",
                Spread = TimeSpan.FromSeconds(10), // told in random order over ten seconds, so that not all come back at once
                Timeout = TimeSpan.FromSeconds(30), // then what is left is aborted; StopTimeout by default
            });
            // </example>
        }
    }
}
