using System.Net;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The sample of sessions: a cookie decides who may connect, and logging out ends the connection.</summary>
public sealed class SessionsTests
{
    [Fact]
    public async Task Session_opens_WebSockets_and_its_end_closes_them_all()
    {
        await using PeerProcess server = PeerProcess.Start("dotnet", Repository.Program("Sessions"), "0");
        var url = new Uri(server.WaitForLine("Sessions at "));
        var cookies = new CookieContainer();
        using var handler = new HttpClientHandler { CookieContainer = cookies };
        using var browser = new HttpClient(handler) { BaseAddress = url };
        Assert.Contains("<title>Sessions</title>", await browser.GetStringAsync(new Uri("/", UriKind.Relative)), StringComparison.Ordinal);
        Assert.Equal(401, await RefusalAsync());

        using HttpResponseMessage login = await browser.PostAsync(new Uri("/login", UriKind.Relative), content: null);
        string user = await login.Content.ReadAsStringAsync();
        WebSocketConnection[] sockets = [await ConnectAsync(), await ConnectAsync()];
        foreach (WebSocketConnection socket in sockets)
        {
            await socket.SendTextAsync("hello");
            Assert.Equal($"{user} said: hello", (await socket.ReceiveAsync()).GetText());
        }

        using HttpResponseMessage logout = await browser.DeleteAsync(new Uri("/logout", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, logout.StatusCode);
        foreach (WebSocketConnection socket in sockets)
        {
            CloseResult end = await socket.Closed.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal((CloseCode.Unauthorized, "Logged out", true), (end.ReceivedCode, end.ReceivedReason, end.IsClean));
            await socket.DisposeAsync();
        }

        Assert.Equal(401, await RefusalAsync());
        await UntilOnlineAsync(0);

        // Who vanishes leaves nothing behind.
        using HttpResponseMessage again = await browser.PostAsync(new Uri("/login", UriKind.Relative), content: null);
        WebSocketConnection vanishing = await ConnectAsync();
        WebSocketConnection second = await ConnectAsync();
        await UntilOnlineAsync(2);
        vanishing.Abort();
        second.Abort();
        await UntilOnlineAsync(0);
        server.Kill();

        Task<WebSocketConnection> ConnectAsync() => WebSocketClient.ConnectAsync(
            new Uri($"ws://{url.Authority}/socket"), new() { Headers = new HttpHeaders { { "Cookie", cookies.GetCookieHeader(url) } } });

        // A connection is one from just after the client has its answer until its handler has returned, after the client has seen its end.
        async Task UntilOnlineAsync(int count)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (await browser.GetStringAsync(new Uri("/online", UriKind.Relative), patience.Token) != $"{count}")
                await Task.Yield();
        }

        async Task<int?> RefusalAsync() => (await Assert.ThrowsAsync<WebSocketHandshakeException>(ConnectAsync)).StatusCode;
    }
}
