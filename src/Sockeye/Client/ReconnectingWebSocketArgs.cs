namespace Sockeye;

/// <summary>Says what a <see cref="ReconnectingWebSocket"/> is doing.</summary>
public enum ReconnectState
{
    /// <summary>It has not been started.</summary>
    NotStarted,

    /// <summary>An attempt to connect is under way.</summary>
    Connecting,

    /// <summary>There is a connection, and <see cref="ReconnectingWebSocketOptions.Subscribe"/> is at work on it.</summary>
    Subscribing,

    /// <summary>There is a connection, on which messages come and go.</summary>
    Open,

    /// <summary>It waits before the next attempt.</summary>
    Waiting,

    /// <summary>It is closing the connection.</summary>
    Closing,

    /// <summary>It has ended for good.</summary>
    Closed,
}

/// <summary>Tells of one transition of a <see cref="ReconnectingWebSocket"/>.</summary>
public sealed class ReconnectStateEventArgs : EventArgs
{
    internal ReconnectStateEventArgs(ReconnectState before, ReconnectState state)
    {
        Before = before;
        State = state;
    }

    /// <summary>Gets the state before.</summary>
    public ReconnectState Before { get; }

    /// <summary>Gets the state now.</summary>
    public ReconnectState State { get; }

    /// <summary>Gets the attempt that is under way, or that the connection comes from; null in <see cref="ReconnectState.Waiting"/> and
    /// <see cref="ReconnectState.Closed"/>.</summary>
    public ConnectAttempt? Attempt { get; internal init; }

    /// <summary>Gets the connection; null where there is none.</summary>
    public WebSocketConnection? Connection { get; internal init; }

    /// <summary>Gets what failed: in <see cref="ReconnectState.Waiting"/>, and in <see cref="ReconnectState.Closed"/> where it was final.
    /// Else null.</summary>
    public ReconnectFailure? Failure { get; internal init; }

    /// <summary>Gets how long it waits, in <see cref="ReconnectState.Waiting"/>.</summary>
    public TimeSpan Delay { get; internal init; }
}

/// <summary>Tells of a message that was settled otherwise than by being confirmed.</summary>
public sealed class OutboxMessageEventArgs : EventArgs
{
    internal OutboxMessageEventArgs(OutboxMessage message) => Message = message;

    /// <summary>Gets the message; its <see cref="OutboxMessage.State"/> says how it was lost.</summary>
    public OutboxMessage Message { get; }
}
