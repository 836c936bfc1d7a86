using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Applications in ASP.NET Core's TestServer, which offers no upgrade of its own.</summary>
public sealed class TestServerTests
{
    [Fact]
    public async Task ConnectSockeyeAsync_opens_an_end_point_with_the_whole_handshake()
    {
        await using WebApplication app = await StartAsync(app => app.MapWebSocket(
            "/chat/{room}",
            async (HttpContext context, WebSocketConnection socket, CancellationToken cancel) =>
            {
                await socket.SendTextAsync($"{context.Request.RouteValues["room"]} {context.Request.Query["x"]} {context.Items["who"]}", cancel);
                await WebHost.EchoAsync(socket, cancel);
            },
            new WebSocketAcceptOptions { Subprotocols = ["v1"] }));
        await using WebSocketConnection socket = await app.GetTestServer().ConnectSockeyeAsync(
            "/chat/a%20b?x=1", new() { Subprotocols = ["v1"] }, context => context.Items["who"] = "me").WaitAsync(WebHost.Patience);
        Assert.Equal("v1", socket.Subprotocol);
        Assert.Equal("a b 1 me", await ReadTextAsync(socket));
        await socket.SendTextAsync("echo");
        Assert.Equal("echo", await ReadTextAsync(socket));
        Assert.True((await socket.CloseAsync().WaitAsync(WebHost.Patience)).IsClean);
    }

    [Fact]
    public async Task ConnectSockeyeAsync_opens_the_WebSockets_of_the_framework_too()
    {
        await using WebApplication app = await StartAsync(app => app.UseWebSockets().Run(async context =>
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
            byte[] buffer = new byte[100];
            WebSocketReceiveResult received = await socket.ReceiveAsync(buffer, CancellationToken.None);
            await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, CancellationToken.None);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", CancellationToken.None);
        }));
        await using WebSocketConnection socket = await app.GetTestServer().ConnectSockeyeAsync().WaitAsync(WebHost.Patience);
        await socket.SendTextAsync("echo");
        Assert.Equal("echo", await ReadTextAsync(socket));
        CloseResult end = await socket.Closed.WaitAsync(WebHost.Patience);
        Assert.Equal((true, CloseCode.Normal, "done"), (end.IsClean, end.Code, end.Reason));
    }

    [Fact]
    public async Task ConnectSockeyeAsync_tells_what_the_application_answered_instead()
    {
        await using WebApplication app = await StartAsync(app => app.Run(context =>
        {
            context.Response.StatusCode = 503;
            context.Response.Headers.RetryAfter = "7";
            return context.Response.WriteAsync("full");
        }));
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => app.GetTestServer().ConnectSockeyeAsync().WaitAsync(WebHost.Patience));
        Assert.Equal((503, "7", "full"), (e.StatusCode, e.Headers!["Retry-After"], System.Text.Encoding.UTF8.GetString(e.Body.Span)));
    }

    [Fact]
    public async Task ConnectSockeyeAsync_throws_what_the_application_throws()
    {
        await using WebApplication app = await StartAsync(app => app.Run(_ => throw new FormatException("of the application")));
        var e = await Assert.ThrowsAsync<FormatException>(() => app.GetTestServer().ConnectSockeyeAsync().WaitAsync(WebHost.Patience));
        Assert.Equal("of the application", e.Message);
    }

    [Fact]
    public async Task ConnectSockeyeAsync_over_a_link_of_the_test_breaks_where_the_link_does()
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebApplication app = await StartAsync(app => app.MapWebSocket("/", async (socket, _) => ended.SetResult(await socket.Closed)));
        var link = new TestLink();
        await using WebSocketConnection socket = await app.GetTestServer().ConnectSockeyeAsync(link: link).WaitAsync(WebHost.Patience);
        link.Reset();
        Assert.Equal(CloseCause.TransportFailed, (await ended.Task.WaitAsync(WebHost.Patience)).Cause);
        Assert.Equal(CloseCause.TransportFailed, (await socket.Closed.WaitAsync(WebHost.Patience)).Cause);
    }

    private static async Task<WebApplication> StartAsync(Action<WebApplication> map)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        WebApplication app = builder.Build();
        map(app);
        await app.StartAsync();
        return app;
    }

    private static async Task<string> ReadTextAsync(WebSocketConnection socket) =>
        (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText();
}
