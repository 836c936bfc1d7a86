namespace Sockeye.Testing;

/// <summary>Reads DEFLATE by the letter of RFC 1951, a bit at a time and always from the beginning: what an inflater must agree with. It
/// notes the largest distance that is referred to.</summary>
internal sealed class NaiveInflate
{
    private static readonly int[] LengthBase =
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static readonly int[] LengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static readonly int[] DistanceBase =
    [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
        16385, 24577,
    ];

    private static readonly int[] CodeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    private static readonly Code FixedLiterals = new([.. Enumerable.Range(0, 288).Select(i => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)]);

    private static readonly Code FixedDistances = new([.. Enumerable.Repeat(5, 32)]);

    private readonly byte[] _source;
    private readonly List<byte> _output;
    private readonly int _before;
    private int _bit;
    private int _windowStart;
    private bool _isShort;

    private NaiveInflate(byte[] source, IReadOnlyCollection<byte> history)
    {
        _source = source;
        _output = [.. history];
        _before = history.Count;
    }

    /// <summary>Gets what came out.</summary>
    public byte[] Output => [.. _output.Skip(_before)];

    /// <summary>Gets what later blocks may refer to.</summary>
    public byte[] History => [.. _output.Skip(Math.Max(_windowStart, _output.Count - 32_768))];

    /// <summary>Gets whether there is an error.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Gets whether the source ended exactly behind a block.</summary>
    public bool IsBetweenBlocks { get; private set; }

    /// <summary>Gets the largest distance that was referred to.</summary>
    public int LargestDistance { get; private set; }

    /// <summary>Inflates.</summary>
    /// <param name="source">The compressed bytes, from the beginning of a block.</param>
    /// <param name="history">What was inflated before and may be referred to.</param>
    public static NaiveInflate Read(byte[] source, IReadOnlyCollection<byte>? history = null)
    {
        var inflate = new NaiveInflate(source, history ?? []);
        inflate.IsBetweenBlocks = true;
        while (inflate.IsBetweenBlocks && inflate._bit < source.Length * 8)
            inflate.IsBetweenBlocks = inflate.ReadBlock();
        return inflate;
    }

    // Returns whether the block is whole.
    private bool ReadBlock()
    {
        bool isFinal = Bits(1) == 1;
        int type = Bits(2);
        if (_isShort)
            return false;
        bool isWhole = type switch
        {
            0 => ReadStored(),
            1 => ReadSymbols(FixedLiterals, FixedDistances),
            2 => ReadDynamic(),
            _ => Break(),
        };
        if (isWhole && isFinal)
        {
            // The data set ends here (section 3.2.3): what follows is padded, and refers to nothing before it.
            Align();
            _windowStart = _output.Count;
        }

        return isWhole;
    }

    private bool ReadStored()
    {
        Align();
        int length = Bits(16);
        int check = Bits(16);
        if (_isShort)
            return false;
        if (length != (check ^ 0xFFFF))
            return Break();
        int available = Math.Min(length, _source.Length - (_bit / 8));
        _output.AddRange(_source.AsSpan(_bit / 8, available));
        _bit += available * 8;
        _isShort = available < length;
        return !_isShort;
    }

    private bool ReadDynamic()
    {
        int literals = Bits(5) + 257;
        int distances = Bits(5) + 1;
        int codes = Bits(4) + 4;
        if (_isShort)
            return false;
        if (literals > 286 || distances > 30)
            return Break();
        int[] codeLengths = new int[19];
        for (int i = 0; i < codes; i++)
            codeLengths[CodeLengthOrder[i]] = Bits(3);
        if (_isShort)
            return false;
        if (!IsComplete(codeLengths, mayBeSingle: false))
            return Break();

        var code = new Code(codeLengths);
        List<int> lengths = [];
        while (lengths.Count < literals + distances)
        {
            int symbol = Symbol(code);
            int repeat = symbol switch { 16 => 3 + Bits(2), 17 => 3 + Bits(3), 18 => 11 + Bits(7), _ => 1 };
            if (_isShort)
                return false;
            if (symbol < 0 || (symbol == 16 && lengths.Count == 0))
                return Break();
            lengths.AddRange(Enumerable.Repeat(symbol < 16 ? symbol : symbol == 16 ? lengths[^1] : 0, repeat));
        }

        int[] literal = [.. lengths.Take(literals)];
        int[] distance = [.. lengths.Skip(literals)];
        if (lengths.Count > literals + distances || literal[256] == 0
            || !IsComplete(literal, mayBeSingle: true) || !IsComplete(distance, mayBeSingle: true))
        {
            return Break();
        }

        return ReadSymbols(new Code(literal), new Code(distance));
    }

    private bool ReadSymbols(Code literals, Code distances)
    {
        while (true)
        {
            int symbol = Symbol(literals);
            if (_isShort || symbol == 256)
                return !_isShort;
            if (symbol is < 0 or > 285)
                return Break();
            if (symbol < 256)
            {
                _output.Add((byte)symbol);
                continue;
            }

            int length = LengthBase[symbol - 257] + Bits(LengthExtra[symbol - 257]);
            int code = Symbol(distances);
            if (_isShort)
                return false;
            if (code is < 0 or > 29)
                return Break();
            int distance = DistanceBase[code] + Bits(code < 4 ? 0 : (code / 2) - 1);
            if (_isShort)
                return false;
            if (distance > _output.Count - _windowStart)
                return Break();
            LargestDistance = Math.Max(LargestDistance, distance);
            for (int i = 0; i < length; i++)
                _output.Add(_output[^distance]);
        }
    }

    // Returns -1 where no code fits.
    private int Symbol(Code code)
    {
        int bits = 0, first = 0;
        for (int length = 1; length <= Math.Max(1, code.Longest); length++)
        {
            bits = (bits << 1) | Bits(1);
            if (_isShort)
                return 0;
            int[] symbols = code.Symbols[length];
            if (bits - first < symbols.Length)
                return symbols[bits - first];
            first = (first + symbols.Length) << 1;
        }

        return -1;
    }

    private static bool IsComplete(int[] lengths, bool mayBeSingle)
    {
        int left = 1;
        for (int length = 1; length <= 15; length++)
        {
            left = (left << 1) - lengths.Count(l => l == length);
            if (left < 0)
                return false;
        }

        // zlib takes a code of no symbol at all, which fails where it is used, and one of a single symbol of one bit.
        return left == 0 || lengths.Max() == 0 || (mayBeSingle && lengths.Max() == 1);
    }

    private int Bits(int count)
    {
        int value = 0;
        for (int i = 0; i < count; i++, _bit++)
        {
            _isShort |= _bit >= _source.Length * 8;
            if (_isShort)
                return 0;
            value |= ((_source[_bit / 8] >> (_bit % 8)) & 1) << i;
        }

        return value;
    }

    private void Align() => _bit = (_bit + 7) / 8 * 8;

    private bool Break()
    {
        IsBroken = true;
        return false;
    }

    /// <summary>The symbols of a code, by the length of their codes, in the order of their codes.</summary>
    private sealed class Code(int[] lengths)
    {
        public int[][] Symbols { get; } =
            [.. Enumerable.Range(0, 16).Select(length => Enumerable.Range(0, lengths.Length).Where(i => lengths[i] == length).ToArray())];

        public int Longest { get; } = lengths.Max();
    }
}
