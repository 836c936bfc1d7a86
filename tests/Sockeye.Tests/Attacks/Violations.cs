using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Attacks;

/// <summary>Makes bytes that break one rule and no other before it, in one of several ways.</summary>
internal static class Violations
{
    public const int MaxMessage = 64 * 1024;
    public const int MaxFragments = 10;

    private static readonly byte[] ReservedOpcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
    private static readonly byte[] ControlOpcodes = [8, 9, 10];
    private static readonly byte[][] WrongText =
        [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [.. "good, then"u8, 0x80], [0x61, 0xE2, 0x82]];

    // BFINAL and garbage, a block of type 3, a distance beyond the beginning, one that breaks off.
    private static readonly string[] WrongData = ["f348cdc9c90700ffff", "06", "f2001100", "f248cd"];

    /// <summary>Sets the limits that the ways of breaking them count on.</summary>
    public static WebSocketConnectionOptions Limit(WebSocketConnectionOptions options) =>
        options with { MaxMessageSize = MaxMessage, MaxFragments = MaxFragments };

    /// <summary>Tells whether a receiver of this role can find this rule broken.</summary>
    public static bool Concerns(Rule rule, Role receiver) =>
        rule != (receiver == Role.Server ? Rule.ServerFrameMustNotBeMasked : Rule.ClientFrameMustBeMasked);

    /// <summary>Makes the bytes.</summary>
    /// <param name="rule">The rule that they break.</param>
    /// <param name="receiver">Who receives them.</param>
    /// <param name="random">Chooses the way.</param>
    public static byte[] Break(Rule rule, Role receiver, Random random)
    {
        return rule switch
        {
            Rule.ReservedBitsMustBeClear => Frame((byte)(Any([0x80, 0x81, 0x82, 0x88, 0x89]) | Any([0x10, 0x20, 0x30])), "x"u8),
            Rule.Rsv1MustBeClear => Frame(Any([0xC9, 0xCA, 0xC8, 0xC0]), "x"u8),
            Rule.OpcodeMustBeKnown => Frame((byte)(Any([0x00, 0x80]) | Any(ReservedOpcodes)), "x"u8),
            Rule.ClientFrameMustBeMasked or Rule.ServerFrameMustNotBeMasked =>
                Wire.Raw(Any([0x81, 0x82, 0x88, 0x89]), "xy"u8, isMasked: receiver == Role.Client),
            Rule.LengthMustBeMinimal => random.Next(2) == 0
                ? [.. Header(0x82, 16, (ulong)random.Next(126)), .. new byte[125]]
                : Header(0x82, 64, (ulong)random.Next(65_536)),
            Rule.LengthMustBeBelow2To63 => Header(0x82, 64, (1UL << 63) | (ulong)random.NextInt64()),
            Rule.ControlFrameMustNotBeFragmented => Frame(Any(ControlOpcodes), "x"u8),
            Rule.ControlFrameMustBeShort => Frame((byte)(0x80 | Any(ControlOpcodes)), new byte[random.Next(126, 70_000)]),
            Rule.ContinuationMustFollowFragment => Frame(Any([0x00, 0x80]), "x"u8),
            Rule.FragmentsMustNotInterleave => [.. Frame(Any([0x01, 0x02]), "a"u8), .. Frame(Any([0x01, 0x82]), "b"u8)],
            Rule.TextMustBeUtf8 => random.Next(2) == 0
                ? Frame(0x81, WrongText[random.Next(WrongText.Length)])
                : [.. Frame(0x01, "a"u8), .. Frame(0x80, WrongText[random.Next(WrongText.Length)])],
            Rule.ClosePayloadMustHoldCode => Frame(0x88, [3]),
            Rule.CloseCodeMustBeValid => Frame(0x88, [.. ((byte[][])[[0, 0], [0x03, 0xED], [0x03, 0xEE], [0x03, 0xF7], [0xFF, 0xFF]])[random.Next(5)], .. "x"u8]),
            Rule.CloseReasonMustBeUtf8 => Frame(0x88, [0x03, 0xE8, .. WrongText[random.Next(WrongText.Length)]]),
            Rule.MessageMustFitLimit => random.Next(2) == 0
                ? Header(0x82, 64, (ulong)random.NextInt64(MaxMessage + 1, long.MaxValue))
                : [.. Frame(0x02, new byte[MaxMessage]), .. Header(0x80, 7, 1)],
            Rule.FragmentsMustFitLimit =>
                [.. Frame(0x02, []), .. Enumerable.Repeat(Frame(0x00, "z"u8), MaxFragments - 1).SelectMany(f => f), .. Frame(Any([0x00, 0x80]), [])],
            Rule.CompressedDataMustBeValid => Frame(0xC2, Convert.FromHexString(WrongData[random.Next(WrongData.Length)])),
            _ => throw new ArgumentOutOfRangeException(nameof(rule), rule, "It is not known here."),
        };

        byte[] Frame(byte first, ReadOnlySpan<byte> payload) => Wire.Raw(first, payload, isMasked: receiver == Role.Server);

        byte[] Header(byte first, int form, ulong length) => Wire.Header(first, form, length, isMasked: receiver == Role.Server);

        byte Any(byte[] choices) => choices[random.Next(choices.Length)];
    }
}
