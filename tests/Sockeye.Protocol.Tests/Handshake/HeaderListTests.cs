namespace Sockeye.Protocol.Tests.Handshake;

/// <summary>Token lists, subprotocols and extensions: the grammar, and that reading them is linear (V22).</summary>
public sealed class HeaderListTests
{
    [Theory]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("Upgrade", true)]
    [InlineData("upgrade", true)]
    [InlineData("keep-alive, Upgrade", true)]
    [InlineData("keep-alive,Upgrade", true)]
    [InlineData(" \t, ,Upgrade\t ,", true)]
    [InlineData("notupgrade", false)]
    [InlineData("upgraded", false)]
    [InlineData("Upgrade/13", false)]
    [InlineData("Upgrade x", false)]
    [InlineData("x Upgrade", false)]
    [InlineData("\"Upgrade\"", false)]
    [InlineData("Upgrade/1, Upgrade", true)]
    [InlineData("\u00FF, Upgrade", true)]
    [InlineData("Upgrade;q=1", false)]
    [InlineData("\u017Fup, \u212Aeep", false)]
    public void Contains_matches_whole_elements_in_any_case(string? value, bool expected) =>
        Assert.Equal(expected, HeaderTokens.Contains(value, "upgrade"));

    [Theory]
    [InlineData(null, "")]
    [InlineData("chat", "chat")]
    [InlineData("chat, superchat", "chat|superchat")]
    [InlineData("chat,superchat", "chat|superchat")]
    [InlineData("\tv2.x ,,v1 ", "v2.x|v1")]
    [InlineData("chat, Chat", "chat|Chat")]
    [InlineData("constructor, __proto__, toString", "constructor|__proto__|toString")]
    [InlineData("", null)]
    [InlineData(" , ", null)]
    [InlineData("chat, chat", null)]
    [InlineData("a b", null)]
    [InlineData("a;b", null)]
    [InlineData("a/b", null)]
    [InlineData("\"a\"", null)]
    [InlineData("a, \u00E9", null)]
    public void Subprotocol_TryParse_gives_distinct_tokens_or_nothing(string? value, string? expected)
    {
        bool isValid = Subprotocol.TryParse(value, out IReadOnlyList<string>? offered);

        Assert.Equal(expected is not null, isValid);
        Assert.Equal(expected, isValid ? string.Join('|', offered!) : null);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(10_000, false)]
    public void Subprotocol_TryParse_caps_the_number(int count, bool expected) =>
        Assert.Equal(expected, Subprotocol.TryParse(string.Join(',', Enumerable.Range(0, count)), out _));

    [Theory]
    [InlineData("a,b,c", "c,b", "b")]
    [InlineData("a,b,c", "x", null)]
    [InlineData("A", "a", null)]
    [InlineData("", "a", null)]
    [InlineData("a", "", null)]
    public void Subprotocol_Select_takes_the_first_of_the_client(string offered, string supported, string? expected) =>
        Assert.Equal(expected, Subprotocol.Select(Split(offered), Split(supported)));

    [Theory]
    [InlineData("a,a")]
    [InlineData("a b")]
    [InlineData("a\r\nX: y")]
    public void Subprotocol_Validate_refuses_what_cannot_be_offered(string list) =>
        Assert.Throws<ArgumentException>("Subprotocols", () => Subprotocol.Validate(Split(list), "Subprotocols"));

    [Theory]
    [InlineData(null, "")]
    [InlineData("a", "a")]
    [InlineData("a, b", "a, b")]
    [InlineData("a;b", "a; b")]
    [InlineData("a ; b ; c=1 ,\td", "a; b; c=1, d")]
    [InlineData("a; b=\"c\"", "a; b=c")]
    [InlineData("a; b=\"\\c\\d\"", "a; b=cd")]
    [InlineData("a; b; b=1; b", "a; b; b=1; b")]
    [InlineData(",a,,b,", "a, b")]
    [InlineData("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits")]
    [InlineData("constructor; __proto__=toString", "constructor; __proto__=toString")]
    [InlineData("", null)]
    [InlineData(",", null)]
    [InlineData(";", null)]
    [InlineData("a;", null)]
    [InlineData("a;;b", null)]
    [InlineData("a;b=", null)]
    [InlineData("a;=b", null)]
    [InlineData("a=b", null)]
    [InlineData("a b", null)]
    [InlineData("a;b c", null)]
    [InlineData("a;b =c", null)]
    [InlineData("a;b= c", null)]
    [InlineData("a;b=\"\"", null)]
    [InlineData("a;b=\"c", null)]
    [InlineData("a;b=\"c\\", null)]
    [InlineData("a;b=\"c\\\"", null)]
    [InlineData("a;b=\"c d\"", null)]
    [InlineData("a;b=\"c,d\"", null)]
    [InlineData("a;b=\"c\"d", null)]
    [InlineData("a;b=\"\\\"\"", null)]
    [InlineData("\"a\"", null)]
    [InlineData("a/b", null)]
    [InlineData("\u00E9", null)]
    public void ExtensionHeader_TryParse_then_Format_gives_the_plain_form(string? value, string? expected)
    {
        bool isValid = ExtensionHeader.TryParse(value, out IReadOnlyList<ExtensionOffer>? offers);

        Assert.Equal(expected is not null, isValid);
        Assert.Equal(expected, isValid ? ExtensionHeader.Format(offers!) : null);
    }

    [Fact]
    public void ExtensionHeader_TryParse_caps_offers_and_parameters()
    {
        Assert.True(ExtensionHeader.TryParse(string.Join(',', Enumerable.Repeat("a", 16)), out _));
        Assert.False(ExtensionHeader.TryParse(string.Join(',', Enumerable.Repeat("a", 17)), out _));
        Assert.True(ExtensionHeader.TryParse("a" + string.Concat(Enumerable.Repeat(";b", 16)), out _));
        Assert.False(ExtensionHeader.TryParse("a" + string.Concat(Enumerable.Repeat(";b", 17)), out _));
    }

    public static TheoryData<string> Hostile => new()
    {
        "b" + new string(' ', 65_000) + "x",
        new string(',', 65_000),
        new string(' ', 65_000) + ";",
        "a; b=\"" + string.Concat(Enumerable.Repeat("\\c", 32_000)),
        "a; b=\"" + string.Concat(Enumerable.Repeat("\\\\", 32_000)) + "\"",
        new string('a', 65_000),
        string.Concat(Enumerable.Repeat("a/b,", 16_000)),
        string.Concat(Enumerable.Repeat("a; ", 20_000)),
        string.Concat(Enumerable.Repeat("\"", 65_000)),
        string.Join(", ", Enumerable.Range(0, 10_000)),
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Parsing_of_64_KiB_looks_at_each_character_a_few_times(string value)
    {
        var tokens = new FieldCursor(value);
        _ = HeaderTokens.Contains(ref tokens, "websocket");
        var subprotocols = new FieldCursor(value);
        _ = Subprotocol.TryParse(ref subprotocols, isAbsent: false, out _);
        var extensions = new FieldCursor(value);
        _ = ExtensionHeader.TryParse(ref extensions, isAbsent: false, out _);

        int most = 2 * value.Length + 16;
        Assert.InRange(tokens.Examined, 0, most);
        Assert.InRange(subprotocols.Examined, 0, most);
        Assert.InRange(extensions.Examined, 0, most);
    }

    private static string[] Split(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries);
}
