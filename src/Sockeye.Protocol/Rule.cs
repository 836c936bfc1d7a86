namespace Sockeye.Protocol;

/// <summary>Names each rule of the protocol that a peer can break.</summary>
/// <remarks><see cref="Violation"/> tells the RFC section and the close code of each.</remarks>
public enum Rule : byte
{
    /// <summary>RSV2 and RSV3 belong to extensions that were not negotiated (RFC 6455, section 5.2).</summary>
    ReservedBitsMustBeClear,

    /// <summary>RSV1 marks the first frame of a compressed message and nothing else (RFC 6455, section 5.2; RFC 7692, section 6).</summary>
    Rsv1MustBeClear,

    /// <summary>Opcodes 3–7 and 11–15 are reserved (RFC 6455, section 5.2).</summary>
    OpcodeMustBeKnown,

    /// <summary>A client masks every frame (RFC 6455, section 5.1).</summary>
    ClientFrameMustBeMasked,

    /// <summary>A server masks no frame (RFC 6455, section 5.1).</summary>
    ServerFrameMustNotBeMasked,

    /// <summary>A length takes the shortest of its three forms (RFC 6455, section 5.2).</summary>
    LengthMustBeMinimal,

    /// <summary>The highest bit of a 64-bit length is zero (RFC 6455, section 5.2).</summary>
    LengthMustBeBelow2To63,

    /// <summary>A control frame is never fragmented (RFC 6455, section 5.4).</summary>
    ControlFrameMustNotBeFragmented,

    /// <summary>A control frame carries at most 125 bytes (RFC 6455, section 5.5).</summary>
    ControlFrameMustBeShort,

    /// <summary>A continuation frame continues a message that has begun (RFC 6455, section 5.4).</summary>
    ContinuationMustFollowFragment,

    /// <summary>A fragmented message ends before the next one begins (RFC 6455, section 5.4).</summary>
    FragmentsMustNotInterleave,

    /// <summary>A text message is valid UTF-8 (RFC 6455, sections 5.6 and 8.1).</summary>
    TextMustBeUtf8,

    /// <summary>The body of a Close frame is empty or begins with a code of two bytes (RFC 6455, section 5.5.1).</summary>
    ClosePayloadMustHoldCode,

    /// <summary>A Close frame carries only codes that may appear on the wire (RFC 6455, section 7.4).</summary>
    CloseCodeMustBeValid,

    /// <summary>The reason of a Close frame is valid UTF-8 (RFC 6455, section 5.5.1).</summary>
    CloseReasonMustBeUtf8,

    /// <summary>A message stays within the receiver's limit (RFC 6455, section 10.4).</summary>
    MessageMustFitLimit,

    /// <summary>A message has no more fragments than the receiver's limit (RFC 6455, section 10.4).</summary>
    FragmentsMustFitLimit,

    /// <summary>The data of a compressed message is valid DEFLATE, and ends where the message ends (RFC 7692, section 7.2.2).</summary>
    CompressedDataMustBeValid,
}
