using Sockeye.Protocol;

namespace Sockeye;

/// <content>Streamed messages (rule S8): a place in the output that its owner fills, while other data queues behind it.</content>
internal sealed partial class SendBuffer
{
    /// <summary>Takes a place in the output for a message that comes in pieces.</summary>
    public OutputSegment OpenStream()
    {
        lock (_sync)
        {
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
    public ValueTask AppendFragment(OutputSegment stream, Opcode opcode, ReadOnlyMemory<byte> payload, bool isFinal)
    {
        SendWaiter? waiter;
        lock (_sync)
        {
            if (_isEnded || _isBroken || stream.IsEnded)
                return ValueTask.FromException(_connection.ClosedException());
            if (payload.Length > CopyLimit)
            {
                OutputSegment segment = AppendPayload(ref stream.Inner, opcode, payload, isFinal);
                segment.Messages = isFinal ? 1 : 0;
                waiter = segment.Waiter = SendWaiter.Rent();
            }
            else
            {
                Span<byte> framed = AppendHeader(ref stream.Inner, opcode, isFinal, payload.Length, out uint key);
                if (_isClient)
                    Masking.Apply(payload.Span, framed, key);
                else
                    payload.Span.CopyTo(framed);
                stream.Inner.Tail!.Messages += isFinal ? 1 : 0;
                waiter = WaitForRoom();
            }

            if (isFinal)
            {
                _unsentMessages++;
                EndStreamLocked(stream);
            }
        }

        Flush();
        return waiter is null ? default : waiter.Task;
    }

    /// <summary>Ends a streamed message without its last fragment: what follows it may leave.</summary>
    public void EndStream(OutputSegment stream)
    {
        lock (_sync)
            EndStreamLocked(stream);
        Flush();
    }

    /// <summary>Ends every streamed message that is still open, so that a Close frame can pass (rule S8).</summary>
    /// <returns>Whether there was one.</returns>
    public bool EndStreams()
    {
        bool any = false;
        lock (_sync)
        {
            for (OutputSegment? segment = _queue.Head; segment is not null; segment = segment.Next)
            {
                if (segment.Kind == OutputKind.Stream && !segment.IsEnded)
                {
                    any = true;
                    EndStreamLocked(segment);
                }
            }
        }

        if (any)
            Flush();
        return any;
    }

    private void EndStreamLocked(OutputSegment stream)
    {
        if (stream.IsEnded)
            return;
        stream.IsEnded = true;
        _openStreams--;
    }
}
