using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says which event ended a connection.</summary>
public enum CloseCause
{
    /// <summary>This side called <see cref="WebSocketConnection.CloseAsync"/> or disposed the connection.</summary>
    Local,

    /// <summary>The peer sent a Close frame.</summary>
    Peer,

    /// <summary>The peer broke a rule of the protocol or a limit; <see cref="CloseResult.Violation"/> tells which.</summary>
    Violation,

    /// <summary>The peer was silent for <see cref="WebSocketConnectionOptions.IdleTimeout"/>, a ping included.</summary>
    IdleTimeout,

    /// <summary>The peer took no data for <see cref="WebSocketConnectionOptions.WriteStallTimeout"/>.</summary>
    WriteStalled,

    /// <summary>The peer ended the transport (TCP FIN) without a Close frame.</summary>
    TransportEnded,

    /// <summary>The transport broke (TCP RST, a TLS failure); <see cref="CloseResult.Exception"/> tells how.</summary>
    TransportFailed,

    /// <summary>The handler threw; <see cref="CloseResult.Exception"/> holds what.</summary>
    HandlerFailed,

    /// <summary>A <see cref="TopicHub"/> closed the connection because its peer reads more slowly than is published.</summary>
    SlowConsumer,

    /// <summary>The server stopped.</summary>
    ServerShutdown,

    /// <summary>The connection had lasted for <see cref="WebSocketConnectionOptions.MaxLifetime"/>.</summary>
    LifetimeReached,

    /// <summary>A streamed message was disposed before it was complete.</summary>
    MessageUnfinished,

    /// <summary>A message could not be compressed or decompressed for a reason of this machine, such as a lack of memory;
    /// <see cref="CloseResult.Exception"/> tells which.</summary>
    CompressionFailed,

    /// <summary>This side called <see cref="WebSocketConnection.Abort"/>, or a deadline did.</summary>
    Aborted,
}

/// <summary>Says who started the end of a connection.</summary>
public enum CloseInitiator
{
    /// <summary>This side.</summary>
    Local,

    /// <summary>The peer, by a Close frame or by ending the transport.</summary>
    Peer,
}

/// <summary>The one exact account of how a connection ended.</summary>
public sealed record CloseResult
{
    /// <summary>Gets the code to show: the one received; else the one sent where this side failed the connection; else
    /// <see cref="CloseCode.Abnormal"/> (1006).</summary>
    public CloseCode Code => ReceivedCode ?? (Cause is CloseCause.Local or CloseCause.Peer ? null : SentCode) ?? CloseCode.Abnormal;

    /// <summary>Gets the reason that belongs to <see cref="Code"/>. RFC 6455, section 5.5.1: not for the eyes of end users.</summary>
    public string Reason => (ReceivedCode is not null ? ReceivedReason : Code == SentCode ? SentReason : null) ?? "";

    /// <summary>Gets the code of the peer's Close frame, <see cref="CloseCode.NoStatus"/> where it held none, null where no Close
    /// frame came.</summary>
    public CloseCode? ReceivedCode { get; init; }

    /// <summary>Gets the reason of the peer's Close frame, null where none came.</summary>
    public string? ReceivedReason { get; init; }

    /// <summary>Gets the code of this side's Close frame, <see cref="CloseCode.NoStatus"/> where it held none, null where none was
    /// handed over.</summary>
    public CloseCode? SentCode { get; init; }

    /// <summary>Gets the reason of this side's Close frame, null where none was handed over.</summary>
    public string? SentReason { get; init; }

    /// <summary>Gets who was first.</summary>
    public CloseInitiator Initiator { get; init; }

    /// <summary>Gets whether both sides sent a Close frame (RFC 6455, section 7.1.4) and neither failed the connection.</summary>
    public bool IsClean { get; init; }

    /// <summary>Gets the event that ended the connection.</summary>
    public CloseCause Cause { get; init; }

    /// <summary>Gets the rule that the peer broke, where <see cref="Cause"/> is <see cref="CloseCause.Violation"/>.</summary>
    public Violation? Violation { get; init; }

    /// <summary>Gets the exception behind the end, where there is one.</summary>
    public Exception? Exception { get; init; }

    /// <summary>Gets how many accepted messages had not been handed to the operating system entirely.</summary>
    public long UnsentMessages { get; init; }

    /// <summary>Gets how many accepted bytes, framing included, had not been handed to the operating system.</summary>
    public long UnsentBytes { get; init; }
}
