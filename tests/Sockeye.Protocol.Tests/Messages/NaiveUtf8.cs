namespace Sockeye.Protocol.Tests.Messages;

/// <summary>The table of RFC 3629, section 4, one byte at a time: says after each byte whether the text can still be valid.</summary>
internal struct NaiveUtf8
{
    private int _missing;
    private byte _lowest;
    private byte _highest;

    public readonly bool IsComplete => _missing == 0;

    public bool Append(byte b)
    {
        if (_missing > 0)
        {
            bool fits = b >= _lowest && b <= _highest;
            (_missing, _lowest, _highest) = (_missing - 1, 0x80, 0xBF);
            return fits;
        }

        (_missing, _lowest, _highest) = ((int, byte, byte))(b switch
        {
            <= 0x7F => (0, 0, 0),
            >= 0xC2 and <= 0xDF => (1, 0x80, 0xBF),
            0xE0 => (2, 0xA0, 0xBF),
            >= 0xE1 and <= 0xEC => (2, 0x80, 0xBF),
            0xED => (2, 0x80, 0x9F),
            >= 0xEE and <= 0xEF => (2, 0x80, 0xBF),
            0xF0 => (3, 0x90, 0xBF),
            >= 0xF1 and <= 0xF3 => (3, 0x80, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            _ => (-1, 0, 0),
        });
        return _missing >= 0;
    }

    /// <summary>Finds the first byte that no continuation can make valid; the length where there is none.</summary>
    public static int FirstWrong(ReadOnlySpan<byte> text, out bool isComplete)
    {
        NaiveUtf8 state = default;
        for (int i = 0; i < text.Length; i++)
        {
            if (!state.Append(text[i]))
            {
                isComplete = false;
                return i;
            }
        }

        isComplete = state.IsComplete;
        return text.Length;
    }
}
