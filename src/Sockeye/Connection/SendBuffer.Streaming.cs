using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <content>Streamed messages (rule S8): a place in the output that its owner fills, while other data queues behind it.</content>
internal sealed partial class SendBuffer
{
    /// <summary>Takes a place in the output for a message that comes in pieces.</summary>
    public OutputSegment OpenStream()
    {
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                throw _connection.ClosedException();
            OutputSegment stream = OutputSegment.Rent(OutputKind.Stream);
            _queue.Append(stream);
            _openStreams++;
            return stream;
        }
    }

    /// <summary>Adds a fragment to a streamed message.</summary>
    /// <param name="stream">The place in the output.</param>
    /// <param name="opcode">The kind of the message for its first fragment, <see cref="Opcode.Continuation"/> after that.</param>
    /// <param name="payload">The fragment; above <see cref="CopyLimit"/> it leaves from this memory.</param>
    /// <param name="isFinal">Whether it is the last one, which ends the stream.</param>
    /// <param name="options">Whether the message may be compressed: the first fragment decides.</param>
    public ValueTask AppendFragment(OutputSegment stream, Opcode opcode, ReadOnlyMemory<byte> payload, bool isFinal, SendOptions options)
    {
        SendWaiter? waiter;
        lock (_connection.Sync)
        {
            if (_isEnded || _isBroken || stream.IsEnded)
                return Refused();
            // How long it becomes is known of a message that ends with its first fragment alone.
            if (!stream.HasBegun)
                stream.IsDeflated = Deflates(isFinal ? payload.Length : int.MaxValue, options);
            stream.HasBegun = true;
            long before = _buffered;
            OutputKind kind = stream.IsDeflated ? OutputKind.Deflate : OutputKind.Payload;
            if (payload.Length > CopyLimit)
            {
                OutputSegment segment = AppendPayload(ref stream.Inner, kind, opcode, payload, isFinal);
                waiter = segment.Waiter = SendWaiter.Rent();
            }
            else if (stream.IsDeflated)
            {
                PooledArray copy = PooledArray.Copy(payload.Span, Arrays);
                AppendPayload(ref stream.Inner, kind, opcode, copy.Array.AsMemory(0, payload.Length), isFinal).Hold = copy;
                waiter = null;
            }
            else
            {
                AppendFragments(ref stream.Inner, opcode, payload.Span, isFinal);
                waiter = null;
            }

            stream.Inner.Tail!.Messages += isFinal ? 1 : 0;
            stream.Pending += _buffered - before;
            if (stream.Pending > _highWater)
                waiter ??= stream.Room.Add();
            if (isFinal)
            {
                _acceptedMessages++;
                EndStreamLocked(stream);
            }
        }

        Flush();
        return waiter is null ? default : waiter.Task;
    }

    /// <summary>Ends a streamed message without its last fragment.</summary>
    public void EndStream(OutputSegment stream)
    {
        SendWaiter? settled;
        lock (_connection.Sync)
        {
            Abandon(stream);
            settled = _settled.TakeAll();
        }

        SendWaiterList.Tell(settled);
        Flush();
    }

    /// <summary>Ends every streamed message that is still open, so that a Close frame can pass (rule S8).</summary>
    public void EndStreams()
    {
        SendWaiter? settled;
        lock (_connection.Sync)
        {
            for (OutputSegment? segment = _queue.Head; segment is not null; segment = segment.Next)
            {
                if (segment.Kind == OutputKind.Stream)
                    Abandon(segment);
            }

            settled = _settled.TakeAll();
        }

        SendWaiterList.Tell(settled);
        Flush();
    }

    /// <summary>Ends a streamed message where it stands. Once it has begun, the peer takes no other message before its end, which
    /// will not come: what queues behind it is dropped, and Close alone follows. Before that it vanishes.</summary>
    private void Abandon(OutputSegment stream)
    {
        if (stream.IsEnded || _isEnded)
            return;
        EndStreamLocked(stream);
        if (!stream.HasBegun || stream.Next is null)
            return;

        Drop(_queue.CutBehind(stream));
    }

    /// <summary>Drops accepted output that can no longer leave; a Close frame among it is queued again.</summary>
    private void Drop(OutputSegment? rest)
    {
        long dropped = 0;
        for (OutputSegment? segment = rest; segment is not null; segment = segment.Next)
            dropped += WaitingBytes(segment);
        Discard(rest, _connection.Close.Snapshot());
        Ending.HasDropped |= dropped > CloseFrameSize;
        Volatile.Write(ref _buffered, _buffered - dropped);
        Ending.LostBytes += dropped - CloseFrameSize;
        if (CloseFrameSize > 0)
            AppendClose(Ending.CloseCode, Ending.CloseReason);
        _room.Settle(ref _settled);
    }

    /// <summary>Counts the bytes of a segment of which nothing has been handed over.</summary>
    private long WaitingBytes(OutputSegment segment) => segment.Kind switch
    {
        OutputKind.Frames => segment.End - segment.Start,
        OutputKind.Payload => FramedSize(segment.Payload.Length),
        OutputKind.Deflate => FramedSize(segment.Payload.Length) - segment.Sent,
        OutputKind.Stream => segment.Pending,
        _ => 0,
    };

    /// <summary>Notes that bytes of a streamed message have left, and lets its writer go on at the low-water mark.</summary>
    private void MakeRoom(OutputSegment stream, long taken)
    {
        stream.Pending -= taken;
        if (stream.Pending <= _connection.Terms.LowWaterMark)
            stream.Room.Settle(ref _settled);
    }

    private void EndStreamLocked(OutputSegment stream)
    {
        if (stream.IsEnded)
            return;
        stream.IsEnded = true;
        _openStreams--;
    }
}
