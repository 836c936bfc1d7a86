using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Sockeye.Protocol;

namespace Sockeye.AspNetCore.Tests;

/// <summary>The client of Sockeye over HTTP/2 (RFC 8441), which the framework's stack carries.</summary>
public sealed class Http2ClientTests
{
    public static TheoryData<Road> Roads => [Road.Http2, Road.Http2Tls];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Connections_and_requests_share_one_HTTP_connection(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapWebSocket("/echo", WebHost.EchoAsync, new WebSocketAcceptOptions { PerMessageDeflate = new(), Subprotocols = ["v1"] });
                app.MapGet("/plain", () => "hello");
            },
            road: road);
        int dialled = 0;
        using var http = new HttpClient(Handler(() => Interlocked.Increment(ref dialled)));
        List<WebSocketConnection> sockets = [];
        for (int i = 0; i < 5; i++)
            sockets.Add(await ConnectAsync(host, "/echo?x=1", new() { Http2 = http, Subprotocols = ["v2", "v1"] }));

        foreach (WebSocketConnection socket in sockets)
        {
            Assert.Equal("v1", socket.Subprotocol);
            Assert.NotNull(socket.PerMessageDeflate);
            Assert.Equal(("CONNECT", "/echo?x=1"), (socket.Request?.Method, socket.Request?.Target));
            foreach (int size in (int[])[0, 1, 126, 65_536, 1_000_000])
            {
                string text = new('x', size);
                Task sending = socket.SendTextAsync(text).AsTask();
                Assert.Equal(text, (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
                await sending.WaitAsync(WebHost.Patience);
            }
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Scheme(road, "http")}://{host.Host}/plain")
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using HttpResponseMessage response = await http.SendAsync(request).WaitAsync(WebHost.Patience);
        Assert.Equal("hello", await response.Content.ReadAsStringAsync());
        Assert.Equal(1, dialled);

        foreach (WebSocketConnection socket in sockets)
        {
            Assert.InRange((await socket.PingAsync().WaitAsync(WebHost.Patience)).Ticks, 1, long.MaxValue);
            CloseResult result = await socket.CloseAsync(CloseCode.Normal, "done").WaitAsync(WebHost.Patience);
            Assert.Equal((true, CloseCode.Normal), (result.IsClean, result.ReceivedCode));
        }
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Server_that_closes_ends_the_connection_cleanly(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) =>
            {
                await socket.SendTextAsync("last words", cancel);
                await socket.CloseAsync((CloseCode)4001, "bye", cancel);
            }),
            road: road);
        using var http = new HttpMessageInvoker(Handler());
        await using WebSocketConnection socket = await ConnectAsync(host, "/", new() { Http2 = http });

        Assert.Equal("last words", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        CloseResult result = await socket.Closed.WaitAsync(WebHost.Patience);
        Assert.Equal((true, 4001, "bye"), (result.IsClean, (int)result.Code, result.Reason));
    }

    [Fact]
    public async Task Connection_that_is_aborted_ends_at_the_server_and_leaves_the_others()
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/echo", async (socket, cancel) =>
            {
                _ = socket.Closed.ContinueWith(closed => ended.TrySetResult(closed.Result), TaskScheduler.Default);
                await WebHost.EchoAsync(socket, cancel);
            }),
            road: Road.Http2);
        using var http = new HttpMessageInvoker(Handler());
        await using WebSocketConnection other = await ConnectAsync(host, "/echo", new() { Http2 = http });
        WebSocketConnection socket = await ConnectAsync(host, "/echo", new() { Http2 = http });

        socket.Abort();

        Assert.False((await ended.Task.WaitAsync(WebHost.Patience)).IsClean);
        await other.SendTextAsync("still here");
        Assert.Equal("still here", (await other.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        Assert.True((await other.CloseAsync().WaitAsync(WebHost.Patience)).IsClean);
    }

    [Fact]
    public async Task Request_carries_what_the_options_set()
    {
        HttpRequest? seen = null;
        string headers = "";
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", (HttpContext context, WebSocketConnection _, CancellationToken _) =>
            {
                seen = context.Request;
                headers = string.Join('\n', context.Request.Headers.Select(header => $"{header.Key.ToUpperInvariant()}: {header.Value}"));
                return Task.CompletedTask;
            }),
            road: Road.Http2);
        using var http = new HttpMessageInvoker(Handler());
        var cookies = new CookieContainer();
        cookies.Add(new Uri($"http://{host.Host}/"), new Cookie("a", "1"));
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync($"ws://me:pw@{host.Host}/", new()
        {
            Http2 = http,
            Cookies = cookies,
            Origin = $"http://{host.Host}",
            Headers = new() { { "X-Own", "2" } },
            RequestCallback = (request, _) =>
            {
                request.Headers.Add("X-Late", "3");
                return default;
            },
        }).WaitAsync(WebHost.Patience);
        await socket.Closed.WaitAsync(WebHost.Patience);

        Assert.Equal("HTTP/2", seen?.Protocol);
        foreach (string line in (string[])["X-OWN: 2", "X-LATE: 3", "COOKIE: a=1", $"ORIGIN: http://{host.Host}", "SEC-WEBSOCKET-VERSION: 13", "AUTHORIZATION: Basic "])
            Assert.Contains(line, headers, StringComparison.Ordinal);
        Assert.DoesNotContain("SEC-WEBSOCKET-KEY", headers, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refusal_tells_its_status_headers_and_body()
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.Map("/", context =>
            {
                context.Response.StatusCode = 403;
                context.Response.Headers["X-Why"] = "because";
                return context.Response.WriteAsync("go away");
            }),
            road: Road.Http2);
        using var http = new HttpClient(Handler());

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => ConnectAsync(host, "/", new() { Http2 = http }));

        Assert.Equal((HandshakeFailure.Status, 403, "because"), (thrown.Cause, thrown.StatusCode, thrown.Headers?["X-Why"]));
        Assert.Equal("go away", Encoding.UTF8.GetString(thrown.Body.Span));
    }

    [Fact]
    public async Task Timeout_of_the_HttpClient_does_not_end_a_connection_that_is_open()
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapWebSocket("/echo", WebHost.EchoAsync);
                app.Map("/silent", context => Task.Delay(Timeout.Infinite, context.RequestAborted));
            },
            road: Road.Http2);
        using var http = new HttpClient(Handler()) { Timeout = TimeSpan.FromSeconds(3) };
        await using WebSocketConnection socket = await ConnectAsync(host, "/echo", new() { Http2 = http });

        // It began later and has run into its timeout: that of the connection is over as well.
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => ConnectAsync(host, "/silent", new() { Http2 = http }));

        await socket.SendTextAsync("still here");
        Assert.Equal("still here", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        Assert.True((await socket.CloseAsync().WaitAsync(WebHost.Patience)).IsClean);
    }

    [Fact]
    public async Task Cancel_before_the_answer_throws_the_token_of_the_caller()
    {
        var asked = new TaskCompletionSource();
        await using WebHost host = await WebHost.StartAsync(
            app => app.Map("/", async context =>
            {
                asked.SetResult();
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            }),
            road: Road.Http2);
        using var http = new HttpMessageInvoker(Handler());
        using var cancel = new CancellationTokenSource();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync($"ws://{host.Host}/", new() { Http2 = http }, cancel.Token);
        await asked.Task.WaitAsync(WebHost.Patience);

        await cancel.CancelAsync();

        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(WebHost.Patience));
        Assert.Equal(cancel.Token, thrown.CancellationToken);
    }

    internal static string Scheme(Road road, string plain) => road is Road.Http2Tls or Road.Http11Tls ? plain + "s" : plain;

    internal static Task<WebSocketConnection> ConnectAsync(WebHost host, string path, WebSocketClientOptions options) =>
        WebSocketClient.ConnectAsync($"{Scheme(host.Road, "ws")}://{host.Host}{path}", options).WaitAsync(WebHost.Patience);

    internal static SocketsHttpHandler Handler(Action? dialled = null) => new()
    {
        SslOptions = WebHost.Trusting(),
        ConnectCallback = async (context, cancel) =>
        {
            dialled?.Invoke();
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(context.DnsEndPoint, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception)
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
