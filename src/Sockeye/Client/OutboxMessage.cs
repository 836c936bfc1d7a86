using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says how far a message of a <see cref="ReconnectingWebSocket"/> has come.</summary>
public enum DeliveryState
{
    /// <summary>It waits for a connection.</summary>
    Queued,

    /// <summary>A connection has taken it; it waits there to be taken by the operating system.</summary>
    Accepted,

    /// <summary>The operating system has taken it.</summary>
    Written,

    /// <summary>Settled: the peer's WebSocket layer has read it. A ping that was sent behind it was answered.</summary>
    Confirmed,

    /// <summary>Settled: it had begun to leave when the connection was lost. The peer may have it or not; it is not sent again.</summary>
    Uncertain,

    /// <summary>Settled: it has not left, and connecting has ended. The peer does not have it.</summary>
    Unsent,

    /// <summary>Settled: it waited longer than <see cref="ReconnectingWebSocketOptions.MaxAge"/>. The peer does not have it.</summary>
    Expired,

    /// <summary>Settled: there was no room (<see cref="ReconnectingWebSocketOptions.WhenFull"/>). The peer does not have it.</summary>
    Dropped,
}

/// <summary>A message that was given to a <see cref="ReconnectingWebSocket"/>, and how far it has come.</summary>
public sealed class OutboxMessage
{
    private TaskCompletionSource<DeliveryState>? _settled;
    private volatile DeliveryState _state;

    internal OutboxMessage(ReadOnlyMemory<byte> payload, WebSocketMessageKind kind, SendOptions options, long sentAt)
    {
        Payload = payload;
        Kind = kind;
        Options = options;
        SentAt = sentAt;
    }

    /// <summary>Gets the payload.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>Gets what it carries.</summary>
    public WebSocketMessageKind Kind { get; }

    /// <summary>Gets how far it has come.</summary>
    public DeliveryState State => _state;

    /// <summary>Gets a task that completes with the last state: <see cref="DeliveryState.Confirmed"/>, or one of those that tell how it was
    /// lost. It never faults.</summary>
    public Task<DeliveryState> Settled
    {
        get
        {
            TaskCompletionSource<DeliveryState>? settled = Volatile.Read(ref _settled);
            if (settled is null)
            {
                var made = new TaskCompletionSource<DeliveryState>(TaskCreationOptions.RunContinuationsAsynchronously);
                settled = Interlocked.CompareExchange(ref _settled, made, null) ?? made;
            }

            // It may have been settled before there was a task.
            if (IsSettled)
                settled.TrySetResult(_state);
            return settled.Task;
        }
    }

    internal SendOptions Options { get; }

    internal Opcode Opcode => (Opcode)Kind;

    /// <summary>Gets when it was sent, as a timestamp.</summary>
    internal long SentAt { get; }

    /// <summary>Gets or sets its place among all messages of the outbox.</summary>
    internal long Number { get; set; }

    /// <summary>Gets or sets its number on the connection that took it last.</summary>
    internal int NumberThere { get; set; }

    private bool IsSettled => _state >= DeliveryState.Confirmed;

    internal void Become(DeliveryState state)
    {
        _state = state;
        Interlocked.MemoryBarrier();
        if (IsSettled)
            Volatile.Read(ref _settled)?.TrySetResult(state);
    }
}
