namespace Sockeye.Protocol;

/// <content>The payload of messages that do not lie whole in the block: gathered in a rented array, or received into it at once.</content>
public sealed partial class MessageAssembler
{
    // A frame whose header declares much may make the array grow by this factor at a time, so that a large message is not
    // copied again at every doubling.
    private const int LargeFrameGrowth = 4;
    private const int SmallestGather = 256;

    /// <summary>Offers memory into which the payload that comes next may be received at once, without a copy.</summary>
    /// <param name="minimum">The fewest bytes for which that is worth it; at least 1.</param>
    /// <returns>Memory for the bytes that come next on the wire, as long as they are expected or as there is room; empty where the
    /// next bytes are not the payload of a message, where too few of them are expected, or where less than half of
    /// <paramref name="minimum"/> has come: memory follows what was received. After receiving into it, call
    /// <see cref="ReadDirect"/> before anything else.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minimum"/> is less than 1.</exception>
    public ArraySegment<byte> GetDirectBuffer(int minimum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minimum, 1);
        if (_ended || !_inFrame || _inControl || _isCompressed || _terms.InPieces || _frameRemaining < minimum || 2L * _gatheredLength < minimum)
            return default;

        if (DirectRoom < minimum)
            Grow(0);
        return new ArraySegment<byte>(_gathered!, _gatheredLength, DirectRoom);
    }

    /// <summary>Takes bytes that were received into <see cref="GetDirectBuffer"/>.</summary>
    /// <param name="count">How many bytes were received: at least 1, at most as many as were offered.</param>
    /// <param name="received">The event that they completed, if any.</param>
    /// <returns>Whether there is an event.</returns>
    /// <exception cref="ArgumentOutOfRangeException">So many bytes were not offered.</exception>
    public bool ReadDirect(int count, out ReceivedEvent received)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, DirectRoom);
        return TakeMessagePayload(_gathered.AsSpan(_gatheredLength, count), inPlace: true, out received);
    }

    private int DirectRoom =>
        !_inFrame || _inControl || _isCompressed || _gathered is null ? 0 : (int)Math.Min(_frameRemaining, _gathered.Length - _gatheredLength);

    private bool TakeMessagePayload(Span<byte> piece, bool inPlace, out ReceivedEvent received)
    {
        received = default;
        Unmask(piece);
        _frameRemaining -= piece.Length;
        bool frameEnds = _frameRemaining == 0;
        bool messageEnds = frameEnds && _isFinal;
        Rule? broken = _isCompressed ? Inflate(piece) : Gather(piece, inPlace, messageEnds);
        if (messageEnds && _isCompressed)
            broken ??= EndInflating();
        if (broken is { } rule)
        {
            received = Fail(rule);
            return true;
        }

        _inFrame = !frameEnds;
        if (!messageEnds)
            return false;

        // Only a compressed message that is empty has gathered nothing: any other empty one was taken whole.
        received = _gathered is null
            ? new ReceivedEvent((ReceivedEventKind)_message, 0, 0)
            : new ReceivedEvent((ReceivedEventKind)_message, _gathered, _gatheredLength);
        _gathered = null;
        EndMessage();
        return true;
    }

    private Rule? Gather(Span<byte> piece, bool inPlace, bool isLast)
    {
        if (!IsValidText(piece, isLast))
            return Rule.TextMustBeUtf8;
        if (!inPlace && piece.Length > 0)
        {
            if (_gathered is null || _gathered.Length - _gatheredLength < piece.Length)
                Grow(piece.Length);
            piece.CopyTo(_gathered.AsSpan(_gatheredLength));
        }

        _gatheredLength += piece.Length;
        return null;
    }

    private void EndMessage()
    {
        _message = Opcode.Continuation;
        _gatheredLength = 0;
        _handedOut = 0;
    }

    /// <summary>Makes room for <paramref name="more"/> bytes that have come and for some that will: for twice what was gathered, or,
    /// where a header has declared a large frame, for as much of it as four times what has come.</summary>
    private void Grow(int more)
    {
        int needed = _gatheredLength + more;
        long declared = needed + _frameRemaining;
        long wanted = Math.Max(needed, Math.Max(SmallestGather, 2L * _gatheredLength));
        wanted = Math.Max(wanted, Math.Min(declared, (long)LargeFrameGrowth * needed));
        Resize((int)Math.Min(wanted, _terms.MaxMessageSize));
    }

    private void Resize(int size)
    {
        byte[] larger = _terms.Pool.Rent(size);
        if (_gathered is not null)
        {
            _gathered.AsSpan(0, _gatheredLength).CopyTo(larger);
            _terms.Pool.Return(_gathered);
        }

        _gathered = larger;
    }
}
