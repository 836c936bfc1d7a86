namespace Sockeye;

/// <summary>Says what becomes of a message for which the outbox has no room.</summary>
public enum OutboxPolicy
{
    /// <summary>Its sender waits until there is room.</summary>
    Wait,

    /// <summary>The oldest messages that no connection has taken are dropped for it; where even all of them would make no room, they stay,
    /// and it is dropped itself.</summary>
    DropOldest,

    /// <summary>It is dropped itself.</summary>
    DropNewest,
}

/// <summary>Sets how a <see cref="ReconnectingWebSocket"/> behaves. Immutable.</summary>
/// <remarks>A wrong value throws where it is set.</remarks>
public sealed record ReconnectingWebSocketOptions
{
    /// <summary>The default options.</summary>
    public static ReconnectingWebSocketOptions Default { get; } = new();

    /// <summary>Gets when and how to connect; <see cref="ReconnectOptions.Default"/> by default.</summary>
    public ReconnectOptions Reconnect
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Reconnect));
            field = value;
        }
    } = ReconnectOptions.Default;

    /// <summary>Gets what is done on each connection before any message of the outbox leaves: subscribe again, say who one is. It may send
    /// and read as it likes until its task completes. Where it throws, or takes longer than
    /// <see cref="ReconnectOptions.AttemptTimeout"/>, the connection is closed and the attempt counts as failed. Its token fires when the
    /// connection is lost or the socket is closed meanwhile. Nothing by default.</summary>
    public Func<WebSocketConnection, CancellationToken, Task>? Subscribe { get; init; }

    /// <summary>Gets whether messages that come are discarded, once <see cref="Subscribe"/> is done, for code that only sends; false by
    /// default. Without it they must be read (<see cref="ReconnectingWebSocket.ReadAllAsync"/>), since nothing is confirmed while a connection does not receive.</summary>
    public bool IgnoreMessages { get; init; }

    /// <summary>Gets how many messages the outbox holds at most, those that are not confirmed yet included; 10,000 by default, at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int MaxMessages
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(MaxMessages));
            field = value;
        }
    } = 10_000;

    /// <summary>Gets how many bytes of payload the outbox holds at most; 16 MiB by default, at least 1. One message alone may exceed it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public long MaxBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(MaxBytes));
            field = value;
        }
    } = 16 * 1024 * 1024;

    /// <summary>Gets how long a message may wait for a connection to take it before it expires; null (the default) for ever. The time counts
    /// from its send, also for one that is sent again.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1 ms.</exception>
    public TimeSpan? MaxAge
    {
        get;
        init
        {
            if (value is { } set)
                ArgumentOutOfRangeException.ThrowIfLessThan(set, TimeSpan.FromMilliseconds(1), nameof(MaxAge));
            field = value;
        }
    }

    /// <summary>Gets what becomes of a message for which there is no room; <see cref="OutboxPolicy.Wait"/> by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is none of the enum.</exception>
    public OutboxPolicy WhenFull
    {
        get;
        init
        {
            if (!Enum.IsDefined(value))
                throw new ArgumentOutOfRangeException(nameof(WhenFull), value, "It is Wait, DropOldest or DropNewest.");
            field = value;
        }
    }
}
