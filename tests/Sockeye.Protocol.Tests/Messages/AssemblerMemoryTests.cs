using Sockeye.Protocol.Tests.Framing;
using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>What an assembler rents follows what it received, never what a header declares.</summary>
public sealed class AssemblerMemoryTests
{
    private const int MiB = 1024 * 1024;
    private const int DirectMinimum = 16 * 1024;
    private static readonly byte[] Key = [1, 2, 3, 4];

    private readonly CountingPool _pool = new(trace: false);

    // V02
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    public void Header_that_declares_16_MiB_with_little_behind_it_rents_little(int received)
    {
        using var assembler = new MessageAssembler(Role.Server, null, _pool);
        Read(assembler, [.. Wire.Header(0x82, 16 * MiB, Key), .. new byte[received]]);

        Assert.Equal(0, assembler.GetDirectBuffer(DirectMinimum).Count);

        Assert.InRange(_pool.PeakBytes, 0, 512);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(DirectMinimum)]
    public void Large_frame_in_pieces_rents_at_most_four_times_what_came(int directMinimum)
    {
        using var assembler = new MessageAssembler(Role.Server, null, _pool);
        Read(assembler, Wire.Header(0x82, 16 * MiB, Key));
        int received = 0;
        ReceivedEvent seen = default;
        while (seen.Kind == ReceivedEventKind.None)
        {
            int piece = Math.Min(1460, (16 * MiB) - received);
            ArraySegment<byte> direct = directMinimum > 0 ? assembler.GetDirectBuffer(directMinimum) : default;
            if (direct.Count > 0)
                assembler.ReadDirect(piece = Math.Min(direct.Count, 60_000), out seen);
            else
                seen = Read(assembler, new byte[piece]);
            received += piece;
            Assert.InRange(_pool.OutstandingBytes, 0, (4L * received) + 300);
        }

        Assert.Equal((ReceivedEventKind.Binary, 16 * MiB), (seen.Kind, seen.Length));
        Assert.InRange(seen.Gathered!.Length, 16 * MiB, (16 * MiB) + 16);
        _pool.Return(seen.Gathered);
        Assert.Equal(0, _pool.Outstanding);
    }

    // V04
    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public void Message_of_131000_tiny_fragments_rents_at_most_twice_what_came(int size)
    {
        const int Fragments = 131_000;
        using var assembler = new MessageAssembler(Role.Server, null, _pool);
        Read(assembler, Wire.Frame(0x02, new byte[size], Key));
        for (int i = 1; i < Fragments; i++)
            Read(assembler, Wire.Frame(0x00, new byte[size], Key));

        Assert.InRange(_pool.OutstandingBytes, 0, (2 * Fragments * size) + 300);
        Assert.InRange(_pool.Rents, 0, 20);

        ReceivedEvent seen = Read(assembler, Wire.Frame(0x80, new byte[size], Key));
        Assert.Equal((Fragments + 1) * size, seen.Length);
        if (size > 0)
            _pool.Return(seen.Gathered!);
        Assert.Equal(0, _pool.Outstanding);
    }

    // V04: no object for each fragment either.
    [Fact]
    public void Message_of_131000_tiny_fragments_allocates_nothing_but_its_array()
    {
        const int Fragments = 131_000;
        using var assembler = new MessageAssembler(Role.Client, null, _pool);
        byte[] first = Wire.Frame(0x02, "a"u8, null);
        byte[] next = Wire.Frame(0x00, "b"u8, null);
        assembler.Read(first, out _, out _);
        assembler.Read(next, out _, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int rents = _pool.Rents;
        for (int i = 2; i < Fragments; i++)
            assembler.Read(next, out _, out _);

        // Each array is twice the one before it; the pool of this test makes them, and notes each of them.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (4 * Fragments) + (1000 * (_pool.Rents - rents)));
    }

    [Fact]
    public void Message_that_lies_whole_in_the_block_rents_nothing()
    {
        using var assembler = new MessageAssembler(Role.Server, null, _pool);
        foreach (int size in (int[])[0, 1, 125, 126, 65_535, 65_536, MiB])
        {
            ReceivedEvent seen = Read(assembler, Wire.Frame(0x82, new byte[size], Key));
            Assert.Equal((ReceivedEventKind.Binary, size), (seen.Kind, seen.Length));
        }

        Assert.Equal(ReceivedEventKind.Ping, Read(assembler, Wire.Frame(0x89, new byte[125], Key)).Kind);
        Assert.Equal(0, _pool.Rents);
    }

    [Fact]
    public void Message_within_a_small_limit_rents_no_more_than_the_limit()
    {
        using var assembler = new MessageAssembler(Role.Client, new ProtocolLimits { MaxMessageSize = 20 }, _pool);
        Read(assembler, Wire.Frame(0x02, new byte[10], null));
        Read(assembler, Wire.Frame(0x00, new byte[10], null));
        Assert.Equal(1, _pool.Outstanding);
        Assert.InRange(_pool.OutstandingBytes, 20, 23);
    }

    [Fact]
    public void Gathered_message_belongs_to_the_caller_and_the_next_one_has_its_own()
    {
        using var assembler = new MessageAssembler(Role.Client, null, _pool);
        byte[] wire = [.. Wire.Frame(0x01, "a"u8, null), .. Wire.Frame(0x80, "b"u8, null)];
        ReceivedEvent first = Read(assembler, wire);
        ReceivedEvent second = Read(assembler, wire);

        Assert.NotSame(first.Gathered, second.Gathered);
        assembler.Dispose();
        Assert.Equal("ab"u8, first.Gathered.AsSpan(0, first.Length));
        Assert.Equal("ab"u8, second.Gathered.AsSpan(0, second.Length));
        Assert.Equal(2, _pool.Outstanding);
    }

    [Fact]
    public void Control_frame_in_pieces_is_valid_until_the_next_read_and_then_returned()
    {
        using var assembler = new MessageAssembler(Role.Client, null, _pool);
        Read(assembler, [0x89, 2, (byte)'h']);
        ReceivedEvent ping = Read(assembler, [(byte)'i']);

        Assert.Equal("hi"u8, ping.Gathered.AsSpan(ping.Start, ping.Length));
        Assert.Equal(1, _pool.Outstanding);
        Assert.False(assembler.Read([], out _, out _));
        Assert.Equal(0, _pool.Outstanding);
    }

    [Fact]
    public void Dispose_in_the_middle_of_anything_returns_all()
    {
        byte[] wire = [.. Wire.Frame(0x02, new byte[300], Key), .. Wire.Frame(0x89, new byte[9], Key), .. Wire.Frame(0x80, new byte[300], Key)];
        for (int cut = 0; cut < wire.Length; cut++)
        {
            var assembler = new MessageAssembler(Role.Server, null, _pool);
            Read(assembler, wire[..cut]);
            assembler.Dispose();
            assembler.Dispose();
            Assert.Equal(0, _pool.Outstanding);
        }
    }

    // V13, V03: a bomb costs what is inflated up to the limit, and a byte more that has no place.
    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(1024)]
    public void Message_of_1_KiB_that_inflates_to_1_MiB_and_more_stops_a_byte_beyond_the_limit(int piece)
    {
        var inflater = new ZerosInflater(perByte: 1032);
        using var assembler = new MessageAssembler(Role.Server, new() { MaxMessageSize = MiB }, _pool, inflater);
        Read(assembler, Wire.Header(0xC2, 1024, Key));
        ReceivedEvent seen = default;
        foreach (byte[] bytes in new byte[1024].Chunk(piece))
        {
            seen = Read(assembler, bytes);
            Assert.InRange(_pool.OutstandingBytes, 0, (4 * (inflater.Inflated + piece)) + 1_100);
            if (seen.Kind != ReceivedEventKind.None)
                break;
        }

        Assert.Equal(Rule.MessageMustFitLimit, seen.Violation?.Rule);
        Assert.Equal(MiB + 1, inflater.Inflated);
        Assert.InRange(_pool.PeakBytes, MiB, MiB + (256 * 1024) + 16);
        Assert.Equal(0, _pool.Outstanding);
        Assert.True(inflater.IsDisposed);
    }

    [Theory]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(16 * 1024)]
    [InlineData(MiB)]
    public void Compressed_message_that_fills_its_array_exactly_rents_no_more(int size)
    {
        var inflater = new ZerosInflater(perByte: size / 16) { First = size % 16 };
        using var assembler = new MessageAssembler(Role.Client, null, _pool, inflater);
        ReceivedEvent seen = Read(assembler, Wire.Frame(0xC2, new byte[16], null));

        Assert.Equal((ReceivedEventKind.Binary, size), (seen.Kind, seen.Length));
        Assert.InRange(seen.Gathered!.Length, size, Math.Max(1024, size <= 257 ? 1024 : size) + 3);
        _pool.Return(seen.Gathered);
        Assert.Equal(0, _pool.Outstanding);
    }

    [Fact]
    public void Compressed_message_that_is_empty_rents_nothing()
    {
        using var assembler = new MessageAssembler(Role.Client, null, _pool, new NaiveMessageInflater(takesOver: true));
        ReceivedEvent seen = Read(assembler, Wire.Frame(0xC1, [0], null));
        Assert.Equal((ReceivedEventKind.Text, 0), (seen.Kind, seen.Length));
        Assert.Equal(0, _pool.Rents);
    }

    [Fact]
    public void Compressed_frame_is_received_into_the_block_and_never_directly()
    {
        using var assembler = new MessageAssembler(Role.Client, null, _pool, new ZerosInflater(perByte: 100));
        Read(assembler, [.. Wire.Header(0xC2, 5000, null), .. new byte[1000]]);
        Assert.Equal(0, assembler.GetDirectBuffer(1).Count);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => assembler.ReadDirect(1, out _));
    }

    private static ReceivedEvent Read(MessageAssembler assembler, byte[] block)
    {
        ReceivedEvent last = default;
        int position = 0;
        while (assembler.Read(block.AsSpan(position), out int consumed, out ReceivedEvent received))
        {
            position += consumed;
            last = received;
            if (position == block.Length)
                break;
        }

        return last;
    }
}
