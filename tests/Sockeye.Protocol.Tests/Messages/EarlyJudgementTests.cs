namespace Sockeye.Protocol.Tests.Messages;

/// <summary>A peer that stops is judged by what it sent: each rule is told with the first byte that shows it broken.</summary>
public sealed class EarlyJudgementTests
{
    public static TheoryData<string, int, Rule> Server => new()
    {
        // The first two bytes.
        { "91 80", 2, Rule.ReservedBitsMustBeClear },
        { "c1 80", 2, Rule.Rsv1MustBeClear },
        { "83 80", 2, Rule.OpcodeMustBeKnown },
        { "81 05 48656c6c6f", 2, Rule.ClientFrameMustBeMasked },
        { "09 80", 2, Rule.ControlFrameMustNotBeFragmented },
        { "89 fe 0080", 2, Rule.ControlFrameMustBeShort },
        { "80 85", 2, Rule.ContinuationMustFollowFragment },
        { "01 81 00000000 61 81 81", 9, Rule.FragmentsMustNotInterleave },

        // The length, before the mask key.
        { "82 fe 007d 01020304", 4, Rule.LengthMustBeMinimal },
        { "82 ff 000000000000ffff 01020304", 10, Rule.LengthMustBeMinimal },
        { "82 ff 8000000000000000 01020304", 10, Rule.LengthMustBeBelow2To63 },
        { "82 ff 0000000001000001 01020304", 10, Rule.MessageMustFitLimit },
        { "02 81 00000000 61 80 ff 0000000001000000", 17, Rule.MessageMustFitLimit },

        // The payload: 6.4.3 and 6.4.4 of Autobahn, and a Close.
        { "81 fe 0100 00000000 cebae1bdb9cf83cebcceb5 f4908080 656469746564", 8 + 11 + 2, Rule.TextMustBeUtf8 },
        { "81 fe 0100 00000000 6162636465666768696a6b6c6d6e6f70 ff", 8 + 17, Rule.TextMustBeUtf8 },
        { "81 82 00000000 e282", 8, Rule.TextMustBeUtf8 },
        { "01 82 00000000 e282 80 80 00000000", 8 + 6, Rule.TextMustBeUtf8 },
        { "88 81 00000000 03", 7, Rule.ClosePayloadMustHoldCode },
        { "88 84 00000000 03ed 6162", 10, Rule.CloseCodeMustBeValid },
    };

    public static TheoryData<string, int, Rule> Compressed => new()
    {
        // RSV1 where it must not be.
        { "c9 80", 2, Rule.Rsv1MustBeClear },
        { "41 81 00000000 f2 c0 81 00000000", 9, Rule.Rsv1MustBeClear },

        // The first byte that is wrong, or inflates to one that is: ff in a stored block, a wrong block type.
        { "c1 fe 0100 00000000 00 0500 faff 61 ff 626364 00", 8 + 7, Rule.TextMustBeUtf8 },
        { "c2 fe 0100 00000000 00 0500 faff 61 ff 626364 06 0000", 8 + 11, Rule.CompressedDataMustBeValid },
        { "c2 84 00000000 00 0500 fb 00", 6 + 4, Rule.CompressedDataMustBeValid }, // cut off by the end of the frame

        // The end of the message.
        { "c1 88 00000000 00 0200 fdff e282 00", 6 + 8, Rule.TextMustBeUtf8 },
        { "c1 86 00000000 f248 cdc9 c907", 6 + 6, Rule.CompressedDataMustBeValid },
        { "c1 80 00000000", 6, Rule.CompressedDataMustBeValid },
    };

    [Theory]
    [MemberData(nameof(Compressed))]
    public void Rule_is_told_with_the_compressed_byte_that_breaks_it(string hex, int bytes, Rule rule) =>
        AssertToldWith(hex, bytes, rule, isCompressed: true);

    [Theory]
    [MemberData(nameof(Server))]
    public void Rule_is_told_with_the_byte_that_breaks_it(string hex, int bytes, Rule rule) =>
        AssertToldWith(hex, bytes, rule, isCompressed: false);

    [Fact]
    public void Header_that_breaks_no_rule_waits()
    {
        byte[] wire = Utf8Samples.Bytes("82 ff 0000000001000000 01020304");
        for (int count = 0; count <= wire.Length; count++)
            Assert.Empty(Player.Play(Role.Server, wire, [count]));
    }

    private static void AssertToldWith(string hex, int bytes, Rule rule, bool isCompressed)
    {
        byte[] wire = Utf8Samples.Bytes(hex);
        for (int count = 0; count <= wire.Length; count++)
        {
            Seen[] expected = count < bytes ? [] : [Seen.Broken(rule)];
            foreach (int[] cuts in (int[][])[[count], [.. Enumerable.Range(1, count)]])
                Assert.Equal(expected, Player.Play(Role.Server, wire, cuts, inflater: isCompressed ? new(takesOver: true) : null));
        }
    }
}
