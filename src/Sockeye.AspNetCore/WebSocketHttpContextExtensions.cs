using Microsoft.AspNetCore.Http;

namespace Sockeye;

/// <summary>Upgrades requests from within controllers and middleware.</summary>
public static class WebSocketHttpContextExtensions
{
    /// <summary>Gets the request to upgrade, to be inspected before it is decided: the subprotocols that the client offers, the origin,
    /// and, in <see cref="UpgradeRequest.Fault"/>, why it cannot be accepted, as of a plain GET.</summary>
    /// <param name="context">The request. Nothing is answered.</param>
    /// <returns>The request. Accept it by <see cref="UpgradeWebSocketAsync"/>, which checks its origin, and reject it by writing to
    /// <see cref="HttpContext.Response"/>, as any other: its own methods for that throw <see cref="InvalidOperationException"/>.</returns>
    public static UpgradeRequest GetUpgradeRequest(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return HttpUpgrade.Read(context);
    }

    /// <summary>Accepts a request to upgrade, of HTTP/1.1 or as an extended CONNECT of HTTP/2 (RFC 8441), and opens the connection,
    /// which receives from now on.</summary>
    /// <param name="context">The request. Nothing of its response may have been sent.</param>
    /// <param name="options">How to accept it; those of the application (<see cref="WebSocketHostOptions.Accept"/>) where null.</param>
    /// <param name="cancellationToken">Where it is cancelled already, nothing is answered.</param>
    /// <returns>The connection; null where the request was refused, for the reasons and with the answers of
    /// <see cref="WebSocketServer"/>. Then the answer has been written, and there is nothing to do but to return.</returns>
    /// <remarks>The connection lives as long as the request: dispose it, or await <see cref="WebSocketConnection.Closed"/>, before the
    /// request ends. One that is still open then is aborted.</remarks>
    /// <exception cref="InvalidOperationException">The server of HTTP offers no upgrade, or the request has been upgraded or answered
    /// before.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<WebSocketConnection?> UpgradeWebSocketAsync(
        this HttpContext context, WebSocketAcceptOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        cancellationToken.ThrowIfCancellationRequested();
        WebSocketConnection? connection = await HttpUpgrade.AcceptAsync(context, options).ConfigureAwait(false);
        connection?.Start();
        return connection;
    }
}
