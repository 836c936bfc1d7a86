using Microsoft.AspNetCore.Http;

namespace Sockeye;

/// <summary>Upgrades a request as the result of an end point, and runs a handler on the connection: everything that can refuse the
/// request, such as binding, authorisation and filters, has finished before.</summary>
/// <remarks>Return it from an end point that matches GET and, for HTTP/2, CONNECT. Any number of requests may share one. A request that
/// cannot be upgraded is refused as <see cref="WebSocketServer"/> does. The request ends when the connection and its handler have.</remarks>
public sealed class WebSocketResult : IResult
{
    private readonly Action<WebSocketConnection, IConnectionOwner> _run;

    /// <summary>Runs a handler for the connection, as
    /// <see cref="WebSocketServer.Map(string, Func{WebSocketConnection, CancellationToken, Task}, WebSocketAcceptOptions)"/> does.</summary>
    /// <param name="handler">The handler. When it returns, the connection is closed with 1000, and with 1011 where it throws. Its
    /// token is cancelled when the connection is aborted.</param>
    /// <param name="options">How the request is accepted; those of the application where null.</param>
    public WebSocketResult(Func<WebSocketConnection, CancellationToken, Task> handler, WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _run = (connection, owner) => connection.Run(handler, owner);
        Options = options;
    }

    /// <summary>Runs callbacks for the connection: no task per message.</summary>
    /// <param name="handler">The callbacks.</param>
    /// <param name="options">How the request is accepted; those of the application where null.</param>
    public WebSocketResult(WebSocketHandler handler, WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _run = (connection, owner) => connection.Run(handler, owner);
        Options = options;
    }

    /// <summary>Gets how the request is accepted; null for <see cref="WebSocketHostOptions.Accept"/>.</summary>
    public WebSocketAcceptOptions? Options { get; }

    /// <summary>Answers the request; completes when the connection and its handler have ended, or the request was refused.</summary>
    /// <param name="httpContext">The request.</param>
    /// <exception cref="InvalidOperationException">The server of HTTP offers no upgrade, or the request has been upgraded or answered
    /// before.</exception>
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        if (await HttpUpgrade.AcceptAsync(httpContext, Options).ConfigureAwait(false) is not { } connection)
            return;
        var end = new RequestEnd();
        _run(connection, end);
        await end.Task.ConfigureAwait(false);
    }
}
