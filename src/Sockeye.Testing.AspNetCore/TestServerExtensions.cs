using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;

namespace Sockeye.Testing;

/// <summary>Connects to applications that run in ASP.NET Core's <see cref="TestServer"/>.</summary>
public static class TestServerExtensions
{
    /// <summary>Connects Sockeye's client to an end point of the application, in memory, with the whole opening handshake.</summary>
    /// <param name="server">The server.</param>
    /// <param name="path">The path, with a query where there is to be one; relative to <see cref="TestServer.BaseAddress"/>.</param>
    /// <param name="options">How to connect; <see cref="WebSocketClientOptions.Default"/> where null.</param>
    /// <param name="configure">Changes the request as the application sees it: a user, an address, a feature; null for nothing.</param>
    /// <param name="link">What lies between the two, not in use yet; a new one where null.</param>
    /// <param name="cancellationToken">Ends the attempt; it has no effect on the connection once it is open.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <remarks><see cref="TestServer"/> upgrades nothing by itself: the request carries the upgrade with it, also for applications that
    /// use the WebSockets of ASP.NET Core. What the application throws before it has answered is thrown here.</remarks>
    /// <exception cref="WebSocketHandshakeException">The application answered with something else than an upgrade; the exception holds
    /// status, headers and body.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<WebSocketConnection> ConnectSockeyeAsync(
        this TestServer server,
        string path = "/",
        WebSocketClientOptions? options = null,
        Action<HttpContext>? configure = null,
        TestLink? link = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(path);
        link ??= new TestLink();
        var uri = new Uri(server.BaseAddress, path);
        var request = new TestServerRequest(server, link, configure);
        _ = request.ServeAsync();
        try
        {
            return await WebSocketClient.ConnectAsync(link.Client, uri, options, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException) when (request.Failure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
            throw;
        }
    }
}
