namespace Sockeye.Fuzzing;

/// <summary>Inflates by the letter of RFC 1951, bit by bit: every symbol as soon as its last bit is there.</summary>
/// <param name="history">What earlier messages gave, as far as this one may refer to it.</param>
/// <param name="output">Where the message grows.</param>
/// <param name="maxOutput">Where it must stop growing.</param>
internal sealed class SpecInflater(List<byte> history, List<byte> output, System.Numerics.BigInteger maxOutput)
{
    private const int NoBits = -1;
    private const int Wrong = -2;
    private const int Window = 32_768;

    private static readonly int[] CodeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    private static readonly int[] LengthBase =
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static readonly int[] LengthExtra =
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static readonly int[] DistanceBase =
    [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193,
        12_289, 16_385, 24_577,
    ];

    private static readonly Code FixedLiterals = new(
        [.. Enumerable.Range(0, 288).Select(symbol => symbol switch { < 144 => 8, < 256 => 9, < 280 => 7, _ => 8 })]);

    private static readonly Code FixedDistances = new([.. Enumerable.Repeat(5, 30)]);

    private readonly List<byte> _input = [];
    private long _bit;
    private int _dataSetStart = -history.Count;
    private bool _inBlock;
    private bool _isFinal;
    private int _storedLeft;
    private Code? _literals;
    private Code? _distances;

    /// <summary>Gets whether the bytes are no deflate stream.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Gets whether there was a code of no symbols where symbols had to follow: zlib reads on for a while, though nothing valid
    /// can come of it.</summary>
    public bool IsDoomed { get; private set; }

    /// <summary>Gets whether there is more output than there may be.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Gets whether a block has begun and not ended, or its header is not whole.</summary>
    public bool IsInsideBlock => _inBlock || _bit < 8L * _input.Count;

    /// <summary>Gives what later messages may refer to.</summary>
    public List<byte> History => [.. history.Skip(history.Count + Math.Min(0, _dataSetStart)), .. output.Skip(Math.Max(0, _dataSetStart))];

    /// <summary>Inflates what has come as far as it goes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _input.AddRange(bytes);
        while (!IsBroken && !IsTooLong)
        {
            long before = _bit;
            int result = _inBlock ? ReadInBlock() : BeginBlock();
            if (result == Wrong)
                IsBroken = true;
            if (result != NoBits)
                continue;
            _bit = before;
            return;
        }
    }

    private int BeginBlock()
    {
        int isFinal = Bits(1), type = Bits(2);
        if (type < 0)
            return NoBits;
        int result = type switch
        {
            0 => BeginStored(),
            1 => BeginCoded(FixedLiterals, FixedDistances),
            2 => BeginDynamic(),
            _ => Wrong,
        };
        if (result < 0)
            return result;
        _isFinal = isFinal == 1;
        _inBlock = true;
        return 0;
    }

    private int BeginStored()
    {
        _bit = (_bit + 7) / 8 * 8;
        int length = Bits(16), check = Bits(16);
        if (check < 0)
            return NoBits;
        if (length + check != 0xFFFF)
            return Wrong;
        (_literals, _storedLeft) = (null, length);
        return 0;
    }

    private int BeginCoded(Code literals, Code distances)
    {
        (_literals, _distances) = (literals, distances);
        return 0;
    }

    private int BeginDynamic()
    {
        int literals = Bits(5), distances = Bits(5), lengths = Bits(4);
        if (lengths < 0)
            return NoBits;
        (literals, distances, lengths) = (literals + 257, distances + 1, lengths + 4);
        if (literals > 286 || distances > 30)
            return Wrong;

        int[] ofCodes = new int[19];
        for (int i = 0; i < lengths; i++)
        {
            int length = Bits(3);
            if (length < 0)
                return NoBits;
            ofCodes[CodeLengthOrder[i]] = length;
        }

        var code = new Code(ofCodes);
        IsDoomed |= code.IsEmpty;
        if (!code.IsComplete)
            return Wrong;

        int[] all = new int[literals + distances];
        for (int i = 0; i < all.Length;)
        {
            int symbol = Read(code);
            if (symbol < 0)
                return symbol;
            if (symbol < 16)
            {
                all[i++] = symbol;
                continue;
            }

            int extra = Bits(symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
            if (extra < 0)
                return NoBits;
            int repeat = extra + (symbol == 18 ? 11 : 3);
            if ((symbol == 16 && i == 0) || i + repeat > all.Length)
                return Wrong;
            Array.Fill(all, symbol == 16 ? all[i - 1] : 0, i, repeat);
            i += repeat;
        }

        var literalCode = new Code(all[..literals]);
        var distanceCode = new Code(all[literals..]);
        if (all[256] == 0 || !IsUsable(literalCode) || !IsUsable(distanceCode))
            return Wrong;
        return BeginCoded(literalCode, distanceCode);

        // One symbol alone has one bit; distances may be none.
        static bool IsUsable(Code code) => code.IsComplete || code.IsEmpty || (!code.IsOverfull && code.Longest == 1);
    }

    private int ReadInBlock() => _literals is null ? ReadStored() : ReadSymbol(_literals, _distances!);

    private int ReadStored()
    {
        if (_storedLeft == 0)
            return EndBlock();
        int value = Bits(8);
        if (value < 0)
            return NoBits;
        _storedLeft--;
        return Write((byte)value);
    }

    private int ReadSymbol(Code literals, Code distances)
    {
        int symbol = Read(literals);
        if (symbol < 0)
            return symbol;
        if (symbol < 256)
            return Write((byte)symbol);
        if (symbol == 256)
            return EndBlock();
        if (symbol > 285)
            return Wrong;

        int lengthExtra = Bits(LengthExtra[symbol - 257]);
        if (lengthExtra < 0)
            return NoBits;
        int distanceSymbol = Read(distances);
        if (distanceSymbol < 0)
            return distanceSymbol;
        int distanceExtra = Bits(distanceSymbol < 2 ? 0 : (distanceSymbol / 2) - 1);
        if (distanceExtra < 0)
            return NoBits;

        int distance = DistanceBase[distanceSymbol] + distanceExtra;
        if (distance > Math.Min(Window, output.Count - _dataSetStart))
            return Wrong;
        for (int i = LengthBase[symbol - 257] + lengthExtra; i > 0 && !IsTooLong; i--)
            Write(distance <= output.Count ? output[^distance] : history[^(distance - output.Count)]);
        return 0;
    }

    private int EndBlock()
    {
        _inBlock = false;
        if (!_isFinal)
            return 0;
        // What follows a final block begins at the next byte (RFC 7692, section 7.2.3.4), and refers to nothing before it: it is
        // another data set (RFC 1951, section 3.2.3).
        _bit = (_bit + 7) / 8 * 8;
        _dataSetStart = output.Count;
        return 0;
    }

    private int Write(byte value)
    {
        if (output.Count == maxOutput)
            IsTooLong = true;
        else
            output.Add(value);
        return 0;
    }

    private int Bits(int count)
    {
        if (_bit + count > 8L * _input.Count)
        {
            _bit = 8L * _input.Count;
            return count == 0 ? 0 : NoBits;
        }

        int value = 0;
        for (int i = 0; i < count; i++, _bit++)
            value |= ((_input[(int)(_bit / 8)] >> (int)(_bit % 8)) & 1) << i;
        return value;
    }

    private int Read(Code code)
    {
        int value = 0, first = 0, index = 0;
        for (int length = 1; length <= 15; length++)
        {
            int bit = Bits(1);
            if (bit < 0)
                return NoBits;
            value |= bit;
            int count = code.Counts[length];
            if (value - first < count)
                return code.Symbols[index + value - first];
            index += count;
            first = (first + count) * 2;
            value *= 2;
            if (length >= code.Longest)
                return Wrong;
        }

        return Wrong;
    }

    /// <summary>A canonical Huffman code (RFC 1951, section 3.2.2).</summary>
    private sealed class Code
    {
        public Code(int[] lengths)
        {
            foreach (int length in lengths)
                Counts[length]++;
            Counts[0] = 0;
            Symbols = [.. Enumerable.Range(0, lengths.Length).Where(symbol => lengths[symbol] > 0).OrderBy(symbol => lengths[symbol])];
            int left = 1;
            for (int length = 1; length <= 15 && left >= 0; length++)
                left = (left * 2) - Counts[length];
            (IsComplete, IsOverfull) = (left == 0, left < 0);
            Longest = Array.FindLastIndex(Counts, count => count > 0);
        }

        public int[] Counts { get; } = new int[16];

        public int[] Symbols { get; }

        public int Longest { get; }

        public bool IsEmpty => Symbols.Length == 0;

        public bool IsComplete { get; }

        public bool IsOverfull { get; }
    }
}
