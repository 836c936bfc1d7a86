using System.IO.Pipes;
using System.Net;
using System.Net.Sockets;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>What a server listens on and what it answers: predicates, plain answers, sockets of others, pipes.</summary>
public sealed class MappingTests
{
    [Theory]
    [InlineData("/", "a.example", "a")]
    [InlineData("/chat", "a.example", "a")]
    [InlineData("/chat", "b.example", "b")]
    [InlineData("/chat", "c.example", "chat")]
    [InlineData("/other", "c.example", "any")]
    public async Task MapWhen_is_asked_before_paths_and_in_the_order_of_mapping(string path, string host, string expected)
    {
        await using var test = new ServerTest();
        test.Server.Map("/*", Say("any"));
        test.Server.Map("/chat", Say("chat"));
        test.Server.MapWhen(request => request.Headers["Host"] == "a.example", Say("a"));
        test.Server.MapWhen(
            request => request.Headers["Host"] is "a.example" or "b.example",
            new WebSocketHandler
            {
                Opened = socket => _ = socket.SendTextAsync("b"),
                Message = static (_, _) => default,
            });
        await test.Server.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(RawClient.Request(test.Server, path).Replace(test.Host, host, StringComparison.Ordinal));

        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(expected, await client.ReadTextAsync());
    }

    [Fact]
    public async Task MapWhen_that_throws_is_500_and_the_server_goes_on()
    {
        await using var test = new ServerTest();
        test.Server.MapWhen(request => request.Path == "/throws" ? throw new FormatException("no") : false, Say("never"));
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();

        Assert.StartsWith("HTTP/1.1 500 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/throws")), StringComparison.Ordinal);
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok /healthz")]
    [InlineData("GET /healthz?deep=1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, "ok /healthz?deep=1")]
    [InlineData("GET /healthz HTTP/1.0\r\n\r\n", 200, "ok /healthz")]
    [InlineData("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200, "")]
    [InlineData("GET /page HTTP/1.1\r\nHost: a\r\n\r\n", 203, "<p>\u00FC</p>")]
    [InlineData("GET /throws HTTP/1.1\r\nHost: a\r\n\r\n", 500, "500 Internal Server Error\n")]
    [InlineData("GET /fails HTTP/1.1\r\nHost: a\r\n\r\n", 500, "500 Internal Server Error\n")]
    [InlineData("GET /healthz HTTP/1.1\r\n\r\n", 400, null)] // no Host
    [InlineData("POST /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 405, null)]
    [InlineData("GET /Healthz HTTP/1.1\r\nHost: a\r\n\r\n", 426, null)]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, null)]
    public async Task MapGet_answers_requests_that_ask_for_no_upgrade(string request, int status, string? body)
    {
        await using var test = new ServerTest();
        test.Server.MapGet("/healthz", asked => new HttpAnswer($"ok {asked.Target}"));
        test.Server.MapGet("/page", async _ =>
        {
            await Task.Yield();
            return new HttpAnswer("<p>\u00FC</p>", 203) { Headers = new() { { "Content-Type", "text/html; charset=utf-8" }, { "X-Own", "1" } } };
        });
        test.Server.MapGet("/throws", HttpAnswer (_) => throw new FormatException("no"));
        test.Server.MapGet("/fails", _ => ValueTask.FromException<HttpAnswer>(new FormatException("no")));
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();

        string answer = await RawClient.AskAsync(test.Server, request);

        string[] parts = answer.Split("\r\n\r\n", 2);
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close", parts[0], StringComparison.Ordinal);
        if (body is not null)
            Assert.Equal(System.Text.Encoding.UTF8.GetBytes(body), System.Text.Encoding.Latin1.GetBytes(parts[1]));
        Assert.Equal(status == 203, parts[0].Contains("\r\nX-Own: 1", StringComparison.Ordinal));
        if (request.StartsWith("HEAD", StringComparison.Ordinal))
            Assert.Contains("\r\nContent-Length: 11", parts[0], StringComparison.Ordinal);
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task MapGet_leaves_connections_at_its_path_alone_and_is_no_failed_handshake()
    {
        int failed = 0;
        await using var test = new ServerTest();
        test.Server.HandshakeFailed += _ => failed++;
        test.Server.MapGet("/any", _ => new HttpAnswer("page"));
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();

        Assert.EndsWith("\r\n\r\npage", await RawClient.AskAsync(test.Server, "GET /any HTTP/1.1\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
        await test.AssertServesAsync();
        Assert.Equal(0, failed);
        Assert.Throws<ArgumentException>("path", () => test.Server.MapGet("/any", _ => new HttpAnswer("")));
        Assert.Throws<ArgumentException>("path", () => test.Server.MapGet("any", _ => new HttpAnswer("")));
        Assert.Throws<ArgumentOutOfRangeException>("statusCode", () => new HttpAnswer("", 101));
        Assert.Throws<ArgumentException>("Headers", () => new HttpAnswer("") { Headers = new() { { "Content-Length", "1" } } });
    }

    [Fact]
    public async Task Answer_that_takes_too_long_is_503()
    {
        var asked = new TaskCompletionSource();
        var never = new TaskCompletionSource<HttpAnswer>();
        await using var test = new ServerTest();
        test.Server.MapGet("/slow", _ =>
        {
            asked.SetResult();
            return new ValueTask<HttpAnswer>(never.Task);
        });
        await test.Server.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        await asked.Task.Soon();

        test.Advance(TimeSpan.FromSeconds(10));

        Assert.StartsWith("HTTP/1.1 503 ", await client.ReadToEndAsync(), StringComparison.Ordinal);
        client.Dispose();
        never.SetResult(new HttpAnswer("late"));
        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Server_listens_on_a_socket_that_somebody_else_has_bound(bool listensAlready)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        if (listensAlready)
            listener.Start();
        else
            listener.Server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        EndPoint endPoint = listener.Server.LocalEndPoint!;
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Port = null, ListeningSockets = [listener.Server] });

        Assert.Equal([endPoint], test.Server.EndPoints);
        await test.AssertServesAsync();
        await test.Server.StopAsync();
        await Assert.ThrowsAnyAsync<SocketException>(() => RawClient.ConnectAsync(endPoint));
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Server_whose_listening_socket_was_closed_by_somebody_else_leaves_alone_what_has_its_number_now()
    {
        using var others = new TcpListener(IPAddress.Loopback, 0);
        others.Start();
        var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        nint number = listening.Handle;
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Port = null, ListeningSockets = [listening] });
        listening.Dispose();
        List<Socket> sockets = [];
        do
            sockets.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        while (sockets[^1].Handle != number && sockets.Count < 100);
        await sockets[^1].ConnectAsync(others.LocalEndpoint);
        using Socket peer = await others.AcceptSocketAsync();
        Task<int> receiving = sockets[^1].ReceiveAsync(new byte[1]);

        await test.Server.StopAsync();

        await peer.SendAsync(new byte[1]);
        Assert.Equal(1, await receiving.Soon());
        sockets.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task Socket_that_is_not_bound_cannot_be_listened_on()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var test = new ServerTest(options => options with { Port = null, ListeningSockets = [socket] });

        Assert.Contains("not bound", Assert.Throws<InvalidOperationException>(() => { _ = test.Server.StartAsync(); }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unix_domain_socket_whose_file_is_there_says_what_to_do()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye-{Guid.NewGuid():N}.sock");
        await File.WriteAllTextAsync(path, "");
        await using var test = new ServerTest(options => options with { Port = null, EndPoints = [new UnixDomainSocketEndPoint(path)] });

        var thrown = Assert.Throws<IOException>(() => { _ = test.Server.StartAsync(); });

        Assert.Contains(path, thrown.Message, StringComparison.Ordinal);
        Assert.Contains("delete it", thrown.Message, StringComparison.Ordinal);
        File.Delete(path);
    }

    [Fact]
    public async Task Server_on_a_named_pipe_serves_many()
    {
        var endPoint = new PipeEndPoint($"sockeye-{Guid.NewGuid():N}");
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Port = null, EndPoints = [endPoint] });
        Assert.Equal([endPoint], test.Server.EndPoints);
        List<WebSocketConnection> clients = [];
        for (int i = 0; i < 5; i++)
        {
            var pipe = new NamedPipeClientStream(".", endPoint.Name, PipeDirection.InOut, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
            await pipe.ConnectAsync((int)ServerTest.Patience.TotalMilliseconds);
            clients.Add(await WebSocketClient.ConnectAsync(pipe, new Uri("ws://localhost/any")).Soon());
        }

        foreach (WebSocketConnection client in clients)
        {
            await client.SendTextAsync("through a pipe");
            Assert.Equal("through a pipe", (await client.ReceiveAsync().Soon()).GetText());
        }

        Assert.Equal(clients.Count, test.Server.Connections.Count);
        foreach (WebSocketConnection client in clients)
            Assert.True((await client.CloseAsync().Soon()).IsClean);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Named_pipe_that_another_listens_on_is_refused_by_its_name()
    {
        var endPoint = new PipeEndPoint($"sockeye-{Guid.NewGuid():N}");
        await using ServerTest first = await ServerTest.EchoAsync(options => options with { Port = null, EndPoints = [endPoint] });
        await using var second = new ServerTest(options => options with { Port = null, EndPoints = [endPoint] });

        Assert.Contains(endPoint.Name, Assert.Throws<IOException>(() => { _ = second.Server.StartAsync(); }).Message, StringComparison.Ordinal);
    }

    private static Func<WebSocketConnection, CancellationToken, Task> Say(string text) =>
        async (socket, cancel) => await socket.SendTextAsync(text, cancel);
}
