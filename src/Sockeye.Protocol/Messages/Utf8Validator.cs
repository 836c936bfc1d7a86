namespace Sockeye.Protocol;

/// <summary>Checks UTF-8 that arrives in pieces, and fails at the first byte that no continuation can make valid
/// (RFC 3629; RFC 6455, section 8.1).</summary>
/// <remarks>A value of this type is the state of one text: start with <c>default</c>, pass each piece to <see cref="Append"/> and
/// ask <see cref="IsComplete"/> at the end. After a failure the state has no meaning.</remarks>
public struct Utf8Validator
{
    // Fewer are sooner checked one by one.
    private const int Few = 4;

    // The code point that the last piece broke off in: how many bytes it lacks, and the range of the next one.
    private byte _missing;
    private byte _lowest;
    private byte _highest;

    /// <summary>Gets whether the text so far ends with a whole code point.</summary>
    public readonly bool IsComplete => _missing == 0;

    /// <summary>Checks the next piece.</summary>
    /// <param name="bytes">The piece; it may end in the middle of a code point.</param>
    /// <returns>False as soon as the text cannot be valid any more, whatever follows.</returns>
    public bool Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Few)
            return AppendEach(bytes);

        // It lacks three bytes at most.
        int start = 0;
        while (_missing > 0)
        {
            if (!Continue(bytes[start++]))
                return false;
        }

        ReadOnlySpan<byte> rest = bytes[start..];
        int whole = rest.Length - BrokenTail(rest);
        return Utf8Text.IsValid(rest[..whole]) && AppendEach(rest[whole..]);
    }

    private bool AppendEach(ReadOnlySpan<byte> bytes)
    {
        foreach (byte next in bytes)
        {
            if (_missing > 0 ? !Continue(next) : next >= 0x80 && !Begin(next))
                return false;
        }

        return true;
    }

    /// <summary>Counts the bytes at the end that begin a code point of which more bytes are to come.</summary>
    private static int BrokenTail(ReadOnlySpan<byte> bytes)
    {
        for (int length = 1; length <= 3 && length <= bytes.Length; length++)
        {
            byte b = bytes[^length];
            if (b < 0x80)
                return 0;
            if (b >= 0xC0)
                return SequenceLength(b) > length ? length : 0;
        }

        return 0;
    }

    private static int SequenceLength(byte first) => first switch { < 0xE0 => 2, < 0xF0 => 3, _ => 4 };

    private bool Begin(byte first)
    {
        if (first is < 0xC2 or > 0xF4)
            return false;

        _missing = (byte)(SequenceLength(first) - 1);
        // Overlong forms, surrogates and what lies beyond U+10FFFF are all told by the second byte.
        _lowest = first switch { 0xE0 => 0xA0, 0xF0 => 0x90, _ => 0x80 };
        _highest = first switch { 0xED => 0x9F, 0xF4 => 0x8F, _ => 0xBF };
        return true;
    }

    private bool Continue(byte next)
    {
        if (next < _lowest || next > _highest)
            return false;

        _missing--;
        _lowest = 0x80;
        _highest = 0xBF;
        return true;
    }
}
