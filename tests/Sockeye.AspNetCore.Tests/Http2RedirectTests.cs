using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Redirects over HTTP/2, where the framework's handler would follow them by itself.</summary>
public sealed class Http2RedirectTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Redirect_that_the_handler_follows_by_itself_is_told_and_what_to_do_about_it(bool accepts)
    {
        await using WebHost second = await WebHost.StartAsync(
            app => app.Map("/there", context =>
            {
                context.Response.StatusCode = accepts ? 200 : 403;
                return Task.CompletedTask;
            }),
            road: Road.Http2);
        await using WebHost first = await LeadingAsync($"http://127.0.0.1:{second.Port}/there");
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => Http2ClientTests.ConnectAsync(first, "/", new() { Http2 = http, MaxRedirects = 3 }));

        Assert.Equal(HandshakeFailure.Protocol, thrown.Cause);
        Assert.Contains($"followed a redirect to http://127.0.0.1:{second.Port} by itself", thrown.Message, StringComparison.Ordinal);
        Assert.Contains(
            "set AllowAutoRedirect = false of the SocketsHttpHandler, and MaxRedirects", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirect_over_HTTP_2_is_followed_only_where_asked()
    {
        IHeaderDictionary? seen = null;
        await using WebHost second = await WebHost.StartAsync(
            app =>
            {
                app.Use(next => context =>
                {
                    seen = context.Request.Headers;
                    return next(context);
                });
                app.MapWebSocket("/there", WebHost.EchoAsync);
            },
            road: Road.Http2);
        await using WebHost first = await LeadingAsync($"http://127.0.0.1:{second.Port}/there");
        string uri = $"ws://me:secret@{first.Host}/";
        var cookies = new CookieContainer();
        cookies.Add(new Uri($"http://{first.Host}/"), new Cookie("jar", "1"));
        List<WebSocketRedirectEventArgs> hops = [];

        using var http = new HttpMessageInvoker(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        var options = new WebSocketClientOptions { Http2 = http, Cookies = cookies };
        options = options with
        {
            Headers = new() { { "Cookie", "own=2" }, { "Proxy-Authorization", "Basic x" }, { "X-Plain", "kept" } },
            RedirectCallback = (hop, _) =>
            {
                hops.Add(hop);
                return default;
            },
        };
        var refused = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(uri, options).WaitAsync(WebHost.Patience));
        Assert.Equal((HandshakeFailure.Status, 307), (refused.Cause, refused.StatusCode));
        Assert.Null(seen);

        await using WebSocketConnection socket =
            await WebSocketClient.ConnectAsync(uri, options with { MaxRedirects = 3 }).WaitAsync(WebHost.Patience);

        await socket.SendTextAsync("there");
        Assert.Equal("there", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        Assert.Equal("kept", seen?["X-Plain"]);
        Assert.Equal(["", "", ""], new[] { "Authorization", "Cookie", "Proxy-Authorization" }.Select(name => $"{seen?[name]}"));
        WebSocketRedirectEventArgs only = Assert.Single(hops);
        Assert.Equal(
            ($"ws://{first.Host}/", $"ws://127.0.0.1:{second.Port}/there", 307),
            (only.From.ToString(), only.To.ToString(), only.StatusCode));
    }

    private static Task<WebHost> LeadingAsync(string location) => WebHost.StartAsync(
        app => app.Map("/", context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = location;
            return Task.CompletedTask;
        }),
        road: Road.Http2);
}
