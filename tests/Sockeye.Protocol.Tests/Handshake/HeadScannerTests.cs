namespace Sockeye.Protocol.Tests.Handshake;

public sealed class HeadScannerTests
{
    private static readonly HandshakeLimits Small = new() { MaxHeadBytes = 256, MaxLineBytes = 64, MaxHeaderLines = 4 };

    public static TheoryData<string, HandshakeRule?> Table => new()
    {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", null },
        { "GET / HTTP/1.1\r\n\r\n", null },
        { "GET / HTTP/1.1\r\nA:\tb\tc\r\n\r\n", null },
        { "GET / HTTP/1.1\r\nA: \u00E9\u00FF\r\n\r\n", null },
        { "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", null },
        { "GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n\r\n", HandshakeRule.HeaderLinesMustFitLimit },
        { "GET /" + new string('a', 50) + " HTTP/1.1\r\n\r\n", null },
        { "GET /" + new string('a', 51) + " HTTP/1.1\r\n\r\n", HandshakeRule.StartLineMustFitLimit },
        { "GET /" + new string('a', 300), HandshakeRule.StartLineMustFitLimit },
        { "GET / HTTP/1.1\r\nA: " + new string('a', 61) + "\r\n\r\n", null },
        { "GET / HTTP/1.1\r\nA: " + new string('a', 62) + "\r\n\r\n", HandshakeRule.HeaderLineMustFitLimit },
        { "GET / HTTP/1.1\r\nA: " + new string('a', 300), HandshakeRule.HeaderLineMustFitLimit },
        { "GET / HTTP/1.1\nHost: a\n\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nA: b\rB: c\r\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\r\n\r\n", HandshakeRule.LinesMustEndWithCrLf },
        { "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", HandshakeRule.HeadMustHoldNoControls },
        { "GET / HTTP/1.1\r\nA: b\u007Fc\r\n\r\n", HandshakeRule.HeadMustHoldNoControls },
        { "\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00FC\u0003\u0003", HandshakeRule.HeadMustHoldNoControls }, // a TLS ClientHello
        { "\0", HandshakeRule.HeadMustHoldNoControls },
        { "\n", HandshakeRule.LinesMustEndWithCrLf },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void TryFindEnd_at_every_split_and_byte_by_byte_ends_the_same(string text, HandshakeRule? expected)
    {
        byte[] bytes = Heads.Bytes(text);

        foreach (int[] prefixes in Heads.Cuts(bytes.Length))
            Assert.Equal((expected is null, expected is null ? bytes.Length : 0, expected), Heads.Scan(bytes, prefixes, Small));
    }

    [Theory]
    [InlineData(256, true)]
    [InlineData(257, false)]
    public void TryFindEnd_of_a_head_at_its_limit_is_inclusive(int size, bool fits)
    {
        string text = "GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("A: " + new string('a', 60) + "\r\n", 3));
        text += "A: " + new string('a', size - text.Length - 7) + "\r\n\r\n";
        byte[] bytes = Heads.Bytes(text);
        Assert.Equal(size, bytes.Length);

        foreach (int[] prefixes in Heads.Cuts(size))
        {
            (bool found, int length, HandshakeRule? fault) = Heads.Scan(bytes, prefixes, Small);
            Assert.Equal(fits, found);
            Assert.Equal(fits ? null : HandshakeRule.HeadMustFitLimit, fault);
            Assert.Equal(fits ? size : 0, length);
        }
    }

    [Fact]
    public void TryFindEnd_with_bytes_behind_the_head_leaves_them()
    {
        byte[] bytes = Heads.Bytes(Heads.Valid + "\u0081\u0080abcd\r\n\r\n");

        Assert.True(new HeadScanner().TryFindEnd(bytes, out int length, out _));
        Assert.Equal(Heads.Valid.Length, length);
    }

    [Fact]
    public void TryFindEnd_with_many_bytes_behind_a_small_head_finds_its_end()
    {
        byte[] bytes = [.. Heads.Bytes("GET / HTTP/1.1\r\n\r\n"), .. new byte[100_000]];

        Assert.True(new HeadScanner(Small).TryFindEnd(bytes, out int length, out _));
        Assert.Equal(18, length);
    }

    // V05
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void TryFindEnd_in_small_pieces_examines_each_byte_about_once(int piece)
    {
        byte[] bytes = Heads.Bytes("GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("A: b\tc\r\n", 1500)));
        var scanner = new HeadScanner(new HandshakeLimits { MaxHeadBytes = 64 * 1024, MaxHeaderLines = 10_000 });
        int lineBreaks = 1501;

        for (int length = 0; length <= bytes.Length; length += piece)
            Assert.False(scanner.TryFindEnd(bytes.AsSpan(0, length), out _, out HandshakeFault? fault) || fault is not null);

        Assert.InRange(scanner.Examined, bytes.Length - piece - lineBreaks, bytes.Length + lineBreaks);
    }

    [Fact]
    public void TryFindEnd_of_an_endless_line_looks_no_further_than_the_limit()
    {
        var scanner = new HeadScanner();

        Assert.False(scanner.TryFindEnd(Heads.Bytes("GET /" + new string('a', 1_000_000)), out _, out HandshakeFault? fault));

        Assert.Equal(HandshakeRule.StartLineMustFitLimit, fault!.Rule);
        Assert.True(scanner.Examined <= HandshakeLimits.Default.MaxHeadBytes);
    }

    [Theory]
    [InlineData(nameof(HandshakeLimits.MaxHeadBytes), 63)]
    [InlineData(nameof(HandshakeLimits.MaxHeadBytes), 2_000_000)]
    [InlineData(nameof(HandshakeLimits.MaxLineBytes), 0)]
    [InlineData(nameof(HandshakeLimits.MaxHeaderLines), 0)]
    [InlineData(nameof(HandshakeLimits.MaxHeaderLines), 10_001)]
    public void Limits_out_of_range_throw_where_they_are_set(string option, int value)
    {
        var thrown = Assert.Throws<ArgumentOutOfRangeException>(() => option switch
        {
            nameof(HandshakeLimits.MaxHeadBytes) => new HandshakeLimits { MaxHeadBytes = value },
            nameof(HandshakeLimits.MaxLineBytes) => new HandshakeLimits { MaxLineBytes = value },
            _ => new HandshakeLimits { MaxHeaderLines = value },
        });
        Assert.Equal(option, thrown.ParamName);
    }
}
