using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Says what an <see cref="OutputSegment"/> holds.</summary>
internal enum OutputKind : byte
{
    /// <summary>Whole frames, copied one after the other into a rented array.</summary>
    Frames,

    /// <summary>A large payload that leaves from the memory of its sender.</summary>
    Payload,

    /// <summary>A payload that is compressed when its turn comes: its sender's memory, or a copy of it.</summary>
    Deflate,

    /// <summary>A streamed message: its own segments, and more to come until it is ended.</summary>
    Stream,

    /// <summary>No bytes: someone waits until everything before it has been handed over.</summary>
    Marker,
}

/// <summary>A piece of what waits to be sent. Guarded by the lock of its connection; pooled.</summary>
internal sealed class OutputSegment : ISpare<OutputSegment>
{
    public OutputKind Kind { get; set; }

    public OutputSegment? Next { get; set; }

    // Frames, and the scratch of a payload: its header, or the piece that was masked.
    public byte[]? Array { get; set; }

    public int Start { get; set; }

    public int End { get; set; }

    /// <summary>Gets or sets how many messages end in what has not been handed over yet.</summary>
    public int Messages { get; set; }

    /// <summary>Gets or sets whether the array belongs to others as well: it is neither written to nor put back.</summary>
    public bool IsShared { get; set; }

    /// <summary>Gets or sets whether the frames were compressed elsewhere: the next message must not refer to what came before them.</summary>
    public bool EndsContext { get; set; }

    // Payload
    public ReadOnlyMemory<byte> Payload { get; set; }

    public int Sent { get; set; }

    public Opcode Opcode { get; set; }

    public bool EndsMessage { get; set; }

    /// <summary>Gets or sets how much of the current frame's payload is still to come; above 0, nothing may pass.</summary>
    public int FrameRemaining { get; set; }

    public uint MaskKey { get; set; }

    public int MaskPhase { get; set; }

    /// <summary>Gets or sets whether the first byte has been framed: the commit of rule S3.</summary>
    public bool IsCommitted { get; set; }

    public SharedMemory? Hold { get; set; }

    public SendWaiter? Waiter { get; set; }

    // Stream
    // A field: it is a value that changes in place.
    public OutputQueue Inner;

    public bool IsEnded { get; set; }

    /// <summary>Gets or sets whether the streamed message is compressed, as its first fragment decided.</summary>
    public bool IsDeflated { get; set; }

    /// <summary>Gets or sets whether a fragment has been accepted: without its end, nothing but Close may follow it.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Gets or sets how many bytes of the streamed message wait.</summary>
    public long Pending { get; set; }

    // Whoever adds to the streamed message faster than it leaves. What queues behind it does not count: it waits for them.
    public SendWaiterList Room;

    // Pings in what has not been handed over, linked.
    public PendingPing? Pings { get; set; }

    /// <summary>Gets whether control frames may pass here: no frame is partly sent.</summary>
    public bool IsAtBoundary => FrameRemaining == 0;

    public static OutputSegment Rent(OutputKind kind)
    {
        OutputSegment segment = Spares<OutputSegment>.Take() ?? new OutputSegment();
        segment.Kind = kind;
        return segment;
    }

    /// <summary>Takes the segment back. What it rented has been returned.</summary>
    public void Return()
    {
        // A streamed message may outlive its place in the output in the hands of its sender: it is not used again.
        if (Kind == OutputKind.Stream)
            return;
        Array = null;
        Start = End = Messages = Sent = FrameRemaining = MaskPhase = 0;
        Payload = default;
        EndsMessage = IsCommitted = IsEnded = IsShared = EndsContext = false;
        Hold = null;
        Waiter = null;
        Pings = null;
        Inner = default;
        Spares<OutputSegment>.Give(this);
    }
}

/// <summary>Segments in the order in which they leave.</summary>
internal struct OutputQueue
{
    public OutputSegment? Head { get; private set; }

    public OutputSegment? Tail { get; private set; }

    public void Append(OutputSegment segment)
    {
        if (Tail is null)
            Head = segment;
        else
            Tail.Next = segment;
        Tail = segment;
    }

    /// <summary>Takes out everything.</summary>
    /// <returns>The first segment, linked to the others.</returns>
    public OutputSegment? TakeAll()
    {
        OutputSegment? all = Head;
        Head = Tail = null;
        return all;
    }

    /// <summary>Takes out everything behind a segment.</summary>
    /// <returns>The first of them, linked to the others.</returns>
    public OutputSegment? CutBehind(OutputSegment segment)
    {
        OutputSegment? rest = segment.Next;
        segment.Next = null;
        Tail = segment;
        return rest;
    }

    public void RemoveHead()
    {
        Head = Head!.Next;
        if (Head is null)
            Tail = null;
    }

    /// <summary>Takes a segment out of the middle.</summary>
    /// <returns>Whether it was in the queue.</returns>
    public bool Remove(OutputSegment segment)
    {
        if (Head == segment)
        {
            RemoveHead();
            return true;
        }

        for (OutputSegment? before = Head; before is not null; before = before.Next)
        {
            if (before.Next == segment)
            {
                before.Next = segment.Next;
                if (Tail == segment)
                    Tail = before;
                return true;
            }
        }

        return false;
    }
}
