namespace Sockeye;

/// <summary>Says what became of a message that was given to <see cref="WebSocketConnection.TrySend"/>.</summary>
public enum SendResult
{
    /// <summary>The message is in the output.</summary>
    Accepted,

    /// <summary>The message is in the output, and more than <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes wait there:
    /// hold back until <see cref="WebSocketConnection.Writable"/> fires, which it does exactly once.</summary>
    AcceptedAboveHighWater,

    /// <summary>The message was refused: <see cref="WebSocketConnectionOptions.MaxBufferedBytes"/> would be exceeded.</summary>
    Full,

    /// <summary>The message was refused: the connection is closing or closed.</summary>
    Closed,
}
