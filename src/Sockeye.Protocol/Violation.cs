namespace Sockeye.Protocol;

/// <summary>Tells which rule a peer broke, where the rule stands and with which code the connection fails.</summary>
/// <remarks>A violation is a value, not an exception: whoever finds it decides when to act on it. Instances are shared and
/// immutable; any thread may read them.</remarks>
public sealed class Violation
{
    private static readonly Violation[] Table =
    [
        new(Rule.ReservedBitsMustBeClear, "5.2", CloseCode.ProtocolError, "RSV2 and RSV3 must be clear"),
        new(Rule.Rsv1MustBeClear, "5.2", CloseCode.ProtocolError, "RSV1 must be clear"),
        new(Rule.OpcodeMustBeKnown, "5.2", CloseCode.ProtocolError, "reserved opcode"),
        new(Rule.ClientFrameMustBeMasked, "5.1", CloseCode.ProtocolError, "a client must mask its frames"),
        new(Rule.ServerFrameMustNotBeMasked, "5.1", CloseCode.ProtocolError, "a server must not mask its frames"),
        new(Rule.LengthMustBeMinimal, "5.2", CloseCode.ProtocolError, "payload length is not in its shortest form"),
        new(Rule.LengthMustBeBelow2To63, "5.2", CloseCode.ProtocolError, "payload length is 2^63 or more"),
        new(Rule.ControlFrameMustNotBeFragmented, "5.4", CloseCode.ProtocolError, "control frame is fragmented"),
        new(Rule.ControlFrameMustBeShort, "5.5", CloseCode.ProtocolError, "control frame is longer than 125 bytes"),
        new(Rule.ContinuationMustFollowFragment, "5.4", CloseCode.ProtocolError, "continuation without a message"),
        new(Rule.FragmentsMustNotInterleave, "5.4", CloseCode.ProtocolError, "new message inside a fragmented one"),
        new(Rule.TextMustBeUtf8, "8.1", CloseCode.InvalidPayload, "text is not valid UTF-8"),
        new(Rule.ClosePayloadMustHoldCode, "5.5.1", CloseCode.ProtocolError, "close payload of one byte"),
        new(Rule.CloseCodeMustBeValid, "7.4", CloseCode.ProtocolError, "invalid close code"),
        new(Rule.CloseReasonMustBeUtf8, "5.5.1", CloseCode.InvalidPayload, "close reason is not valid UTF-8"),
        new(Rule.MessageMustFitLimit, "10.4", CloseCode.MessageTooBig, "message is too big"),
        new(Rule.FragmentsMustFitLimit, "10.4", CloseCode.PolicyViolation, "message has too many fragments"),
        new(Rule.CompressedDataMustBeValid, "7.2.2", CloseCode.InvalidPayload, "compressed data is not valid", rfc: 7692),
    ];

    private Violation(Rule rule, string section, CloseCode closeCode, string message, int rfc = 6455)
    {
        Rule = rule;
        Rfc = rfc;
        Section = section;
        CloseCode = closeCode;
        Message = message;
    }

    /// <summary>Gets the rule that was broken.</summary>
    public Rule Rule { get; }

    /// <summary>Gets the number of the RFC that states the rule: 6455, or 7692 for what concerns compression.</summary>
    public int Rfc { get; }

    /// <summary>Gets the section of <see cref="Rfc"/> that states the rule, such as <c>5.4</c>.</summary>
    public string Section { get; }

    /// <summary>Gets the code with which the connection fails.</summary>
    public CloseCode CloseCode { get; }

    /// <summary>Gets a short description in plain ASCII, at most 123 bytes, which fits as the reason of a Close frame.</summary>
    public string Message { get; }

    /// <summary>Gets the violation of a rule.</summary>
    /// <param name="rule">The rule that was broken.</param>
    public static Violation Of(Rule rule) => Table[(int)rule];

    /// <inheritdoc/>
    public override string ToString() => $"{Message} (RFC {Rfc}, section {Section}; close code {(int)CloseCode})";
}
