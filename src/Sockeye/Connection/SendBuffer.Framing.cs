using Sockeye.Protocol;

namespace Sockeye;

/// <content>Frames: written into the chunks of the output, or into the control lane.</content>
internal sealed partial class SendBuffer
{
    /// <summary>Frames a message into the output, in fragments where it is longer than one may be.</summary>
    private void AppendMessage(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        AppendFragments(ref _queue, opcode, payload, endsMessage: true);
        MessageAppended();
    }

    private void AppendFragments(
        ref OutputQueue queue, Opcode opcode, ReadOnlySpan<byte> payload, bool endsMessage, bool isDeflated = false)
    {
        while (payload.Length > FragmentSize)
        {
            AppendFrame(ref queue, opcode, payload[..FragmentSize], isFinal: false, isDeflated);
            payload = payload[FragmentSize..];
            opcode = Opcode.Continuation;
        }

        AppendFrame(ref queue, opcode, payload, endsMessage, isDeflated);
    }

    private void MessageAppended()
    {
        _queue.Tail!.Messages++;
        _acceptedMessages++;
    }

    private void AppendControl(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        if (IsLaneNeeded)
            AppendToLane(opcode, payload);
        else
            AppendFrame(opcode, payload, isFinal: true);
    }

    private ControlLane Lane => _lane ??= new ControlLane();

    private void AppendToLane(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        const int Size = FrameHeader.MaxSize + FrameHeader.MaxControlPayload;
        ControlLane lane = Lane;
        if (lane.Frames is null)
        {
            lane.Frames = Arrays.Rent(Size);
        }
        else if (lane.Frames.Length - lane.Length < Size)
        {
            byte[] larger = Arrays.Rent(Math.Max(lane.Frames.Length * 2, lane.Length + Size));
            lane.Frames.AsSpan(0, lane.Length).CopyTo(larger);
            Arrays.Return(lane.Frames);
            lane.Frames = larger;
        }

        int length = WriteFrame(lane.Frames.AsSpan(lane.Length), opcode, payload);
        lane.Length += length;
        Volatile.Write(ref _buffered, _buffered + length);
    }

    private int WriteFrame(Span<byte> destination, Opcode opcode, ReadOnlySpan<byte> payload)
    {
        if (_isClient)
        {
            uint key = MaskKeys.Next(MaskSource);
            int size = FrameWriter.WriteMaskedHeader(destination, opcode, isFinal: true, payload.Length, key);
            Masking.Apply(payload, destination[size..], key);
            return size + payload.Length;
        }
        else
        {
            int size = FrameWriter.WriteHeader(destination, opcode, isFinal: true, payload.Length);
            payload.CopyTo(destination[size..]);
            return size + payload.Length;
        }
    }

    private void AppendFrame(Opcode opcode, ReadOnlySpan<byte> payload, bool isFinal) =>
        AppendFrame(ref _queue, opcode, payload, isFinal);

    private void AppendFrame(ref OutputQueue queue, Opcode opcode, ReadOnlySpan<byte> payload, bool isFinal, bool isDeflated = false)
    {
        // RSV1 marks a compressed message, on its first frame alone (RFC 7692, section 6).
        bool rsv1 = isDeflated && opcode != Opcode.Continuation;
        Span<byte> framed = AppendHeader(ref queue, opcode, isFinal, payload.Length, rsv1, out uint key);
        if (_isClient)
            Masking.Apply(payload, framed, key);
        else
            payload.CopyTo(framed);
    }

    /// <summary>Writes a header into the last chunk of the output and gives the room for the payload behind it.</summary>
    private Span<byte> AppendHeader(ref OutputQueue queue, Opcode opcode, bool isFinal, int length, bool rsv1, out uint key)
    {
        // First of all: a source of keys that throws leaves the output as it was.
        key = _isClient ? MaskKeys.Next(MaskSource) : 0;
        int size = FrameWriter.GetHeaderSize(length, _isClient) + length;
        OutputSegment chunk = ChunkFor(ref queue, size);
        Span<byte> frame = chunk.Array.AsSpan(chunk.End, size);
        chunk.End += size;
        Volatile.Write(ref _buffered, _buffered + size);
        return _isClient
            ? frame[FrameWriter.WriteMaskedHeader(frame, opcode, isFinal, length, key, rsv1)..]
            : frame[FrameWriter.WriteHeader(frame, opcode, isFinal, length, rsv1)..];
    }

    /// <summary>Finds the chunk that takes the next frames: the last one, or a new one where it has no room.</summary>
    private OutputSegment ChunkFor(ref OutputQueue queue, int size)
    {
        if (HasRoom(queue.Tail, size))
            return queue.Tail!;
        OutputSegment chunk = OutputSegment.Rent(OutputKind.Frames);
        // Many connections may have something to send at the same time, most of them little: who fills one gets a large one, and so does
        // a message that was compressed while others wait for it.
        int usual = queue.Tail is null && _queue.Head == _queue.Tail ? FirstChunkSize : ChunkSize;
        chunk.Array = Arrays.Rent(Math.Max(usual, size));
        queue.Append(chunk);
        return chunk;
    }

    private static bool HasRoom(OutputSegment? chunk, int size) =>
        chunk is { Kind: OutputKind.Frames, IsShared: false } && chunk.Array!.Length - chunk.End >= size;

    private OutputSegment AppendPayload(
        ref OutputQueue queue, OutputKind kind, Opcode opcode, ReadOnlyMemory<byte> payload, bool endsMessage)
    {
        OutputSegment segment = OutputSegment.Rent(kind);
        segment.Opcode = opcode;
        segment.Payload = payload;
        segment.EndsMessage = endsMessage;
        queue.Append(segment);
        Volatile.Write(ref _buffered, _buffered + FramedSize(payload.Length));
        return segment;
    }

    /// <summary>Tells how many bytes a message takes on the wire.</summary>
    private long FramedSize(int length)
    {
        int whole = length > FragmentSize ? (length - 1) / FragmentSize : 0;
        int last = length - (whole * FragmentSize);
        return length
            + ((long)whole * FrameWriter.GetHeaderSize(FragmentSize, _isClient))
            + FrameWriter.GetHeaderSize(last, _isClient);
    }
}
