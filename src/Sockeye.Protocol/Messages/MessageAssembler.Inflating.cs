namespace Sockeye.Protocol;

/// <content>Compressed messages (RFC 7692): inflated as their bytes arrive, straight into the gathered array.</content>
public sealed partial class MessageAssembler
{
    private IMessageInflater? _inflater;

    // Whether the message that is being gathered is compressed; without a meaning where none is.
    private bool _isCompressed;

    /// <summary>Inflates what has come of a message, and judges each byte in the order in which they come out: text, then the limit, then
    /// the compressed data itself. So the first rule broken is the same however the bytes were cut.</summary>
    /// <returns>The rule that was broken, if any.</returns>
    private Rule? Inflate(ReadOnlySpan<byte> source)
    {
        // What inflates to nothing is a byte long at most, unless it is odd; everything else needs room.
        if (_gathered is null && source.Length > 1)
            GrowToInflate(source.Length);

        // Where the array is full, a byte beside it tells whether there is more to come, be it of the message or beyond the limit.
        Span<byte> beside = stackalloc byte[1];
        int written;
        int room;
        do
        {
            scoped Span<byte> destination = _gathered.AsSpan(_gatheredLength);
            bool isFull = destination.IsEmpty || _gatheredLength == _terms.MaxMessageSize;
            destination = isFull ? beside : destination[..(int)Math.Min(destination.Length, _terms.MaxMessageSize - _gatheredLength)];
            room = destination.Length;
            bool isValid = _inflater!.TryInflate(source, destination, out int consumed, out written);
            source = source[consumed..];
            if (isFull && written > 0)
            {
                if (_gatheredLength == _terms.MaxMessageSize)
                    return Rule.MessageMustFitLimit;
                GrowToInflate(1 + source.Length);
                _gathered![_gatheredLength] = beside[0];
            }

            if (!IsValidText(_gathered.AsSpan(_gatheredLength, written), isLast: false))
                return Rule.TextMustBeUtf8;
            _gatheredLength += written;
            if (!isValid)
                return Rule.CompressedDataMustBeValid;
        }
        while (written == room);

        return null;
    }

    private Rule? EndInflating()
    {
        if (!_inflater!.TryEndMessage())
            return Rule.CompressedDataMustBeValid;
        return IsValidText([], isLast: true) ? null : Rule.TextMustBeUtf8;
    }

    /// <summary>Makes room for <paramref name="more"/> inflated bytes. The sizes are the limit divided by powers of four, so that the
    /// last array is the limit itself and the one that it replaces a quarter of it: a bomb costs no more than both.</summary>
    private void GrowToInflate(int more)
    {
        long needed = Math.Max(SmallestGather, Math.Min((long)_gatheredLength + more, _terms.MaxMessageSize));
        long size = _terms.MaxMessageSize;
        while (size / LargeFrameGrowth >= needed)
            size /= LargeFrameGrowth;
        Resize((int)size);
    }
}
