namespace Sockeye;

/// <summary>Handles a message of a connection, on the loop that received it.</summary>
/// <param name="socket">The connection.</param>
/// <param name="message">The message, leased until the returned task completes.</param>
/// <returns>A task; while it is not complete, dispatch and receiving on that connection pause. Never called again before that.</returns>
/// <remarks>An exception closes the connection with 1011. Such a connection cannot be read in other ways.</remarks>
public delegate ValueTask MessageCallback(WebSocketConnection socket, WebSocketMessage message);

/// <summary>Handles connections by callbacks, with no task per message: for the last tenth of speed.</summary>
public sealed record WebSocketHandler
{
    /// <summary>Gets what is called for each message.</summary>
    public required MessageCallback Message { get; init; }

    /// <summary>Gets what is called when a connection has opened, before its first message; nothing by default.</summary>
    public Action<WebSocketConnection>? Opened { get; init; }

    /// <summary>Gets what is called once when a connection has ended; nothing by default.</summary>
    public Action<WebSocketConnection, CloseResult>? Closed { get; init; }
}
