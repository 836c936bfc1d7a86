using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.Tests.Compression;

/// <summary>Inflaters agree with the letter of the RFCs on what is valid, what comes out before an error, and where a message ends.</summary>
public sealed class InflaterTests
{
    private const int Seed = 1_951;
    private const string HelloFinal = "f348cdc9c90700";

    private static readonly byte[] Tail = [0x00, 0x00, 0xFF, 0xFF];

    // RFC 7692, section 7.2.3, and V15; an error is null.
    private static readonly (string Hex, string? Text)[] Vectors =
    [
        ("f248cdc9c90700", "Hello"), ("000500faff48656c6c6f00", "Hello"), ("f348cdc9c9070000", "Hello"),
        ("f24805000000ffffcac9c90700", "Hello"), ("00", ""), ("0200", ""), ("000000ffff00", ""), ("01", ""),
        (HelloFinal + HelloFinal + "00", "HelloHello"), (HelloFinal + "f248cdc9c90700", "HelloHello"),
        ("0300" + HelloFinal + "0300" + "0300" + "00", "Hello"), ("010500faff48656c6c6f" + HelloFinal + "00", "HelloHello"),
        ("030003000300030003000300030003000300030000", ""), (HelloFinal + "f200110000", null), (HelloFinal, null), (HelloFinal + "ffff", null),
        ("", null), ("f248cdc9c907", null), ("f248cd", null), ("06", null), ("000500faee48656c6c6f00", null), ("000500faff4865", null),
        ("f200110000", null), ("1b1b00", null), ("f4ffff", null), ("04c0", null), ("ffffffff", null), ("0000", null), ("00000000ff", null),
        ("f248cdc9c907000000ffff", null),
    ];

    public static TheoryData<CodecKind, string, string?> Rows =>
        [.. from kind in Enum.GetValues<CodecKind>() from vector in Vectors select (kind, vector.Hex, vector.Text)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Message_in_any_pieces_and_any_room_is_what_the_RFC_says(CodecKind kind, string hex, string? text)
    {
        byte[] source = Convert.FromHexString(hex);
        byte[]? expected = text is null ? null : System.Text.Encoding.ASCII.GetBytes(text);
        foreach (bool takesOver in (bool[])[true, false])
        {
            CodecPool<Inflater> pool = kind.Inflaters();
            for (int room = 1; room <= 64; room++)
            {
                for (int piece = 1; piece <= Math.Max(1, source.Length); piece++)
                {
                    using var inflater = new MessageInflater(pool, takesOver);
                    Assert.Equal(expected, inflater.Inflate(source, room, piece));
                }
            }

            Assert.Equal((0, 1), (pool.Rented, pool.Live));
        }
    }

    // 7.2.3.2: the second message refers to the first one.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Window_is_kept_where_it_was_agreed_and_only_there(CodecKind kind)
    {
        byte[] first = Convert.FromHexString("f248cdc9c90700"), again = Convert.FromHexString("f200110000");
        using var keeping = new MessageInflater(kind.Inflaters(), keepsContext: true);
        using var forgetting = new MessageInflater(kind.Inflaters(), keepsContext: false);
        Assert.Equal("Hello", Text(keeping.Inflate(first)));
        Assert.Equal("Hello", Text(keeping.Inflate(again)));
        Assert.Equal("Hello", Text(keeping.Inflate(again)));
        Assert.Equal("Hello", Text(forgetting.Inflate(first)));
        Assert.Null(forgetting.Inflate(again));
    }

    // A final block inside of the last ones forgets what was before it, and the message after it refers to what came behind.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Window_begins_behind_a_final_block(CodecKind kind)
    {
        using var inflater = new MessageInflater(kind.Inflaters(), keepsContext: true);
        Assert.Equal("HelloHello", Text(inflater.Inflate(Convert.FromHexString(HelloFinal + "f248cdc9c90700"))));
        Assert.Equal("Hello", Text(inflater.Inflate(Convert.FromHexString("f200110000"))));
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Random_and_mutated_data_is_judged_as_by_the_letter(CodecKind kind)
    {
        CodecPool<Inflater> pool = kind.Inflaters();
        int valid = 0, broken = 0, cut = 0;
        for (int round = 0; round < 6_000; round++)
        {
            var random = new Random(Seed + round);
            byte[] source = RandomSource(random);
            var expected = NaiveInflate.Read(source);
            bool isWhole = NaiveInflate.Read([.. source, .. Tail]) is { IsBroken: false, IsBetweenBlocks: true } whole
                && whole.Output.Length == expected.Output.Length;

            Inflater inflater = pool.Rent();
            List<byte> output = [];
            bool isValid = true;
            int at = 0;
            int written = 0;
            byte[] room = new byte[1 + random.Next(random.Next(2) == 0 ? 8 : 4_000)];
            while (isValid && (at < source.Length || written == room.Length))
            {
                int piece = Math.Min(source.Length - at, 1 + random.Next(round % 3 == 0 ? 3 : 4_000));
                isValid = inflater.TryInflate(source.AsSpan(at, piece), room, out int consumed, out written);
                output.AddRange(room.AsSpan(0, written));
                at += consumed;
                if (isValid && written < room.Length && consumed < piece)
                    Fail("not all was consumed");
            }

            // zlib finds some broken tables only once it has read them to their end, which may not come before that of the message.
            if (!isValid && !expected.IsBroken)
                Fail("is not valid");
            if (!output.SequenceEqual(expected.Output))
                Fail($"{output.Count} bytes instead of {expected.Output.Length}");
            bool ends = isValid && inflater.TryEndMessage();
            if (ends != (isWhole && !expected.IsBroken))
                Fail($"ends: {ends}");
            (valid, broken, cut) = (valid + (ends ? 1 : 0), broken + (isValid ? 0 : 1), cut + (isValid && !ends ? 1 : 0));
            pool.Return(inflater);

            void Fail(string what) => Assert.Fail($"{what} (seed {Seed + round}): {Convert.ToHexStringLower(source)}");
        }

        // That each outcome was met often enough to mean something.
        Assert.InRange(Math.Min(valid, Math.Min(broken, cut)), 200, 6_000);
        Assert.Equal((0, 1), (pool.Rented, pool.Live));
    }

    // V13, with the codecs as they are: a mebibyte and a byte, of a bomb of 1,000 to 1.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Bomb_stops_a_byte_beyond_the_limit_with_bounded_memory(CodecKind kind)
    {
        const int MiB = 1024 * 1024;
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(level: 9), keepsContext: false);
        byte[] exact = deflater.Compress(new byte[MiB]);
        byte[] bomb = deflater.Compress(new byte[200 * MiB]);
        foreach ((byte[] payload, bool fits) in (ReadOnlySpan<(byte[], bool)>)[(exact, true), (bomb, false)])
        {
            var arrays = new CountingPool(trace: false);
            CodecPool<Inflater> pool = kind.Inflaters();
            var counting = new CountingInflater(new MessageInflater(pool, keepsContext: true));
            using var assembler = new MessageAssembler(Role.Client, new() { MaxMessageSize = MiB }, arrays, counting);

            Assert.True(assembler.Read(Frame(payload), out _, out ReceivedEvent received));

            Assert.Equal(fits ? MiB : MiB + 1, counting.Inflated);
            Assert.Equal(fits ? null : Rule.MessageMustFitLimit, received.Violation?.Rule);
            Assert.InRange(arrays.PeakBytes, MiB, MiB + (MiB / 4) + 16);
            if (fits)
                arrays.Return(received.Gathered!);
            assembler.Dispose();
            Assert.Equal((0, 0), (arrays.Outstanding, pool.Rented));
        }
    }

    private static string? Text(byte[]? message) => message is null ? null : System.Text.Encoding.ASCII.GetString(message);

    // V20: a megabyte of blocks that inflate to nothing is read once, piece by piece, and costs what a piece costs.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Endless_empty_blocks_are_read_once_and_gather_nothing(CodecKind kind)
    {
        const int Blocks = 200_000;
        const int Piece = 4_096;
        byte[] wire = Frame([.. Enumerable.Range(0, Blocks).SelectMany(_ => (byte[])[0x00, 0x00, 0x00, 0xFF, 0xFF]), 0x00]);
        var arrays = new CountingPool(trace: false);
        var counting = new CountingInflater(new MessageInflater(kind.Inflaters(), keepsContext: false));
        using var assembler = new MessageAssembler(Role.Client, null, arrays, counting);
        ReceivedEvent received = default;
        int pieces = 0;
        for (int at = 0; at < wire.Length; at += Piece, pieces++)
            assembler.Read(wire.AsSpan(at, Math.Min(Piece, wire.Length - at)), out _, out received);

        Assert.Equal((ReceivedEventKind.Binary, 0), (received.Kind, received.Length));
        Assert.Equal((pieces, (5 * Blocks) + 1L), (counting.Calls, counting.Consumed));
        Assert.InRange(arrays.PeakBytes, 0, 4 * Piece);
        arrays.Return(received.Gathered!);
        Assert.Equal(0, arrays.Outstanding);
    }

    private static byte[] Frame(byte[] payload)
    {
        byte[] header = new byte[FrameHeader.MaxSize];
        int size = FrameWriter.WriteHeader(header, Opcode.Binary, isFinal: true, payload.Length, rsv1: true);
        return [.. header.AsSpan(0, size), .. payload];
    }

    private static byte[] RandomSource(Random random)
    {
        if (random.Next(3) == 0)
        {
            byte[] bytes = new byte[random.Next(1, 60)];
            random.NextBytes(bytes);
            bytes[0] = (byte)((bytes[0] & 0xF8) | random.Next(6)); // not the wrong type of block at once
            return bytes;
        }

        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(random.Next(1, 10), strategy: random.Next(5)), keepsContext: true);
        List<byte> source = [.. deflater.Compress(Samples.Make(random, random.Next(1, 600)))];
        for (int mutations = random.Next(3); mutations > 0 && source.Count > 0; mutations--)
        {
            int at = random.Next(source.Count);
            switch (random.Next(3))
            {
                case 0:
                    source[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    source.RemoveRange(at, source.Count - at);
                    break;
                default:
                    source.Insert(at, (byte)random.Next(256));
                    break;
            }
        }

        return [.. source];
    }

    private sealed class CountingInflater(MessageInflater inner) : IMessageInflater
    {
        public int Calls { get; private set; }

        public long Consumed { get; private set; }

        public long Inflated { get; private set; }

        public bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
        {
            bool isValid = inner.TryInflate(source, destination, out consumed, out written);
            Calls++;
            Consumed += consumed;
            Inflated += written;
            return isValid;
        }

        public bool TryEndMessage() => inner.TryEndMessage();

        public void Dispose() => inner.Dispose();
    }
}
