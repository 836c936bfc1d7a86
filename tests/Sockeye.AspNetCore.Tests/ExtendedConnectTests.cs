using System.Net;

namespace Sockeye.AspNetCore.Tests;

/// <summary>The handshake of HTTP/2 (RFC 8441): what is refused, and with which answer.</summary>
public sealed class ExtendedConnectTests
{
    [Theory]
    [InlineData("websocket", "13", null, 200, "")]
    [InlineData("WebSocket", "8", null, 200, "")]
    [InlineData("websocket", "7", null, 426, "13, 8")]
    [InlineData("websocket", null, null, 400, "Sec-WebSocket-Version")]
    [InlineData("websocket", "13", "http://elsewhere.example", 403, "elsewhere.example")]
    [InlineData("webtransport", "13", null, 501, "webtransport")]
    public async Task Extended_CONNECT_is_judged_as_an_upgrade_is(string protocol, string? version, string? origin, int status, string holds)
    {
        var opened = new TaskCompletionSource();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", (_, _) =>
            {
                opened.SetResult();
                return Task.CompletedTask;
            }),
            road: Road.Http2);
        using HttpResponseMessage response = await ConnectAsync(host, HttpMethod.Connect, protocol, version, origin);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Empty(response.Headers.Connection);
        Assert.False(response.Headers.Contains("Sec-WebSocket-Accept"));
        if (status == 200)
        {
            await opened.Task.WaitAsync(WebHost.Patience);
        }
        else
        {
            Assert.False(opened.Task.IsCompleted);
            string answer = $"{response.Headers}{await response.Content.ReadAsStringAsync().WaitAsync(WebHost.Patience)}";
            Assert.Contains(holds, answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Plain_GET_over_HTTP_2_is_told_what_is_missing()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: Road.Http2);
        using HttpResponseMessage response = await ConnectAsync(host, HttpMethod.Get, null, "13", null);
        Assert.Equal(426, (int)response.StatusCode);
        Assert.Contains("WebSocket server", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static async Task<HttpResponseMessage> ConnectAsync(
        WebHost host, HttpMethod method, string? protocol, string? version, string? origin)
    {
        using var handler = new SocketsHttpHandler();
        using var client = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(method, new Uri($"http://{host.Host}/"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Protocol = protocol;
        if (version is not null)
            request.Headers.Add("Sec-WebSocket-Version", version);
        if (origin is not null)
            request.Headers.Add("Origin", origin);
        return await client.SendAsync(request, CancellationToken.None).WaitAsync(WebHost.Patience);
    }
}
