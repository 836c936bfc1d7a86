namespace Sockeye.Conformance;

/// <summary>Reads DEFLATE (RFC 1951) for the distances alone: how far back the blocks of a message refer. It is for bytes that have been
/// inflated without an error, and is not made to be fast.</summary>
/// <param name="bytes">The compressed bytes of a message.</param>
internal ref struct DistanceReader(ReadOnlySpan<byte> bytes)
{
    private const int LongestCode = 15;
    private const int EndOfBlock = 256;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _bit;
    private int _largest;

    /// <summary>Finds the largest distance in a message.</summary>
    /// <param name="bytes">The compressed bytes, with or without the tail that the sender leaves away.</param>
    public static int FindLargest(ReadOnlySpan<byte> bytes)
    {
        var reader = new DistanceReader(bytes);
        while (!reader.IsAtEnd)
            reader.ReadBlock();
        return reader._largest;
    }

    private readonly bool IsAtEnd => _bit >= _bytes.Length * 8;

    private void ReadBlock()
    {
        bool isFinal = ReadBits(1) == 1;
        switch (ReadBits(2))
        {
            case 0:
                Align();
                int length = ReadBits(16);
                _bit += 16 + length * 8;
                break;
            case 1:
                Span<byte> fixedLengths = stackalloc byte[288];
                fixedLengths[..144].Fill(8);
                fixedLengths[144..256].Fill(9);
                fixedLengths[256..280].Fill(7);
                fixedLengths[280..].Fill(8);
                Span<byte> fixedDistances = stackalloc byte[30];
                fixedDistances.Fill(5);
                ReadSymbols(new Code(fixedLengths), new Code(fixedDistances));
                break;
            case 2:
                ReadDynamic();
                break;
            default:
                _bit = _bytes.Length * 8;
                break;
        }

        if (isFinal)
            Align();
    }

    private void ReadDynamic()
    {
        ReadOnlySpan<byte> order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        int literals = ReadBits(5) + 257;
        int distances = ReadBits(5) + 1;
        int codes = ReadBits(4) + 4;
        Span<byte> lengths = stackalloc byte[320 + 138];
        Span<byte> codeLengths = stackalloc byte[19];
        codeLengths.Clear();
        for (int i = 0; i < codes; i++)
            codeLengths[order[i]] = (byte)ReadBits(3);

        var code = new Code(codeLengths);
        for (int count = 0; count < literals + distances;)
        {
            int symbol = ReadSymbol(code);
            (int repeat, int value) = symbol switch
            {
                16 => (3 + ReadBits(2), count > 0 ? lengths[count - 1] : 0),
                17 => (3 + ReadBits(3), 0),
                18 => (11 + ReadBits(7), 0),
                _ => (1, symbol),
            };
            lengths.Slice(count, repeat).Fill((byte)value);
            count += repeat;
        }

        ReadSymbols(new Code(lengths[..literals]), new Code(lengths.Slice(literals, distances)));
    }

    private void ReadSymbols(Code literals, Code distances)
    {
        while (!IsAtEnd)
        {
            int symbol = ReadSymbol(literals);
            if (symbol == EndOfBlock)
                return;
            if (symbol < EndOfBlock)
                continue;

            // Section 3.2.5: eight codes without extra bits, then four for each number of them; 285 has none again.
            if (symbol is >= 265 and < 285)
                ReadBits((symbol - 261) / 4);
            int code = ReadSymbol(distances);
            int extra = Math.Max(0, code / 2 - 1);
            int first = code < 4 ? code + 1 : ((2 + (code & 1)) << extra) + 1;
            _largest = Math.Max(_largest, first + ReadBits(extra));
        }
    }

    private int ReadSymbol(Code code)
    {
        int value = 0;
        int first = 0;
        int index = 0;
        for (int length = 1; length <= LongestCode; length++)
        {
            value |= ReadBits(1);
            int count = code.Counts[length];
            if (value - first < count)
                return code.Symbols[index + value - first];
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }

        return EndOfBlock;
    }

    private void Align() => _bit = (_bit + 7) / 8 * 8;

    private int ReadBits(int count)
    {
        int value = 0;
        for (int i = 0; i < count && !IsAtEnd; i++, _bit++)
            value |= ((_bytes[_bit / 8] >> (_bit % 8)) & 1) << i;
        return value;
    }

    /// <summary>A code: how many symbols have codes of each length, and the symbols in the order of their codes.</summary>
    private sealed class Code
    {
        public Code(ReadOnlySpan<byte> lengths)
        {
            foreach (byte length in lengths)
                Counts[length]++;
            Counts[0] = 0;
            Symbols = new int[lengths.Length];
            int next = 0;
            for (int length = 1; length <= LongestCode; length++)
            {
                for (int symbol = 0; symbol < lengths.Length; symbol++)
                {
                    if (lengths[symbol] == length)
                        Symbols[next++] = symbol;
                }
            }
        }

        public int[] Counts { get; } = new int[LongestCode + 1];

        public int[] Symbols { get; }
    }
}
