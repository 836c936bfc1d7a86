namespace Sockeye.Protocol;

/// <content>Messages in pieces: what has come of one is handed out at once, and nothing is gathered.</content>
public sealed partial class MessageAssembler
{
    // The most that is inflated at a time.
    private const int InflatedPiece = 16 * 1024;

    // How much of the message has been handed out: always 0 where messages are gathered.
    private long _handedOut;

    // Whether the inflater may have more to give of what it has taken.
    private bool _inflatesMore;

    /// <summary>Hands out what has come of the payload of a message.</summary>
    /// <returns>Whether there is anything to hand out: an empty piece says nothing, unless it is the end of its message.</returns>
    private bool TakePiece(Span<byte> block, ref int consumed, out ReceivedEvent received)
    {
        int start = consumed;
        Span<byte> piece = block.Slice(start, (int)Math.Min(_frameRemaining, block.Length - start));
        if (_isCompressed)
            return InflatePiece(piece, ref consumed, out received);

        Unmask(piece);
        consumed += piece.Length;
        _frameRemaining -= piece.Length;
        _inFrame = _frameRemaining > 0;
        bool endsMessage = !_inFrame && _isFinal;
        if (!IsValidText(piece, endsMessage))
        {
            received = Fail(Rule.TextMustBeUtf8);
            return true;
        }

        return TryHandOut(new ReceivedEvent((ReceivedEventKind)_message, start, piece.Length), endsMessage, out received);
    }

    /// <summary>Inflates the next piece into an array that belongs to whoever it is handed to. What it has no room for is not consumed, and
    /// stays as it came.</summary>
    private bool InflatePiece(Span<byte> source, ref int consumed, out ReceivedEvent received)
    {
        source = source[..Math.Min(source.Length, InflatedPiece)];
        Unmask(source);
        byte[]? array = _terms.Pool.Rent((int)Math.Clamp((long)LargeFrameGrowth * source.Length, SmallestGather, InflatedPiece));
        // One byte at least: it tells whether there is more to come beyond the limit.
        long rest = _terms.MaxMessageSize - _handedOut;
        Span<byte> room = array.AsSpan(0, (int)Math.Clamp(rest, 1, array.Length));
        bool isValid = _inflater!.TryInflate(source, room, out int used, out int written);
        consumed += used;
        _frameRemaining -= used;
        MaskAgain(source[used..]);
        _inflatesMore = isValid && written == room.Length;
        _inFrame = _frameRemaining > 0 || _inflatesMore;
        bool endsMessage = !_inFrame && _isFinal;
        Rule? broken = JudgeInflated(room[..written], rest, isValid);
        if (endsMessage)
            broken ??= EndInflating();
        if (broken is null && written > 0)
            return TryHandOut(new ReceivedEvent((ReceivedEventKind)_message, array, written), endsMessage, out received);

        Drop(ref array);
        if (broken is null)
            return TryHandOut(new ReceivedEvent((ReceivedEventKind)_message, consumed, 0), endsMessage, out received);
        received = Fail(broken.Value);
        return true;
    }

    private void MaskAgain(Span<byte> rest)
    {
        _maskPhase = (_maskPhase - rest.Length) & 3;
        Unmask(rest);
        _maskPhase = (_maskPhase - rest.Length) & 3;
    }

    private Rule? JudgeInflated(ReadOnlySpan<byte> inflated, long rest, bool isValid)
    {
        if (inflated.Length > rest)
            return Rule.MessageMustFitLimit;
        if (!IsValidText(inflated, isLast: false))
            return Rule.TextMustBeUtf8;
        return isValid ? null : Rule.CompressedDataMustBeValid;
    }

    private bool TryHandOut(in ReceivedEvent piece, bool endsMessage, out ReceivedEvent received)
    {
        bool isSomething = piece.Length > 0 || endsMessage;
        received = isSomething ? HandOut(piece, endsMessage) : default;
        return isSomething;
    }

    /// <summary>Tells of a piece how it belongs to its message.</summary>
    private ReceivedEvent HandOut(in ReceivedEvent piece, bool endsMessage)
    {
        MessagePart part = (_handedOut == 0, endsMessage) switch
        {
            (true, true) => MessagePart.Whole,
            (true, false) => MessagePart.First,
            (false, false) => MessagePart.Middle,
            _ => MessagePart.Last,
        };
        _handedOut += piece.Length;
        if (endsMessage)
            EndMessage();
        return piece with { Part = part };
    }
}
