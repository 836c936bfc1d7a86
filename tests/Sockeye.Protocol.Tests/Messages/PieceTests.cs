using Sockeye.Protocol.Tests.Framing;
using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Messages in pieces: what is handed out, and what is rented for it. That the pieces make up the messages, and that the rules hold,
/// is shown for every session by <see cref="ReplayTests"/> and <see cref="AssemblerPropertyTests"/>.</summary>
public sealed class PieceTests
{
    private const int MiB = 1024 * 1024;
    private static readonly byte[] Key = [1, 2, 3, 4];

    private readonly CountingPool _pool = new(trace: false);

    [Fact]
    public void Large_frame_is_handed_out_as_it_comes_and_nothing_is_rented()
    {
        using MessageAssembler assembler = New();
        byte[] payload = SessionTable.Bytes(100_000);
        byte[] wire = [.. Wire.Header(0x82, (ulong)payload.Length, Key), .. Wire.Mask(payload, Key)];
        List<byte> joined = [];
        List<MessagePart> parts = [];
        for (int at = 0; at < wire.Length; at += 1000)
        {
            byte[] block = wire[at..Math.Min(at + 1000, wire.Length)];
            Assert.True(assembler.Read(block, out int consumed, out ReceivedEvent piece));
            Assert.Equal((ReceivedEventKind.Binary, block.Length, null), (piece.Kind, consumed, piece.Gathered));
            Assert.False(assembler.Read(block.AsSpan(consumed), out _, out _));
            Assert.Equal(0, assembler.GetDirectBuffer(1).Count);
            joined.AddRange(block.AsSpan(piece.Start, piece.Length));
            parts.Add(piece.Part);
        }

        Assert.Equal(payload, joined);
        Assert.Equal([MessagePart.First, .. Enumerable.Repeat(MessagePart.Middle, parts.Count - 2), MessagePart.Last], parts);
        Assert.Equal(0, _pool.PeakBytes);
    }

    [Fact]
    public void Empty_fragments_are_handed_out_only_where_they_end_a_message()
    {
        using MessageAssembler assembler = New();
        byte[] block =
        [
            .. Wire.Frame(0x01, [], Key), .. Wire.Frame(0x00, [], Key), .. Wire.Frame(0x80, [], Key),
            .. Wire.Frame(0x02, "a"u8, Key), .. Wire.Frame(0x00, [], Key), .. Wire.Frame(0x89, "p"u8, Key), .. Wire.Frame(0x80, [], Key),
        ];
        List<string> seen = [];
        int position = 0;
        while (assembler.Read(block.AsSpan(position), out int consumed, out ReceivedEvent received))
        {
            seen.Add($"{received.Kind} {received.Part} {received.Length}");
            position += consumed;
        }

        Assert.Equal(["Text Whole 0", "Binary First 1", "Ping Whole 1", "Binary Last 0"], seen);
    }

    [Theory]
    [InlineData(0, 5_000_000_000, null)]
    [InlineData(5_000_000_000, 5_000_000_000, null)]
    [InlineData(5_000_000_000, 5_000_000_001, Rule.MessageMustFitLimit)]
    public void Limit_may_be_beyond_what_an_array_can_hold(long limit, long declared, Rule? broken)
    {
        using MessageAssembler assembler = New(new() { MaxMessageSize = limit });
        byte[] block = [.. Wire.Header(0x82, (ulong)declared, Key), 0];
        Assert.True(assembler.Read(block, out _, out ReceivedEvent received));
        Assert.Equal(broken, received.Violation?.Rule);
        Assert.Equal(broken is null ? MessagePart.First : MessagePart.Whole, received.Part);
    }

    [Fact]
    public void Limit_holds_over_the_pieces_that_were_handed_out()
    {
        using MessageAssembler assembler = New(new() { MaxMessageSize = 10 });
        byte[] block = [.. Wire.Frame(0x02, new byte[6], Key), .. Wire.Frame(0x00, new byte[4], Key), .. Wire.Frame(0x80, new byte[1], Key)];
        Assert.True(assembler.Read(block, out int first, out ReceivedEvent received));
        Assert.Equal((MessagePart.First, 6), (received.Part, received.Length));
        Assert.True(assembler.Read(block.AsSpan(first), out int second, out received));
        Assert.Equal((MessagePart.Middle, 4), (received.Part, received.Length));
        Assert.True(assembler.Read(block.AsSpan(first + second), out _, out received));
        Assert.Equal(Rule.MessageMustFitLimit, received.Violation?.Rule);
    }

    // V13
    [Fact]
    public void Bomb_is_inflated_a_piece_at_a_time_up_to_the_limit()
    {
        const int PerByte = 100_000;
        var inflater = new ZerosInflater(PerByte);
        using MessageAssembler assembler = New(new() { MaxMessageSize = MiB }, inflater);
        byte[] payload = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        byte[] block = [.. Wire.Header(0xC2, (ulong)payload.Length, Key), .. Wire.Mask(payload, Key)];
        byte[] original = [.. block];
        int position = 0;
        long handedOut = 0;
        Rule? broken = null;
        while (broken is null)
        {
            Assert.True(assembler.Read(block.AsSpan(position), out int consumed, out ReceivedEvent received));
            position += consumed;
            // What has not been inflated is as it came.
            Assert.Equal(original[position..], block[position..]);
            broken = received.Violation?.Rule;
            if (received.Gathered is not { } piece)
                continue;
            Assert.Equal(handedOut == 0 ? MessagePart.First : MessagePart.Middle, received.Part);
            Assert.Equal((1, 1), (_pool.Outstanding, Math.Sign(received.Length)));
            handedOut += received.Length;
            _pool.Return(piece);
        }

        Assert.Equal((Rule.MessageMustFitLimit, (long)MiB, MiB + 1L), (broken, handedOut, inflater.Inflated));
        Assert.InRange(_pool.PeakBytes, 1, 16 * 1024);
        Assert.Equal((0, true), (_pool.Outstanding, inflater.IsDisposed));
    }

    private MessageAssembler New(ProtocolLimits? limits = null, IMessageInflater? inflater = null) =>
        new(Role.Server, limits, _pool, inflater, inPieces: true);
}
