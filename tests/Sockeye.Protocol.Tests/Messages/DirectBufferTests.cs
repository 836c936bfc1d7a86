using Sockeye.Protocol.Tests.Framing;

namespace Sockeye.Protocol.Tests.Messages;

public sealed class DirectBufferTests
{
    private readonly MessageAssembler _assembler = new(Role.Client);

    [Fact]
    public void GetDirectBuffer_outside_of_a_message_offers_nothing()
    {
        Assert.Equal(0, _assembler.GetDirectBuffer(1).Count);
        Feed(0x82);
        Assert.Equal(0, _assembler.GetDirectBuffer(1).Count);
        Feed([.. Wire.Frame(0x82, [1], null)]);
        Assert.Equal(0, _assembler.GetDirectBuffer(1).Count);
        Feed([.. Wire.Frame(0x02, [1], null)]); // between two fragments
        Assert.Equal(0, _assembler.GetDirectBuffer(1).Count);
        Feed(0x89, 5, 1, 2); // in a ping between them
        Assert.Equal(0, _assembler.GetDirectBuffer(1).Count);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => _assembler.ReadDirect(1, out _));
    }

    [Theory]
    [InlineData(50, 1, 100)]
    [InlineData(50, 100, 100)]
    [InlineData(49, 101, 0)] // too little came
    [InlineData(50, 101, 0)]
    [InlineData(60, 91, 0)] // too little is to come
    [InlineData(60, 90, 90)]
    public void GetDirectBuffer_inside_a_frame_offers_what_is_to_come(int came, int minimum, int offered)
    {
        Feed([.. Wire.Header(0x82, 150, null), .. new byte[came]]);
        Assert.Equal(offered == 0 ? 0 : 150 - came, _assembler.GetDirectBuffer(minimum).Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public void GetDirectBuffer_of_less_than_a_byte_throws(int least) =>
        Assert.Throws<ArgumentOutOfRangeException>("minimum", () => _assembler.GetDirectBuffer(least));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(11)]
    [InlineData(int.MaxValue)]
    public void ReadDirect_of_more_than_was_offered_throws_and_changes_nothing(int received)
    {
        Feed(0x82, 15, 1, 2, 3, 4, 5);
        Assert.Equal(10, _assembler.GetDirectBuffer(10).Count);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => _assembler.ReadDirect(received, out _));
        Assert.True(_assembler.ReadDirect(10, out ReceivedEvent message));
        Assert.Equal(15, message.Length);
    }

    [Fact]
    public void ReadDirect_before_anything_throws() =>
        Assert.Throws<ArgumentOutOfRangeException>("count", () => _assembler.ReadDirect(1, out _));

    [Fact]
    public void ReadDirect_of_wrong_text_fails_at_once()
    {
        Feed(0x81, 100, (byte)'a', (byte)'b');
        ArraySegment<byte> direct = _assembler.GetDirectBuffer(4);
        "c\uFFFD"u8.CopyTo(direct);
        Assert.False(_assembler.ReadDirect(3, out _));
        direct = _assembler.GetDirectBuffer(4);
        direct[0] = 0x41;
        Assert.True(_assembler.ReadDirect(1, out ReceivedEvent received));
        Assert.Equal(Rule.TextMustBeUtf8, received.Violation?.Rule);
        Assert.Equal(0, _assembler.GetDirectBuffer(1).Count);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => _assembler.ReadDirect(1, out _));
    }

    [Fact]
    public void Memory_offered_and_not_used_is_forgotten()
    {
        Feed(0x82, 6, 1, 2, 3);
        Assert.Equal(3, _assembler.GetDirectBuffer(3).Count);
        Assert.Equal(3, _assembler.GetDirectBuffer(1).Count);
        Assert.True(_assembler.Read([4, 5, 6], out int consumed, out ReceivedEvent received));
        Assert.Equal((3, 6), (consumed, received.Length));
        Assert.Equal([1, 2, 3, 4, 5, 6], received.Gathered.AsSpan(0, 6).ToArray());
    }

    private void Feed(params byte[] block)
    {
        int position = 0;
        while (_assembler.Read(block.AsSpan(position), out int consumed, out _))
            position += consumed;
    }
}
