using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>What an application may change about how its client connects.</summary>
public sealed class ConnectOptionsTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

    public static TheoryData<bool> Both => [true, false];

    [Fact]
    public async Task RequestCallback_adds_changes_and_removes_headers_of_this_request_alone()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(Open + "\r\n");
        Uri? seen = null;
        var options = new WebSocketClientOptions
        {
            Headers = new() { { "X-Old", "1" }, { "X-Kept", "2" } },
            RequestCallback = async (request, cancel) =>
            {
                await Task.Delay(1, cancel);
                seen = request.Uri;
                Assert.True(request.Headers.Remove("x-old"));
                Assert.False(request.Headers.Remove("X-Absent"));
                request.Headers.Remove("Authorization");
                request.Headers.Add("Authorization", "Bearer fresh");
            },
        };

        (await WebSocketClient.ConnectAsync($"http://user:secret@127.0.0.1:{server.Port}/a?b", options).Soon()).Abort();

        await answering;
        Assert.Equal($"ws://127.0.0.1:{server.Port}/a?b", seen?.ToString());
        Assert.EndsWith("\r\nX-Kept: 2\r\nAuthorization: Bearer fresh\r\n\r\n", server.Request, StringComparison.Ordinal);
        Assert.DoesNotContain("X-Old", server.Request, StringComparison.Ordinal);
        Assert.Equal(2, options.Headers.Count);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Key")]
    [InlineData("Upgrade")]
    [InlineData("Host")]
    public async Task RequestCallback_that_spoils_the_handshake_is_refused_before_anything_is_sent(string name)
    {
        using var server = new RawServer();
        var options = new WebSocketClientOptions
        {
            RequestCallback = (request, _) =>
            {
                request.Headers.Add(name, "a");
                request.Headers.Add(name, "b");
                return default;
            },
        };

        await Assert.ThrowsAsync<ArgumentException>(() => WebSocketClient.ConnectAsync(server.Uri, options).Soon());
    }

    [Fact]
    public void RequestCallback_begins_where_an_EventWebSocket_is_constructed()
    {
        using var server = new RawServer();
        int thread = 0;
        var ws = new EventWebSocket(server.Uri, new WebSocketClientOptions
        {
            RequestCallback = (_, _) =>
            {
                thread = Environment.CurrentManagedThreadId;
                return default;
            },
        });

        Assert.Equal(Environment.CurrentManagedThreadId, thread);
        ws.Terminate();
    }

    [Fact]
    public async Task RequestCallback_that_never_returns_is_ended_by_the_deadline()
    {
        var time = new TimerSignals();
        var options = new WebSocketClientOptions
        {
            RequestCallback = (_, _) => new ValueTask(new TaskCompletionSource().Task),
            Connection = new() { TimeProvider = time },
        };
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync("ws://127.0.0.1:1/", options);
        time.Manual.Advance(options.ConnectTimeout);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
        Assert.Contains("RequestCallback", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RequestCallback_that_throws_fails_the_attempt_with_what_it_threw()
    {
        var options = new WebSocketClientOptions { RequestCallback = (_, _) => throw new KeyNotFoundException("no token") };
        await Assert.ThrowsAsync<KeyNotFoundException>(() => WebSocketClient.ConnectAsync("ws://127.0.0.1:1/", options).Soon());
    }

    [Theory]
    [InlineData("HTTP/1.1 101 Fine\r\nUpgrade: nonsense\r\nX-Seen: yes\r\n\r\n", 101)]
    [InlineData("HTTP/1.1 403 No\r\nContent-Length: 0\r\nX-Seen: yes\r\n\r\n", 403)]
    public async Task ResponseCallback_sees_the_response_before_it_is_judged(string answer, int status)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(answer);
        ResponseHead? seen = null;

        await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(server.Uri, new() { ResponseCallback = response => seen = response }).Soon());

        await answering;
        Assert.Equal((status, "yes"), (seen?.StatusCode, seen?.Headers["X-Seen"]));
    }

    [Fact]
    public async Task RequestSentCallback_sees_the_whole_request_also_where_it_is_refused()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
        RequestHead? seen = null;
        var options = new WebSocketClientOptions
        {
            RequestCallback = (request, _) =>
            {
                request.Headers.Add("X-Edited", "yes");
                return default;
            },
            RequestSentCallback = request => seen = request,
        };

        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri, options).Soon());

        await answering;
        Assert.Equal("yes", seen?.Headers["X-Edited"]);
        Assert.Equal(server.Request, System.Text.Encoding.ASCII.GetString(seen!.ToBytes()));
    }

    [Fact]
    public async Task ResponseCallback_that_throws_ends_the_connection()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(Open + "\r\n");

        await Assert.ThrowsAsync<KeyNotFoundException>(() => WebSocketClient.ConnectAsync(
            server.Uri, new() { ResponseCallback = _ => throw new KeyNotFoundException() }).Soon());

        await answering;
        await server.AssertClientEndsAsync();
    }

    // It is the application that failed, not the peer.
    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(ObjectDisposedException))]
    public async Task What_a_callback_throws_comes_as_it_is(Type type)
    {
        Exception thrown = (Exception)Activator.CreateInstance(type, "the log is full")!;
        using var http = new HttpMessageInvoker(new AnsweringHandler(() => new HttpResponseMessage(HttpStatusCode.Forbidden)));
        var asking = new WebSocketClientOptions { RequestSentCallback = _ => throw thrown };
        var answered = new WebSocketClientOptions { ResponseCallback = _ => throw thrown };
        using var server = new RawServer();
        Task answering = AnswerAsync();

        Assert.Same(thrown, await Assert.ThrowsAsync(type, () => WebSocketClient.ConnectAsync(server.Uri, asking).Soon()));
        Assert.Same(thrown, await Assert.ThrowsAsync(type, () => WebSocketClient.ConnectAsync(server.Uri, answered).Soon()));
        await answering;
        await server.AssertClientEndsAsync();
        Assert.Same(thrown, await Assert.ThrowsAsync(type, () => WebSocketClient.ConnectAsync(server.Uri, asking with { Http2 = http }).Soon()));
        Assert.Same(thrown, await Assert.ThrowsAsync(type, () => WebSocketClient.ConnectAsync(server.Uri, answered with { Http2 = http }).Soon()));

        async Task AnswerAsync()
        {
            await server.AcceptRawAsync();
            await server.AssertClientEndsAsync();
            await server.AnswerAsync(Open + "\r\n");
        }
    }

    [Fact]
    public async Task Http2_that_is_cancelled_by_nobody_is_a_failure()
    {
        using var http = new HttpMessageInvoker(new AnsweringHandler(() => throw new TaskCanceledException("Its own patience is over.")));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws://example.invalid/", new() { Http2 = http }).Soon());

        Assert.Equal(HandshakeFailure.Ended, thrown.Cause);
        Assert.IsType<TaskCanceledException>(thrown.InnerException);
    }

    [Fact]
    public async Task Cookies_are_sent_and_kept_by_the_rules_of_a_browser()
    {
        var cookies = new CookieContainer();
        var options = new WebSocketClientOptions { Cookies = cookies, Headers = new() { { "Cookie", "own=1" } } };
        using (var server = new RawServer())
        {
            cookies.Add(new Uri($"http://127.0.0.1:{server.Port}/chat"), new Cookie("there", "2", "/chat"));
            cookies.Add(new Uri($"http://127.0.0.1:{server.Port}/"), new Cookie("elsewhere", "3", "/other"));
            cookies.Add(new Uri($"https://127.0.0.1:{server.Port}/"), new Cookie("secret", "4", "/") { Secure = true });
            Task answering = server.AnswerAsync(
                Open + "Set-Cookie: session=abc; Path=/\r\nSet-Cookie: for=others; Domain=example.com\r\nSet-Cookie: =\r\n\r\n");
            (await WebSocketClient.ConnectAsync(server.Uri + "chat", options).Soon()).Abort();
            await answering;
            Assert.Contains("\r\nCookie: own=1; there=2\r\n", server.Request, StringComparison.Ordinal);
        }

        using (var server = new RawServer())
        {
            Task answering = server.AnswerAsync("HTTP/1.1 401 Who\r\nSet-Cookie: challenge=5\r\nContent-Length: 0\r\n\r\n");
            await Assert.ThrowsAsync<WebSocketHandshakeException>(
                () => WebSocketClient.ConnectAsync(server.Uri, options with { Headers = [] }).Soon());
            await answering;
            Assert.Contains("\r\nCookie: session=abc\r\n", server.Request, StringComparison.Ordinal);
        }

        Assert.Equal("session=abc; challenge=5", cookies.GetCookieHeader(new Uri("http://127.0.0.1/")));
    }

    [Theory]
    [InlineData("ws", false)]
    [InlineData("wss", false)]
    [InlineData("ws", true)]
    [InlineData("wss", true)]
    public async Task ConnectCallback_brings_a_stream_of_its_own(string scheme, bool isSocket)
    {
        await using ServerTest test = await ServerTest.EchoAsync(
            options => scheme == "wss" ? options with { Tls = TestCertificates.Serving(TestCertificates.Server) } : options);
        WebSocketConnectContext? asked = null;
        var options = new WebSocketClientOptions
        {
            Tls = TestCertificates.Trusting(),
            ConnectCallback = async (context, cancel) =>
            {
                asked = context;
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(test.Server.EndPoints[0], cancel);
                var stream = new NetworkStream(socket, ownsSocket: true);
                return isSocket ? stream : new Wrapped(stream);
            },
        };

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"{scheme}://me:pw@localhost:4711/x", options).Soon();

        Assert.Equal(new DnsEndPoint("localhost", 4711), asked?.EndPoint);
        Assert.Equal($"{scheme}://localhost:4711/x", asked?.Uri.ToString());
        Assert.Equal((isSocket, scheme == "wss"), (client.RemoteEndPoint is IPEndPoint, client.IsSecure));
        await client.SendTextAsync("through");
        Assert.Equal("through", (await client.ReceiveAsync().Soon()).GetText());
        Assert.True((await client.CloseAsync().Soon()).IsClean);
    }

    [Fact]
    public async Task ConnectCallback_that_fails_is_a_failure_to_connect()
    {
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(
            "ws://example.com/", new() { ConnectCallback = (_, _) => throw new IOException("The pipe is gone.") }).Soon());

        Assert.Equal(HandshakeFailure.Connect, thrown.Cause);
        Assert.Contains("The pipe is gone.", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectCallback_whose_stream_comes_after_the_deadline_is_not_waited_for_and_its_stream_is_closed()
    {
        var time = new TimerSignals();
        var late = new TaskCompletionSource<Stream>();
        var options = new WebSocketClientOptions
        {
            ConnectCallback = (_, _) => new ValueTask<Stream>(late.Task), Connection = new() { TimeProvider = time },
        };
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync("ws://example.com/", options);
        time.Manual.Advance(options.ConnectTimeout);
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);

        (DuplexStream near, _) = StreamPair.Create();
        late.SetResult(near);

        await near.Disposed.Soon();
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConfigureSocket_sets_the_address_of_this_side_and_options(bool loops)
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        int seen = 0;
        var options = Options(loops) with
        {
            ConfigureSocket = socket =>
            {
                seen++;
                socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 0));
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
            },
        };

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri, options).Soon();

        Assert.Equal(1, seen);
        Assert.Equal("127.0.0.9", ((IPEndPoint)client.LocalEndPoint!).Address.ToString());
        await client.SendTextAsync("hello");
        Assert.Equal("hello", (await client.ReceiveAsync().Soon()).GetText());
        Assert.True((await client.CloseAsync().Soon()).IsClean);
    }

    public static TheoryData<bool, string> Sockets => new() { { true, "ws" }, { true, "wss" }, { false, "ws" }, { false, "wss" } };

    [Theory]
    [MemberData(nameof(Sockets))]
    public async Task Socket_that_is_connected_keeps_the_options_that_were_set_and_sends_at_once(bool loops, string scheme)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The test looks at the socket through a descriptor of its own.");
        await using ServerTest test = await ServerTest.EchoAsync(
            options => scheme == "wss" ? options with { Tls = TestCertificates.Serving(TestCertificates.Server) } : options);
        Socket? seen = null;
        var options = Options(loops) with
        {
            Tls = TestCertificates.Trusting(),
            ConfigureSocket = socket =>
            {
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
                socket.NoDelay = false;
                seen = new Socket(new SafeSocketHandle(Transports.Linux.Libc.Duplicate((int)socket.Handle), ownsHandle: true));
            },
        };

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"{scheme}://{test.Host}/", options).Soon();

        Assert.Equal(client.LocalEndPoint, seen!.LocalEndPoint);
        Assert.NotEqual(0, seen.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive));
        Assert.Equal(60, seen.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime));
        Assert.NotEqual(0, seen.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.NoDelay));
        Assert.True((await client.CloseAsync().Soon()).IsClean);
        seen.Dispose();
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConfigureSocket_that_cannot_do_so_is_a_failure_to_connect(bool loops)
    {
        var options = Options(loops) with { ConfigureSocket = socket => socket.Bind(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0)) };

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync("ws://127.0.0.1:9/", options).Soon());

        Assert.Equal(HandshakeFailure.Connect, thrown.Cause);
        Assert.Equal(SocketError.AddressNotAvailable, Assert.IsType<SocketException>(thrown.InnerException).SocketErrorCode);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Unix_domain_socket_is_reached_by_its_path(bool loops)
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye {Guid.NewGuid():N}.sock");
        await using ServerTest test = await ServerTest.EchoAsync(
            options => options with { Port = null, EndPoints = [new UnixDomainSocketEndPoint(path)] });

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
            $"ws+unix:{path}:/chat?room=1", Options(loops) with { Connection = new() { Buffers = test.Buffers } }).Soon();

        Assert.Equal(("/chat?room=1", "localhost"), (client.Request?.Target, client.Request?.Headers["Host"]));
        Assert.Equal(path, client.RemoteEndPoint?.ToString());
        string text = new('x', 100_000);
        await client.SendTextAsync(text);
        Assert.Equal(text, (await client.ReceiveAsync().Soon()).GetText());
        Assert.True((await client.CloseAsync().Soon()).IsClean);
        Assert.True((await client.ReceiveAsync().Soon()).IsEnd);
        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Unix_domain_socket_that_is_not_there_is_a_failure_to_connect(bool loops)
    {
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync("ws+unix:/nonexistent/a.sock:/", Options(loops)).Soon());

        Assert.Equal(HandshakeFailure.Connect, thrown.Cause);
        Assert.Contains("/nonexistent/a.sock", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_with_several_addresses_of_which_none_answers_tells_each_reason_once()
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync("localhost");
        int port;
        using (var server = new RawServer())
            port = server.Port;

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync($"ws://localhost:{port}/").Soon());

        Assert.NotEmpty(addresses);
        Assert.Equal($"Cannot connect to localhost port {port}: nothing listens there.", thrown.Message);
        Assert.IsType<SocketException>(thrown.InnerException);
    }

    private static WebSocketClientOptions Options(bool loops) => new() { EventLoop = loops ? EventLoopOptions.Default : null };

    /// <summary>A stream that is no socket's as far as anybody can see.</summary>
    private sealed class Wrapped(Stream inner) : TestStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(buffer, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class AnsweringHandler(Func<HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(answer());
    }
}
