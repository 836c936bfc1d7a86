namespace Sockeye.Compression;

/// <summary>An inflater of our own (RFC 1951), where the native library is not what it was.</summary>
/// <remarks>Not on <see cref="System.IO.Compression.DeflateStream"/>: that tells neither how much it read of what it was given, nor whether
/// a block is complete, and so neither where a data set ends inside a message nor whether a message was cut off.</remarks>
internal sealed class ManagedInflater : Inflater
{
    private const int WindowSize = 32 * 1024;
    private const int MaxLiterals = 286;
    private const int MaxDistances = 30;
    private const int CodeLengths = 19;
    private const int EndOfBlock = 256;

    private static readonly HuffmanCode FixedLiterals = Fixed([(144, 8), (112, 9), (24, 7), (8, 8)]);
    private static readonly HuffmanCode FixedDistances = Fixed([(32, 5)]);

    // The bits that were read and not used yet, the first one lowest; zeros behind the last.
    private ulong _bits;
    private int _bitCount;

    // The last 32 KiB that were inflated, and how much of them may be referred to.
    private readonly byte[] _window = new byte[WindowSize];
    private int _windowAt;
    private int _windowLength;

    // The block.
    private State _state;
    private bool _isFinal;
    private int _remaining;
    private int _distance;
    private int _literalCount;
    private int _distanceCount;
    private int _codeLengthCount;
    private readonly byte[] _lengths = new byte[MaxLiterals + MaxDistances];
    private int _lengthsRead;
    private readonly HuffmanCode _ownLengths = new();
    private readonly HuffmanCode _ownLiterals = new();
    private readonly HuffmanCode _ownDistances = new();
    private HuffmanCode _literals = FixedLiterals;
    private HuffmanCode _distances = FixedDistances;

    private enum State : byte
    {
        Header,
        StoredLength,
        Stored,
        Counts,
        LengthCode,
        Lengths,
        Symbols,
        Match,
        Broken,
    }

    private enum Progress : byte
    {
        Goes,
        NeedsInput,
        NeedsRoom,
        Breaks,
    }

    private static ReadOnlySpan<byte> LengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    private static ReadOnlySpan<ushort> LengthBase =>
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static ReadOnlySpan<byte> LengthExtra => [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static ReadOnlySpan<ushort> DistanceBase =>
    [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
        16385, 24577,
    ];

    public override bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        var cursor = new Cursor { Source = source, Destination = destination };
        Progress progress;
        do
        {
            progress = _state switch
            {
                State.Header => ReadHeader(ref cursor),
                State.StoredLength => ReadStoredLength(ref cursor),
                State.Stored => CopyStored(ref cursor),
                State.Counts => ReadCounts(ref cursor),
                State.LengthCode => ReadLengthCode(ref cursor),
                State.Lengths => ReadLengths(ref cursor),
                State.Symbols => ReadSymbols(ref cursor),
                State.Match => CopyMatch(ref cursor),
                _ => Progress.Breaks,
            };
        }
        while (progress == Progress.Goes);

        if (progress == Progress.Breaks)
            _state = State.Broken;
        consumed = cursor.Consumed;
        written = cursor.Written;
        return progress != Progress.Breaks;
    }

    public override bool TryEndMessage()
    {
        Span<byte> nothing = stackalloc byte[1];
        return TryInflate(Tail, nothing, out _, out int written) && written == 0 && _state == State.Header && _bitCount == 0;
    }

    public override void Reset()
    {
        _state = State.Header;
        _isFinal = false;
        _bits = 0;
        _bitCount = 0;
        _windowLength = 0;
    }

    public override void Dispose()
    {
    }

    private Progress ReadHeader(ref Cursor cursor)
    {
        if (!Require(3, ref cursor))
            return Progress.NeedsInput;
        _isFinal = Take(1) == 1;
        switch (Take(2))
        {
            case 0:
                Align();
                _state = State.StoredLength;
                return Progress.Goes;
            case 1:
                (_literals, _distances) = (FixedLiterals, FixedDistances);
                _state = State.Symbols;
                return Progress.Goes;
            case 2:
                _state = State.Counts;
                return Progress.Goes;
            default:
                return Progress.Breaks;
        }
    }

    private Progress ReadStoredLength(ref Cursor cursor)
    {
        if (!Require(32, ref cursor))
            return Progress.NeedsInput;
        _remaining = Take(16);
        if (_remaining != (Take(16) ^ 0xFFFF))
            return Progress.Breaks;
        _state = State.Stored;
        return Progress.Goes;
    }

    private Progress CopyStored(ref Cursor cursor)
    {
        for (; _remaining > 0; _remaining--)
        {
            if (cursor.IsFull)
                return Progress.NeedsRoom;
            if (!Require(8, ref cursor))
                return Progress.NeedsInput;
            Put((byte)Take(8), ref cursor);
        }

        EndBlock();
        return Progress.Goes;
    }

    private Progress ReadCounts(ref Cursor cursor)
    {
        if (!Require(14, ref cursor))
            return Progress.NeedsInput;
        _literalCount = Take(5) + 257;
        _distanceCount = Take(5) + 1;
        _codeLengthCount = Take(4) + 4;
        if (_literalCount > MaxLiterals || _distanceCount > MaxDistances)
            return Progress.Breaks;
        _lengths.AsSpan(0, CodeLengths).Clear();
        _lengthsRead = 0;
        _state = State.LengthCode;
        return Progress.Goes;
    }

    private Progress ReadLengthCode(ref Cursor cursor)
    {
        for (; _lengthsRead < _codeLengthCount; _lengthsRead++)
        {
            if (!Require(3, ref cursor))
                return Progress.NeedsInput;
            _lengths[LengthOrder[_lengthsRead]] = (byte)Take(3);
        }

        if (!_ownLengths.TryBuild(_lengths.AsSpan(0, CodeLengths), mayBeSingle: false))
            return Progress.Breaks;
        _lengthsRead = 0;
        _state = State.Lengths;
        return Progress.Goes;
    }

    private Progress ReadLengths(ref Cursor cursor)
    {
        int total = _literalCount + _distanceCount;
        while (_lengthsRead < total)
        {
            int size = ReadSymbol(_ownLengths, 0, ref cursor, out int symbol);
            if (size <= 0)
                return size == 0 ? Progress.NeedsInput : Progress.Breaks;
            (int extra, int least) = symbol switch { 16 => (2, 3), 17 => (3, 3), 18 => (7, 11), _ => (0, 1) };
            if (!Require(size + extra, ref cursor))
                return Progress.NeedsInput;
            Skip(size);
            int repeat = least + Take(extra);
            if (repeat > total - _lengthsRead || (symbol == 16 && _lengthsRead == 0))
                return Progress.Breaks;
            int length = symbol < 16 ? symbol : symbol == 16 ? _lengths[_lengthsRead - 1] : 0;
            _lengths.AsSpan(_lengthsRead, repeat).Fill((byte)length);
            _lengthsRead += repeat;
        }

        if (_lengths[EndOfBlock] == 0
            || !_ownLiterals.TryBuild(_lengths.AsSpan(0, _literalCount), mayBeSingle: true)
            || !_ownDistances.TryBuild(_lengths.AsSpan(_literalCount, _distanceCount), mayBeSingle: true))
        {
            return Progress.Breaks;
        }

        (_literals, _distances) = (_ownLiterals, _ownDistances);
        _state = State.Symbols;
        return Progress.Goes;
    }

    private Progress ReadSymbols(ref Cursor cursor)
    {
        while (true)
        {
            if (cursor.IsFull)
                return Progress.NeedsRoom;
            int size = ReadSymbol(_literals, 0, ref cursor, out int symbol);
            if (size <= 0)
                return size == 0 ? Progress.NeedsInput : Progress.Breaks;
            if (symbol > EndOfBlock)
                return ReadMatch(size, symbol - EndOfBlock - 1, ref cursor);
            Skip(size);
            if (symbol == EndOfBlock)
            {
                EndBlock();
                return Progress.Goes;
            }

            Put((byte)symbol, ref cursor);
        }
    }

    // A length and a distance are 48 bits at most: they are taken together or not at all.
    private Progress ReadMatch(int size, int lengthCode, ref Cursor cursor)
    {
        if (lengthCode >= LengthBase.Length)
            return Progress.Breaks;
        int lengthSize = size + LengthExtra[lengthCode];
        if (!Require(lengthSize, ref cursor))
            return Progress.NeedsInput;
        int distanceSize = ReadSymbol(_distances, lengthSize, ref cursor, out int distanceCode);
        if (distanceSize <= 0)
            return distanceSize == 0 ? Progress.NeedsInput : Progress.Breaks;
        if (distanceCode >= DistanceBase.Length)
            return Progress.Breaks;
        int distanceExtra = distanceCode < 4 ? 0 : (distanceCode / 2) - 1;
        if (!Require(lengthSize + distanceSize + distanceExtra, ref cursor))
            return Progress.NeedsInput;

        Skip(size);
        _remaining = LengthBase[lengthCode] + Take(LengthExtra[lengthCode]);
        Skip(distanceSize);
        _distance = DistanceBase[distanceCode] + Take(distanceExtra);
        if (_distance > _windowLength)
            return Progress.Breaks;
        _state = State.Match;
        return Progress.Goes;
    }

    private Progress CopyMatch(ref Cursor cursor)
    {
        for (; _remaining > 0; _remaining--)
        {
            if (cursor.IsFull)
                return Progress.NeedsRoom;
            Put(_window[(_windowAt - _distance) & (WindowSize - 1)], ref cursor);
        }

        _state = State.Symbols;
        return Progress.Goes;
    }

    private void EndBlock()
    {
        _state = State.Header;
        if (!_isFinal)
            return;
        Align();
        _windowLength = 0;
    }

    private int ReadSymbol(HuffmanCode code, int skipped, ref Cursor cursor, out int symbol)
    {
        int size = code.Read(_bits >> skipped, _bitCount - skipped, out symbol);
        return size != 0 || !Refill(ref cursor) ? size : code.Read(_bits >> skipped, _bitCount - skipped, out symbol);
    }

    private void Put(byte value, ref Cursor cursor)
    {
        cursor.Destination[cursor.Written++] = value;
        _window[_windowAt] = value;
        _windowAt = (_windowAt + 1) & (WindowSize - 1);
        _windowLength = Math.Min(_windowLength + 1, WindowSize);
    }

    private bool Require(int count, ref Cursor cursor) => _bitCount >= count || (Refill(ref cursor) && _bitCount >= count);

    private bool Refill(ref Cursor cursor)
    {
        int before = _bitCount;
        while (_bitCount <= 56 && cursor.Consumed < cursor.Source.Length)
        {
            _bits |= (ulong)cursor.Source[cursor.Consumed++] << _bitCount;
            _bitCount += 8;
        }

        return _bitCount > before;
    }

    private int Take(int count)
    {
        int value = (int)(_bits & ((1UL << count) - 1));
        Skip(count);
        return value;
    }

    private void Skip(int count)
    {
        _bits >>= count;
        _bitCount -= count;
    }

    private void Align() => Skip(_bitCount & 7);

    private static HuffmanCode Fixed(ReadOnlySpan<(int Count, byte Length)> runs)
    {
        Span<byte> lengths = stackalloc byte[288];
        int count = 0;
        foreach ((int run, byte length) in runs)
        {
            lengths.Slice(count, run).Fill(length);
            count += run;
        }

        var code = new HuffmanCode();
        bool isCode = code.TryBuild(lengths[..count], mayBeSingle: false);
        System.Diagnostics.Debug.Assert(isCode, "The fixed codes are complete.");
        return code;
    }

    private ref struct Cursor
    {
        public ReadOnlySpan<byte> Source;
        public int Consumed;
        public Span<byte> Destination;
        public int Written;

        public readonly bool IsFull => Written == Destination.Length;
    }
}
