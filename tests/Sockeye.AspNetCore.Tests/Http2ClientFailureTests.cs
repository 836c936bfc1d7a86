using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Sockeye.Testing;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What the client tells where a connection over HTTP/2 does not come about.</summary>
public sealed class Http2ClientFailureTests
{
    [Theory]
    [InlineData("subprotocol", HandshakeFailure.Protocol, "SubprotocolMustBeSelected")]
    [InlineData("http1", HandshakeFailure.Protocol, null)]
    [InlineData("http1 by TLS", HandshakeFailure.Protocol, null)]
    [InlineData("nobody", HandshakeFailure.Connect, null)]
    [InlineData("untrusted", HandshakeFailure.Tls, null)]
    [InlineData("name", HandshakeFailure.Dns, null)]
    public async Task Failure_has_its_cause(string what, HandshakeFailure cause, string? rule)
    {
        Road road = what switch { "http1" => Road.Http11, "http1 by TLS" => Road.Http11Tls, "untrusted" => Road.Http2Tls, _ => Road.Http2 };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: road);
        using var http = new HttpMessageInvoker(what == "untrusted" ? new SocketsHttpHandler() : Http2ClientTests.Handler());
        string uri = what switch
        {
            "nobody" => "ws://127.0.0.1:1/",
            "name" => "ws://nobody.invalid/",
            _ => $"{Http2ClientTests.Scheme(road, "ws")}://{host.Host}/",
        };
        WebSocketClientOptions options = new()
        {
            Http2 = http,
            Subprotocols = what == "subprotocol" ? ["v1"] : [],
            ConnectTimeout = TimeSpan.FromMinutes(1),
        };

        WebSocketHandshakeException thrown;
        do
        {
            thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
                () => WebSocketClient.ConnectAsync(uri, options).WaitAsync(TimeSpan.FromMinutes(1)));
        }
        while (IsUntold(thrown));

        Assert.Equal((cause, rule), (thrown.Cause, thrown.Fault?.Rule.ToString()));
        Assert.Equal(
            what.StartsWith("http1", StringComparison.Ordinal),
            thrown.Message.EndsWith("connect without Http2.", StringComparison.Ordinal));
        var attempt = new ConnectAttempt { Uri = new Uri(uri), Options = options };
        Assert.Equal(cause is HandshakeFailure.Protocol or HandshakeFailure.Tls, new ReconnectFailure { Attempt = attempt, Exception = thrown }.IsFatal);
    }

    [Fact]
    public async Task Server_that_speaks_HTTP_2_without_WebSockets_is_told_as_such()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var http = new HttpMessageInvoker(Http2ClientTests.Handler());
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync($"ws://{listener.LocalEndPoint}/", new() { Http2 = http });
        using Socket accepted = await listener.AcceptAsync().WaitAsync(WebHost.Patience);

        // SETTINGS, of which none is SETTINGS_ENABLE_CONNECT_PROTOCOL.
        await accepted.SendAsync(new byte[] { 0, 0, 0, 4, 0, 0, 0, 0, 0 });

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(WebHost.Patience));
        Assert.Equal(HandshakeFailure.Protocol, thrown.Cause);
        Assert.Contains("RFC 8441", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", HandshakeFailure.Protocol)]
    [InlineData("", HandshakeFailure.Ended)]
    public async Task Server_that_answers_in_another_language_is_told_from_one_that_ends(string answer, HandshakeFailure cause)
    {
        using Socket listener = Listen();
        using var http = new HttpMessageInvoker(Http2ClientTests.Handler());
        WebSocketHandshakeException thrown;
        do
        {
            Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync($"ws://{listener.LocalEndPoint}/", new() { Http2 = http });
            using Socket accepted = await listener.AcceptAsync().WaitAsync(WebHost.Patience);
            await ReadAsync(accepted, "SM\r\n\r\n");
            await accepted.SendAsync(Encoding.ASCII.GetBytes(answer));
            accepted.Shutdown(SocketShutdown.Send);
            thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(WebHost.Patience));
        }
        while (IsUntold(thrown));

        Assert.Equal(cause, thrown.Cause);
    }

    [Theory]
    [InlineData("HttpClient.Timeout")]
    [InlineData("SocketsHttpHandler.ConnectTimeout")]
    public async Task Timeouts_of_the_framework_are_told_as_such(string timeout)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.Map("/", context => Task.Delay(Timeout.Infinite, context.RequestAborted)), road: Road.Http2);
        SocketsHttpHandler handler = Http2ClientTests.Handler();
        if (timeout != "HttpClient.Timeout")
        {
            handler.ConnectTimeout = TimeSpan.FromMilliseconds(50);
            handler.ConnectCallback = async (_, cancel) =>
            {
                await Task.Delay(Timeout.Infinite, cancel);
                return Stream.Null;
            };
        }

        using var http = new HttpClient(handler);
        if (timeout == "HttpClient.Timeout")
            http.Timeout = TimeSpan.FromMilliseconds(50);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => Http2ClientTests.ConnectAsync(host, "/", new() { Http2 = http }));

        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
        Assert.Contains("timeouts of Http2", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Type", "text/plain", "describes content")]
    [InlineData("content-language", "de", "describes content")]
    [InlineData("Allow", "GET", "describes content")]
    [InlineData("Expires", "0", "describes content")]
    [InlineData("Last-Modified", "0", "describes content")]
    [InlineData("X-Accent", "\u00E9", "RequestHeaderEncodingSelector")]
    public async Task Header_that_cannot_be_sent_is_refused_by_name(string name, string value, string message)
    {
        bool isReached = false;
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", (socket, _) =>
            {
                isReached = true;
                return Task.CompletedTask;
            }),
            road: Road.Http2);
        using var http = new HttpMessageInvoker(Http2ClientTests.Handler());

        var thrown = await Assert.ThrowsAsync<ArgumentException>(
            () => Http2ClientTests.ConnectAsync(host, "/", new() { Http2 = http, Headers = new() { { name, value } } }));

        Assert.False(isReached);
        Assert.StartsWith($"The header {name} cannot be sent over HTTP/2", thrown.Message, StringComparison.Ordinal);
        Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
        Assert.Contains("connect without Http2", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unix_domain_socket_is_the_business_of_the_handler()
    {
        using var http = new HttpMessageInvoker(Http2ClientTests.Handler());

        var thrown = await Assert.ThrowsAsync<ArgumentException>(
            () => WebSocketClient.ConnectAsync("ws+unix:/tmp/a.sock:/b", new() { Http2 = http }).WaitAsync(WebHost.Patience));

        Assert.Contains("ConnectCallback of its SocketsHttpHandler", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_that_refuses_tells_its_status()
    {
        using Socket listener = Listen();
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { Proxy = new WebProxy($"http://{listener.LocalEndPoint}") });
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync("wss://example.invalid/", new() { Http2 = http });
        using Socket accepted = await listener.AcceptAsync().WaitAsync(WebHost.Patience);
        await ReadAsync(accepted, "\r\n\r\n");
        await accepted.SendAsync("HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"u8.ToArray());

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(WebHost.Patience));

        Assert.Equal((HandshakeFailure.Proxy, 407), (thrown.Cause, thrown.StatusCode));
    }

    // The clock goes on until it is told, a second at most; the deadline is a day.
    [Fact]
    public async Task Refusal_whose_body_does_not_end_tells_its_status()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.Map("/", async context =>
            {
                context.Response.StatusCode = 401;
                await context.Response.WriteAsync("part");
                await context.Response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }),
            road: Road.Http2);
        using var http = new HttpMessageInvoker(Http2ClientTests.Handler());
        var time = new ManualTimeProvider();
        var answered = new TaskCompletionSource();
        Task<WebSocketConnection> connecting = Http2ClientTests.ConnectAsync(host, "/", new()
        {
            Http2 = http,
            ConnectTimeout = TimeSpan.FromDays(1),
            Connection = new() { TimeProvider = time },
            ResponseCallback = _ => answered.SetResult(),
        });
        await answered.Task.WaitAsync(WebHost.Patience);
        while (!connecting.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting);

        Assert.Equal((HandshakeFailure.Status, 401), (thrown.Cause, thrown.StatusCode));
    }

    /// <summary>Tells whether a connection ended before the framework had used it: then it says nothing of why.</summary>
    private static bool IsUntold(WebSocketHandshakeException thrown)
    {
        if (thrown.InnerException is not HttpRequestException { HttpRequestError: HttpRequestError.Unknown, InnerException: null })
            return false;
        Assert.Equal(HandshakeFailure.Ended, thrown.Cause);
        Assert.EndsWith("connect without Http2.", thrown.Message, StringComparison.Ordinal);
        return true;
    }

    private static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    /// <summary>Reads until a mark has come.</summary>
    private static async Task ReadAsync(Socket socket, string mark)
    {
        string received = "";
        byte[] buffer = new byte[4096];
        while (!received.Contains(mark, StringComparison.Ordinal))
            received += Encoding.Latin1.GetString(buffer, 0, await socket.ReceiveAsync(buffer).WaitAsync(WebHost.Patience));
    }
}
