using static Sockeye.Protocol.Tests.Framing.Wire;

namespace Sockeye.Protocol.Tests.Framing;

public sealed class FrameRulesTests
{
    private static readonly byte[] Key = [1, 2, 3, 4];

    // A row for each upper half of the first byte (FIN, RSV1, RSV2, RSV3), a column for each opcode:
    // '.' allowed, 'R' RSV2 or RSV3, '1' RSV1, 'O' reserved opcode, 'F' fragmented control frame.
    private static readonly string[] WithoutExtension =
    [
        "...OOOOOFFFOOOOO",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "1111111111111111",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "...OOOOO...OOOOO",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "1111111111111111",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
        "RRRRRRRRRRRRRRRR",
    ];

    private static readonly string[] WithRsv1 =
        [.. WithoutExtension.Select(row => row.Replace("1111111111111111", "1..1111111111111", StringComparison.Ordinal))];

    // V08 and V09
    [Theory]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, false)]
    [InlineData(Role.Client, true)]
    public void Check_of_each_first_byte_and_mask_bit_gives_the_rule_it_breaks(Role receiver, bool rsv1Allowed)
    {
        Rule maskRule = receiver == Role.Server ? Rule.ClientFrameMustBeMasked : Rule.ServerFrameMustNotBeMasked;
        for (int first = 0; first < 256; first++)
        {
            char verdict = (rsv1Allowed ? WithRsv1 : WithoutExtension)[first >> 4][first & 15];
            foreach (bool masked in (bool[])[false, true])
            {
                Rule? expected = verdict switch
                {
                    'R' => Rule.ReservedBitsMustBeClear,
                    '1' => Rule.Rsv1MustBeClear,
                    'O' => Rule.OpcodeMustBeKnown,
                    _ when masked != (receiver == Role.Server) => maskRule,
                    'F' => Rule.ControlFrameMustNotBeFragmented,
                    _ => null,
                };
                Assert.Equal(expected, Check(Header((byte)first, 1, masked ? Key : null), receiver, rsv1Allowed));
            }
        }
    }

    public static TheoryData<byte, ulong, LengthForm, Rule?> Lengths => new()
    {
        { 0x82, 0, LengthForm.Bits7, null },
        { 0x82, 125, LengthForm.Bits7, null },
        { 0x82, 0, LengthForm.Bits16, Rule.LengthMustBeMinimal },
        { 0x82, 125, LengthForm.Bits16, Rule.LengthMustBeMinimal },
        { 0x82, 126, LengthForm.Bits16, null },
        { 0x82, 65_535, LengthForm.Bits16, null },
        { 0x82, 0, LengthForm.Bits64, Rule.LengthMustBeMinimal },
        { 0x82, 126, LengthForm.Bits64, Rule.LengthMustBeMinimal },
        { 0x82, 65_535, LengthForm.Bits64, Rule.LengthMustBeMinimal },
        { 0x82, 65_536, LengthForm.Bits64, null },
        { 0x82, long.MaxValue, LengthForm.Bits64, null },
        { 0x82, 1UL << 63, LengthForm.Bits64, Rule.LengthMustBeBelow2To63 },
        { 0x82, ulong.MaxValue, LengthForm.Bits64, Rule.LengthMustBeBelow2To63 },
        { 0x00, ulong.MaxValue, LengthForm.Bits64, Rule.LengthMustBeBelow2To63 },
        { 0x89, 125, LengthForm.Bits7, null },
        { 0x89, 125, LengthForm.Bits16, Rule.ControlFrameMustBeShort },
        { 0x89, 126, LengthForm.Bits16, Rule.ControlFrameMustBeShort },
        { 0x8A, 65_535, LengthForm.Bits16, Rule.ControlFrameMustBeShort },
        { 0x88, 0, LengthForm.Bits64, Rule.ControlFrameMustBeShort },
        { 0x88, 65_536, LengthForm.Bits64, Rule.ControlFrameMustBeShort },
        { 0x88, ulong.MaxValue, LengthForm.Bits64, Rule.ControlFrameMustBeShort },
    };

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Check_of_each_length_gives_the_rule_it_breaks(byte first, ulong length, LengthForm form, Rule? expected)
    {
        Assert.Equal(expected, Check(Header(first, length, Key, form), Role.Server));
        Assert.Equal(expected, Check(Header(first, length, null, form), Role.Client));
    }

    private static Rule? Check(byte[] bytes, Role receiver, bool rsv1Allowed = false)
    {
        Assert.True(FrameReader.TryReadHeader(bytes, out FrameHeader header));
        return FrameRules.Check(header, receiver, rsv1Allowed)?.Rule;
    }
}
