using System.Text;

namespace Sockeye.Protocol.Tests.Closing;

public sealed class ViolationTests
{
    public static TheoryData<Rule, string, int> Table => new()
    {
        { Rule.ReservedBitsMustBeClear, "5.2", 1002 },
        { Rule.Rsv1MustBeClear, "5.2", 1002 },
        { Rule.OpcodeMustBeKnown, "5.2", 1002 },
        { Rule.ClientFrameMustBeMasked, "5.1", 1002 },
        { Rule.ServerFrameMustNotBeMasked, "5.1", 1002 },
        { Rule.LengthMustBeMinimal, "5.2", 1002 },
        { Rule.LengthMustBeBelow2To63, "5.2", 1002 },
        { Rule.ControlFrameMustNotBeFragmented, "5.4", 1002 },
        { Rule.ControlFrameMustBeShort, "5.5", 1002 },
        { Rule.ContinuationMustFollowFragment, "5.4", 1002 },
        { Rule.FragmentsMustNotInterleave, "5.4", 1002 },
        { Rule.TextMustBeUtf8, "8.1", 1007 },
        { Rule.ClosePayloadMustHoldCode, "5.5.1", 1002 },
        { Rule.CloseCodeMustBeValid, "7.4", 1002 },
        { Rule.CloseReasonMustBeUtf8, "5.5.1", 1007 },
        { Rule.MessageMustFitLimit, "10.4", 1009 },
        { Rule.FragmentsMustFitLimit, "10.4", 1008 },
        { Rule.CompressedDataMustBeValid, "7.2.2", 1007 },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Of_each_rule_tells_section_and_close_code(Rule rule, string section, int closeCode)
    {
        var violation = Violation.Of(rule);

        int rfc = rule == Rule.CompressedDataMustBeValid ? 7692 : 6455;
        Assert.Equal((rule, rfc, section, (CloseCode)closeCode), (violation.Rule, violation.Rfc, violation.Section, violation.CloseCode));
        Assert.Same(violation, Violation.Of(rule));
        Assert.Equal($"{violation.Message} (RFC {rfc}, section {section}; close code {closeCode})", violation.ToString());
    }

    [Fact]
    public void Table_holds_every_rule() =>
        Assert.Equal(Enum.GetValues<Rule>(), Table.Select(row => row.Data.Item1));

    [Fact]
    public void Message_of_each_rule_is_its_own_and_fits_a_Close_frame()
    {
        byte[] buffer = new byte[FrameHeader.MaxControlPayload];
        HashSet<string> messages = [];
        foreach (Rule rule in Enum.GetValues<Rule>())
        {
            var violation = Violation.Of(rule);
            Assert.True(Ascii.IsValid(violation.Message));
            Assert.InRange(violation.Message.Length, 1, ClosePayload.MaxReasonBytes);
            Assert.Equal(2 + violation.Message.Length, ClosePayload.Write(buffer, violation.CloseCode, violation.Message));
            Assert.True(messages.Add(violation.Message));
        }
    }
}
