namespace Sockeye.Protocol;

/// <summary>Names what <see cref="MessageAssembler.Read"/> found.</summary>
public enum ReceivedEventKind : byte
{
    /// <summary>Nothing that is whole: more bytes are needed.</summary>
    None,

    /// <summary>A whole text message, valid UTF-8; or a piece of one (<see cref="ReceivedEvent.Part"/>).</summary>
    Text,

    /// <summary>A whole binary message; or a piece of one (<see cref="ReceivedEvent.Part"/>).</summary>
    Binary,

    /// <summary>A ping; it may have come between the fragments of a message.</summary>
    Ping,

    /// <summary>A pong; it may have come between the fragments of a message.</summary>
    Pong,

    /// <summary>A valid Close frame. Nothing after it is read.</summary>
    Close,

    /// <summary>The peer broke a rule. Nothing after it is read.</summary>
    Violation,
}

/// <summary>Says how much of a message was received. All of it, unless messages are read in pieces.</summary>
public enum MessagePart : byte
{
    /// <summary>All of it; no message, where what was received is none.</summary>
    Whole,

    /// <summary>Its beginning.</summary>
    First,

    /// <summary>What is neither its beginning nor its end.</summary>
    Middle,

    /// <summary>Its end; it may be empty.</summary>
    Last,
}

/// <summary>Says what was received and where its payload lies.</summary>
public readonly struct ReceivedEvent
{
    internal ReceivedEvent(ReceivedEventKind kind, int start, int length)
    {
        Kind = kind;
        Start = start;
        Length = length;
    }

    internal ReceivedEvent(ReceivedEventKind kind, byte[] gathered, int length)
    {
        Kind = kind;
        Gathered = gathered;
        Length = length;
    }

    internal ReceivedEvent(Violation violation)
    {
        Kind = ReceivedEventKind.Violation;
        Violation = violation;
    }

    /// <summary>Gets what was received.</summary>
    public ReceivedEventKind Kind { get; }

    /// <summary>Gets where the unmasked payload begins: in the block that was read, or in <see cref="Gathered"/>.</summary>
    public int Start { get; }

    /// <summary>Gets the length of the payload in bytes.</summary>
    public int Length { get; }

    /// <summary>Gets the rented array that holds the payload, or null where it lies in the block that was read. A message's array
    /// belongs to the caller from here on, who returns it to the pool of the assembler; the payload of a control frame belongs to
    /// the assembler and is valid until the next read.</summary>
    public byte[]? Gathered { get; }

    /// <summary>Gets how much of its message it is.</summary>
    public MessagePart Part { get; internal init; }

    /// <summary>Gets the rule that was broken, where <see cref="Kind"/> is <see cref="ReceivedEventKind.Violation"/>.</summary>
    public Violation? Violation { get; }
}
