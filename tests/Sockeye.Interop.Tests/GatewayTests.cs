using System.Globalization;
using System.Net;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The sample of a gateway: several end points on one port, and three ways to show a token.</summary>
public sealed class GatewayTests
{
    private const string Token = "salmon";

    [Fact]
    public async Task Each_end_point_serves_who_shows_the_token_its_way()
    {
        await using PeerProcess server = Start(out string address);

        await using (WebSocketConnection echo = await ConnectAsync(address, "/echo", "Authorization", $"Bearer {Token}"))
            await HearItselfAsync(echo);

        await using (WebSocketConnection time = await ConnectAsync(address, $"/time?token={Token}"))
        {
            Assert.True(DateTime.TryParseExact(
                await ReceiveAsync(time), "O", CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out _));
        }

        await using WebSocketConnection one = await ConnectAsync(address, "/feed", "Cookie", $"theme=dark; token={Token}");
        await HearItselfAsync(one);
        await using WebSocketConnection other = await ConnectAsync(address, "/feed", "Cookie", $"token={Token}");
        await HearItselfAsync(other);
        Assert.Equal("hello", await ReceiveAsync(one));
        server.Kill();
    }

    [Theory]
    [InlineData("/echo", null, null, 401)]
    [InlineData("/echo", "Authorization", "Basic salmon", 401)]
    [InlineData("/echo", "Authorization", "Bearer trout", 403)]
    [InlineData("/time", null, null, 401)]
    [InlineData("/time?token=trout", null, null, 403)]
    [InlineData("/time?token=", null, null, 403)]
    [InlineData("/feed", null, null, 401)]
    [InlineData("/feed", "Cookie", "theme=dark", 401)]
    [InlineData("/feed", "Cookie", "token=trout", 403)]
    [InlineData("/nowhere", null, null, 404)]
    public async Task Who_shows_no_token_or_a_wrong_one_is_refused(string target, string? header, string? value, int status)
    {
        await using PeerProcess server = Start(out string address);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => ConnectAsync(address, target, header, value));

        Assert.Equal((status, status == 401 ? "Bearer" : null), (thrown.StatusCode, thrown.Headers!["WWW-Authenticate"]));
        server.Kill();
    }

    [Fact]
    public async Task Login_gives_a_cookie_that_pages_of_other_sites_cannot_use()
    {
        await using PeerProcess server = Start(out string address);
        var cookies = new CookieContainer();
        using var handler = new HttpClientHandler { CookieContainer = cookies };
        using var browser = new HttpClient(handler) { BaseAddress = new Uri($"http://{address}") };

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync("/login"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync("/login?token=trout"));
        Assert.Empty(cookies.GetAllCookies());
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync($"/login?token={Token}"));
        string cookie = cookies.GetCookieHeader(browser.BaseAddress);

        await using WebSocketConnection own = await ConnectAsync(address, "/feed", "Cookie", cookie, $"http://{address}");
        await HearItselfAsync(own);
        Assert.Equal("1 connections\n", await browser.GetStringAsync(new Uri("/healthz", UriKind.Relative)));
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => ConnectAsync(address, "/feed", "Cookie", cookie, "https://evil.example"));
        Assert.Equal(403, thrown.StatusCode);
        server.Kill();

        async Task<HttpStatusCode> StatusOfAsync(string target)
        {
            using HttpResponseMessage response = await browser.GetAsync(new Uri(target, UriKind.Relative));
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task What_is_typed_reaches_everybody_and_the_end_of_the_input_stops_the_server()
    {
        await using PeerProcess server = Start(out string address);
        await using WebSocketConnection echo = await ConnectAsync(address, "/echo", "Authorization", $"Bearer {Token}");
        await using WebSocketConnection feed = await ConnectAsync(address, "/feed", "Cookie", $"token={Token}");
        await HearItselfAsync(echo);
        await HearItselfAsync(feed);

        await server.Input.WriteLineAsync("to all");
        Assert.Equal("2", server.WaitForLine("Told "));
        Assert.Equal("to all", await ReceiveAsync(echo));
        Assert.Equal("to all", await ReceiveAsync(feed));

        server.Input.Close();
        foreach (WebSocketConnection socket in (WebSocketConnection[])[echo, feed])
        {
            CloseResult end = await socket.Closed.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal((CloseCode.GoingAway, true), (end.ReceivedCode, end.IsClean));
        }
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    private static PeerProcess Start(out string address)
    {
        PeerProcess server = PeerProcess.Start("dotnet", Repository.Program("Gateway"), "0", Token);
        address = server.WaitForLine("Listening on ws://");
        return server;
    }

    /// <summary>Talks to the server, which knows the connection from then on.</summary>
    private static async Task HearItselfAsync(WebSocketConnection socket)
    {
        await socket.SendTextAsync("hello");
        Assert.Equal("hello", await ReceiveAsync(socket));
    }

    private static async Task<string> ReceiveAsync(WebSocketConnection socket)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return (await socket.ReceiveAsync(patience.Token)).GetText();
    }

    private static Task<WebSocketConnection> ConnectAsync(
        string address, string target, string? header = null, string? value = null, string? origin = null)
    {
        var headers = new HttpHeaders();
        if (header is not null)
            headers.Add(header, value!);
        return WebSocketClient.ConnectAsync($"ws://{address}{target}", new() { Headers = headers, Origin = origin });
    }
}
