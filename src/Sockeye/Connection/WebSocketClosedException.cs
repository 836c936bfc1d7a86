namespace Sockeye;

/// <summary>Thrown by reading from, and sending on, a connection that has ended; carries the account of the end.</summary>
public sealed class WebSocketClosedException : IOException
{
    /// <summary>Makes the exception for an end.</summary>
    /// <param name="result">How the connection ended.</param>
    public WebSocketClosedException(CloseResult result)
        : base(Describe(result), result.Exception) => Result = result;

    /// <summary>Gets how the connection ended.</summary>
    public CloseResult Result { get; }

    private static string Describe(CloseResult result)
    {
        string what = result.Cause switch
        {
            CloseCause.Local => "This side closed the WebSocket connection",
            CloseCause.Peer => "The peer closed the WebSocket connection",
            CloseCause.Violation => $"The peer broke the WebSocket protocol: {result.Violation}",
            CloseCause.IdleTimeout => "The peer was silent for IdleTimeout and did not answer the ping",
            CloseCause.WriteStalled => "The peer took no data for WriteStallTimeout",
            CloseCause.TransportEnded => "The peer ended the connection without a Close frame",
            CloseCause.TransportFailed => "The transport broke",
            CloseCause.HandlerFailed => "The handler failed",
            CloseCause.ServerShutdown => "The server stopped",
            CloseCause.LifetimeReached => "The connection had lasted as long as MaxLifetime allows",
            CloseCause.MessageUnfinished => "A streamed message was disposed before it was complete",
            _ => "This side aborted the WebSocket connection",
        };
        return $"{what} (close code {(int)result.Code}).";
    }
}
