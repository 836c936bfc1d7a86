using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <content>Compression (RFC 7692): messages wait as they are, in their order, and are compressed when their turn comes, by the thread that
/// writes and outside the lock. Their frames wait in <see cref="Deflation.Framed"/>, which leaves before the rest.</content>
internal sealed partial class SendBuffer
{
    // How much is compressed at a time: pings and pongs pass between two pieces. Larger ones would hardly compress better.
    private const int DeflatePiece = 128 * 1024;

    // Null where compression was not agreed on.
    private readonly Deflation? _deflation;

    /// <summary>Gets how many bytes have been compressed: progress, although nothing may have left.</summary>
    public long DeflatedBytes => _deflation?.Bytes ?? 0;

    /// <summary>Gets whether a compressor is held.</summary>
    public bool IsHoldingDeflater
    {
        get
        {
            lock (_connection.Sync)
                return _deflation is { Deflater.HoldsDeflater: true };
        }
    }

    /// <summary>Lets go of a compressor that has not been used for long.</summary>
    /// <returns>When to look again; <see cref="long.MaxValue"/> for not before the next compressed message. Called under the lock.</returns>
    public long ReleaseIdleDeflater(long now, long patience)
    {
        Deflation deflation = _deflation!;
        if (deflation.Current is not null)
            return now + patience;
        if (now - deflation.UsedAt < patience)
            return deflation.UsedAt + patience;
        deflation.Deflater.Release();
        return long.MaxValue;
    }

    private bool Deflates(int length, SendOptions options) => _deflation is not null && _deflation.Agreement.Compresses(length, options);

    /// <summary>Accepts a small message that is compressed; completes at once below the high-water mark, else when it is compressed. Until
    /// then the token withdraws it (rule S3).</summary>
    private ValueTask SendDeflated(Opcode opcode, PooledArray copy, int length, CancellationToken token)
    {
        ValueTask sent = default;
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
            {
                copy.Release();
                return Refused();
            }

            OutputSegment segment = AppendLarge(deflates: true, opcode, copy.Array.AsMemory(0, length), copy);
            if (_buffered > _highWater)
            {
                SendWaiter waiter = segment.Waiter = SendWaiter.Rent();
                sent = waiter.Task;
                waiter.CancelBy(this, token);
            }

            wake = NeedsFlush();
        }

        Started(wake);
        return sent;
    }

    /// <summary>Chooses what is compressed next, if it is the turn of something: small messages together, until there is enough to
    /// write. Called under the lock.</summary>
    private bool BeginDeflating()
    {
        if (_deflation is null || (_deflation.Framed.Tail is { } framed && framed.End - framed.Start >= ChunkSize / 2))
            return false;
        OutputSegment? next = _queue.Head is { Kind: OutputKind.Stream } stream ? stream.Inner.Head : _queue.Head;
        if (next is not { Kind: OutputKind.Deflate })
            return false;
        next.IsCommitted = true;
        _deflation.Current = next;
        return true;
    }

    private void Deflate(OutputSegment segment)
    {
        Deflation deflation = _deflation!;
        var output = default(OutputArray);
        int length = 0;
        Exception? fault = null;
        try
        {
            try
            {
                length = DeflateNext(segment, ref output);
                Diagnostics.Telemetry.Deflated(length, output.Written.Length);
            }
            catch (Exception e)
            {
                fault = e;
            }

            SendWaiter? settled;
            lock (_connection.Sync)
            {
                deflation.Current = null;
                if (_isEnded)
                {
                    deflation.Deflater.Dispose();
                    Release(segment, _connection.Result);
                }
                else if (fault is null)
                {
                    Deflated(segment, length, output.Written);
                }
                else
                {
                    // What the peer's window holds is not known any more, and this message cannot be sent (rule Z1).
                    deflation.Deflater.Release();
                    _connection.Close.NoteCompressionFailed(fault);
                    Drop(_queue.TakeAll());
                }

                settled = _settled.TakeAll();
            }

            SendWaiterList.Tell(settled);
        }
        finally
        {
            output.Return();
        }

        if (fault is not null)
            _connection.Receive.OnCloseBegun();
    }

    /// <summary>Compresses the next piece of a message; all of it where it must leave in one frame.</summary>
    /// <returns>How much of the message it was.</returns>
    private int DeflateNext(OutputSegment segment, ref OutputArray output)
    {
        ReadOnlySpan<byte> rest = segment.Payload.Span[segment.Sent..];
        output = new OutputArray(Arrays, Math.Max(256, Math.Min(rest.Length, DeflatePiece) / 2));
        int done = 0;
        do
        {
            ReadOnlySpan<byte> piece = rest.Slice(done, Math.Min(rest.Length - done, DeflatePiece));
            done += piece.Length;
            _deflation!.Deflater.Compress(piece, ref output, endsMessage: done == rest.Length && segment.EndsMessage);
            _deflation.Count(piece.Length);
        }
        while (done < rest.Length && FragmentSize == int.MaxValue && !Volatile.Read(ref _isEnded));

        return done;
    }

    /// <summary>Frames what came out of a piece, and lets go of the message when all of it has been compressed.</summary>
    private void Deflated(OutputSegment segment, int length, ReadOnlySpan<byte> compressed)
    {
        bool isLast = segment.Sent + length == segment.Payload.Length;
        Opcode opcode = segment.Sent == 0 ? segment.Opcode : Opcode.Continuation;
        Deflation deflation = _deflation!;
        AppendFragments(ref deflation.Framed, opcode, compressed, isLast && segment.EndsMessage, isDeflated: true);
        long counted = isLast ? WaitingBytes(segment) : length;
        Volatile.Write(ref _buffered, _buffered - counted);
        segment.Sent += length;
        if (deflation.Deflater.HoldsDeflater)
        {
            deflation.UsedAt = _connection.Deadlines.Now;
            _connection.Deadlines.WatchDeflater(deflation.Agreement.Options.IdleRelease);
        }

        OutputSegment? stream = _queue.Head is { Kind: OutputKind.Stream } open ? open : null;
        if (stream is not null)
            MakeRoom(stream, counted);
        if (!isLast)
            return;
        deflation.Framed.Tail!.Messages += segment.Messages;
        if (stream is not null)
            stream.Inner.RemoveHead();
        else
            _queue.RemoveHead();
        Release(segment, result: null);
    }
}
