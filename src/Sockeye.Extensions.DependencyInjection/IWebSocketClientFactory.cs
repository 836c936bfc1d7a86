namespace Sockeye;

/// <summary>Connects as the options say that are registered under a name:
/// <see cref="WebSocketClientServiceCollectionExtensions.AddWebSocketClient(Microsoft.Extensions.DependencyInjection.IServiceCollection, string, WebSocketClientOptions)"/>
/// registers them, and this as a service. All members may be called from any thread.</summary>
public interface IWebSocketClientFactory
{
    /// <summary>Gets the options that are registered under a name, for what takes options: <see cref="EventWebSocket"/>,
    /// <see cref="ReconnectingWebSocket"/>, or a copy with another header.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The options. Logs go to the application's, unless they say otherwise.</returns>
    /// <exception cref="InvalidOperationException">None are registered under this name.</exception>
    WebSocketClientOptions GetOptions(string name);

    /// <summary>Connects to a server and opens a WebSocket connection, which belongs to the caller: dispose it.</summary>
    /// <param name="name">The name of the options.</param>
    /// <param name="uri">The address: see <see cref="WebSocketClient.ConnectAsync(string, WebSocketClientOptions, CancellationToken)"/>.</param>
    /// <param name="cancellationToken">Ends the attempt; it has no effect on the connection once it is open.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="InvalidOperationException">None are registered under this name.</exception>
    /// <exception cref="ArgumentException">The address or an option cannot be used.</exception>
    /// <exception cref="WebSocketHandshakeException">The connection did not come about.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    Task<WebSocketConnection> ConnectAsync(string name, string uri, CancellationToken cancellationToken = default);
}
