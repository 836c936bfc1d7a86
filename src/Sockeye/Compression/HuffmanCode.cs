namespace Sockeye.Compression;

/// <summary>A canonical Huffman code (RFC 1951, section 3.2.2) of at most 288 symbols and 15 bits.</summary>
internal sealed class HuffmanCode
{
    private const int MaxBits = 15;

    // Codes up to this length are looked up, longer ones are counted out.
    private const int FastBits = 10;

    // The symbol, and in the lowest four bits the length of its code; 0 where the code is longer or there is none.
    private readonly ushort[] _fast = new ushort[1 << FastBits];
    private readonly ushort[] _counts = new ushort[MaxBits + 1];
    private readonly ushort[] _symbols = new ushort[288];
    private int _longest;

    /// <summary>Makes the code out of the lengths of its symbols; 0 is a symbol that is not used.</summary>
    /// <param name="lengths">The lengths.</param>
    /// <param name="mayBeSingle">Whether a single symbol of one bit is a code, though half of it is missing.</param>
    /// <returns>False where that is no code. One of no symbols at all is one, which fails where it is used.</returns>
    public bool TryBuild(ReadOnlySpan<byte> lengths, bool mayBeSingle)
    {
        _counts.AsSpan().Clear();
        _fast.AsSpan().Clear();
        _longest = 0;
        foreach (byte length in lengths)
        {
            _counts[length]++;
            _longest = Math.Max(_longest, length);
        }

        _counts[0] = 0;
        int left = 1;
        Span<ushort> offsets = stackalloc ushort[MaxBits + 2];
        Span<int> codes = stackalloc int[MaxBits + 2];
        offsets.Clear();
        codes.Clear();
        for (int length = 1; length <= MaxBits; length++)
        {
            left = (left << 1) - _counts[length];
            if (left < 0)
                return false;
            offsets[length + 1] = (ushort)(offsets[length] + _counts[length]);
            codes[length + 1] = (codes[length] + _counts[length]) << 1;
        }

        if (left > 0 && _longest > (mayBeSingle ? 1 : 0))
            return false;
        for (int symbol = 0; symbol < lengths.Length; symbol++)
        {
            int length = lengths[symbol];
            if (length == 0)
                continue;
            _symbols[offsets[length]++] = (ushort)symbol;
            int code = codes[length]++;
            if (length <= FastBits)
                AddFast(symbol, code, length);
        }

        return true;
    }

    /// <summary>Reads a symbol.</summary>
    /// <param name="bits">The bits, the first one lowest; zeros behind the last.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="symbol">The symbol.</param>
    /// <returns>How many bits it took; 0 where there are too few, -1 where no code begins like this.</returns>
    public int Read(ulong bits, int count, out int symbol)
    {
        int entry = _fast[bits & ((1 << FastBits) - 1)];
        symbol = entry >> 4;
        int size = entry & MaxBits;
        if (size > 0)
            return size <= count ? size : 0;

        int code = 0;
        int first = 0;
        int index = 0;
        for (int length = 1; length <= Math.Max(1, _longest); length++)
        {
            if (length > count)
                return 0;
            code |= (int)(bits >> (length - 1)) & 1;
            int number = _counts[length];
            if (code - first < number)
            {
                symbol = _symbols[index + code - first];
                return length;
            }

            index += number;
            first = (first + number) << 1;
            code <<= 1;
        }

        return -1;
    }

    // The bits of a code come highest first.
    private void AddFast(int symbol, int code, int length)
    {
        int reversed = 0;
        for (int i = 0; i < length; i++)
            reversed |= ((code >> i) & 1) << (length - 1 - i);
        for (int i = reversed; i < _fast.Length; i += 1 << length)
            _fast[i] = (ushort)((symbol << 4) | length);
    }
}
