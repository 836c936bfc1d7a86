using Sockeye.Protocol;

namespace Sockeye;

/// <content>Messages that were prepared for many connections: a server sends them from memory that all share.</content>
internal sealed partial class SendBuffer
{
    /// <summary>Sends a prepared message; completes as any other does.</summary>
    public ValueTask SendPrepared(PreparedMessage message, CancellationToken token)
    {
        bool deflates = Deflates(message.Payload.Length, message.Options);
        if (!CanShare(message) || (!deflates && message.Payload.Length <= CopyLimit))
            return SendAsync((Opcode)message.Kind, message.Payload, hold: null, message.Options, token);
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled(token);

        ReadOnlyMemory<byte> frame = deflates ? message.CompressedFrame(_deflation!.Agreement) : message.Frame;
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(frame, out ArraySegment<byte> memory);
        SendWaiter? waiter;
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return Refused();
            AppendShared(memory.Array!, memory.Offset, memory.Count, hold: null, deflates);
            waiter = WaitForRoom();
            wake = NeedsFlush();
        }

        Started(wake);
        return waiter is null ? default : waiter.Task;
    }

    /// <summary>Gets whether the frame that was prepared is the one that this connection would send.</summary>
    public bool CanShare(PreparedMessage message) => !_isClient && message.Payload.Length <= FragmentSize;

    /// <summary>Gets whether the compressed form of a prepared message is for this connection, and on which terms.</summary>
    public Compression.DeflateAgreement? CompressesShared(PreparedMessage message) =>
        Deflates(message.Payload.Length, message.Options) ? _deflation!.Agreement : null;

    /// <summary>Accepts a frame that many connections share; refuses it where this one is slow.</summary>
    /// <param name="frames">The memory, of which a reference is added where it is needed.</param>
    /// <param name="start">Where the frame begins.</param>
    /// <param name="isDeflated">Whether it is compressed.</param>
    /// <param name="isFlushOwed">Whether the caller must call <see cref="FlushShared"/> soon.</param>
    public SendResult TrySendShared(SharedFrames frames, int start, bool isDeflated, out bool isFlushOwed)
    {
        int length = frames.End - start;
        isFlushOwed = false;
        lock (_connection.Sync)
        {
            TakeCork();
            if (!HasRoomFor(length, out SendResult refusal))
                return refusal;
            AppendShared(frames.Array, start, length, frames, isDeflated);
            isFlushOwed = NeedsFlush() != Wake.None;
        }

        return SendResult.Accepted;
    }

    /// <summary>Accepts a prepared message, from no memory that is shared beyond the message itself; refuses it where this connection is
    /// slow.</summary>
    public SendResult TrySendPrepared(PreparedMessage message)
    {
        bool isShareable = CanShare(message);
        bool deflates = isShareable && Deflates(message.Payload.Length, message.Options);
        ReadOnlyMemory<byte> frame = deflates ? message.CompressedFrame(_deflation!.Agreement) : message.Frame;
        Wake wake = Wake.None;
        lock (_connection.Sync)
        {
            TakeCork();
            if (!HasRoomFor(frame.Length, out SendResult refusal))
                return refusal;
            if (isShareable)
            {
                AppendPrepared(frame, deflates);
                wake = NeedsFlush();
            }
        }

        // In this connection's own masks or fragments: its payload stays valid, whoever waits for it.
        if (isShareable)
            Started(wake);
        else
            _ = SendAsync((Opcode)message.Kind, message.Payload, hold: null, message.Options, CancellationToken.None);
        return SendResult.Accepted;
    }

    /// <summary>Completes when no more waits than the low-water mark; fails where the connection takes no more messages.</summary>
    public ValueTask WhenRoomAsync()
    {
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return Refused();
            return _buffered <= _connection.Terms.LowWaterMark ? default : _room.Add().Task;
        }
    }

    /// <summary>Tells whether a message finds room: always at the low-water mark, so that whoever waited for that gets on.</summary>
    private bool HasRoomFor(int length, out SendResult refusal)
    {
        refusal = _isClosed ? SendResult.Closed : SendResult.Full;
        return !_isClosed && (_buffered <= _connection.Terms.LowWaterMark || _buffered + length <= _highWater);
    }

    private void AppendPrepared(ReadOnlyMemory<byte> frame, bool isDeflated)
    {
        if (frame.Length > CopyLimit)
        {
            System.Runtime.InteropServices.MemoryMarshal.TryGetArray(frame, out ArraySegment<byte> memory);
            AppendShared(memory.Array!, memory.Offset, memory.Count, hold: null, isDeflated);
            return;
        }

        OutputSegment chunk = ChunkFor(ref _queue, frame.Length);
        frame.Span.CopyTo(chunk.Array.AsSpan(chunk.End));
        chunk.End += frame.Length;
        chunk.EndsContext |= isDeflated;
        Volatile.Write(ref _buffered, _buffered + frame.Length);
        MessageAppended();
    }

    /// <summary>Queues a frame that lies in memory of others, as one stretch with what lies before it there.</summary>
    private void AppendShared(byte[] array, int start, int length, SharedFrames? hold, bool isDeflated)
    {
        OutputSegment? tail = _queue.Tail;
        if (tail is not { IsShared: true } || hold is null || tail.Hold != hold || tail.End != start || tail.EndsContext != isDeflated)
        {
            tail = OutputSegment.Rent(OutputKind.Frames);
            tail.Array = array;
            tail.Start = start;
            tail.IsShared = true;
            tail.EndsContext = isDeflated;
            tail.Hold = hold;
            hold?.AddReference();
            _queue.Append(tail);
        }

        tail.End = start + length;
        Volatile.Write(ref _buffered, _buffered + length);
        MessageAppended();
    }
}
