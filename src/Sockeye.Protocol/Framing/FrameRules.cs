namespace Sockeye.Protocol;

/// <summary>Judges frame headers by the rules of RFC 6455 that need no knowledge of earlier frames.</summary>
public static class FrameRules
{
    /// <summary>Finds the rule that a header breaks.</summary>
    /// <param name="header">The header.</param>
    /// <param name="receiver">The role of the side that received it.</param>
    /// <param name="rsv1Allowed">Whether an extension that uses RSV1 (permessage-deflate) has been negotiated.</param>
    /// <returns>The violation, or null where the header is allowed.</returns>
    public static Violation? Check(in FrameHeader header, Role receiver, bool rsv1Allowed = false) =>
        CheckFirstBytes(header, receiver, rsv1Allowed) ?? CheckLength(header);

    /// <summary>Judges what the first two bytes tell.</summary>
    internal static Violation? CheckFirstBytes(in FrameHeader header, Role receiver, bool rsv1Allowed)
    {
        if (header.AreReservedBitsSet)
            return Violation.Of(Rule.ReservedBitsMustBeClear);
        if (header.IsRsv1Set && (!rsv1Allowed || header.Opcode is not (Opcode.Text or Opcode.Binary)))
            return Violation.Of(Rule.Rsv1MustBeClear);
        if (header.Opcode is > Opcode.Binary and < Opcode.Close or > Opcode.Pong)
            return Violation.Of(Rule.OpcodeMustBeKnown);
        if (header.IsMasked != (receiver == Role.Server))
        {
            return Violation.Of(receiver == Role.Server
                ? Rule.ClientFrameMustBeMasked
                : Rule.ServerFrameMustNotBeMasked);
        }

        if (header.IsControl && !header.IsFinal)
            return Violation.Of(Rule.ControlFrameMustNotBeFragmented);
        if (header.IsControl && header.IsLengthExtended)
            return Violation.Of(Rule.ControlFrameMustBeShort);
        return null;
    }

    /// <summary>Judges the length, once all its bytes are there.</summary>
    internal static Violation? CheckLength(in FrameHeader header)
    {
        if (header.PayloadLength > long.MaxValue)
            return Violation.Of(Rule.LengthMustBeBelow2To63);
        if (!header.IsLengthMinimal)
            return Violation.Of(Rule.LengthMustBeMinimal);
        return null;
    }
}
