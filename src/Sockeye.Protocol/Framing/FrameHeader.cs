namespace Sockeye.Protocol;

/// <summary>Holds the header of a frame as it stands on the wire; 2–14 bytes (RFC 6455, section 5.2).</summary>
/// <remarks>
/// <code>
///  0               1               2               3
///  7 6 5 4 3 2 1 0 7 6 5 4 3 2 1 0 7 6 5 4 3 2 1 0 7 6 5 4 3 2 1 0
/// +-+-+-+-+-------+-+-------------+-------------------------------+
/// |F|R|R|R| opcode|M| length      | length, 16 bits (length = 126) |
/// |I|S|S|S|  (4)  |A|    (7)      | or 64 bits (length = 127)      |
/// |N|V|V|V|       |S|             |                                |
/// | |1|2|3|       |K|             |                                |
/// +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - -+
/// | mask key, 32 bits, if MASK is set                              |
/// +----------------------------------------------------------------+
/// </code>
/// A header says what was received, be it allowed or not: <see cref="FrameRules"/> judges it.
/// </remarks>
public readonly struct FrameHeader
{
    /// <summary>The size of the largest header in bytes: 2, a 64-bit length and a mask key.</summary>
    public const int MaxSize = 14;

    /// <summary>The largest payload of a control frame in bytes (RFC 6455, section 5.5).</summary>
    public const int MaxControlPayload = 125;

    internal const byte FinBit = 0x80;
    internal const byte Rsv1Bit = 0x40;
    internal const byte Rsv23Bits = 0x30;
    internal const byte MaskBit = 0x80;

    private readonly byte _first;
    private readonly byte _second;

    internal FrameHeader(byte first, byte second, ulong payloadLength, uint maskKey)
    {
        _first = first;
        _second = second;
        PayloadLength = payloadLength;
        MaskKey = maskKey;
    }

    /// <summary>Gets whether the frame is the last of its message (FIN).</summary>
    public bool IsFinal => (_first & FinBit) != 0;

    /// <summary>Gets whether RSV1 is set: with permessage-deflate, the first frame of a compressed message.</summary>
    public bool IsRsv1Set => (_first & Rsv1Bit) != 0;

    /// <summary>Gets whether RSV2 or RSV3 is set; no extension known here uses them.</summary>
    public bool AreReservedBitsSet => (_first & Rsv23Bits) != 0;

    /// <summary>Gets the opcode, known or reserved.</summary>
    public Opcode Opcode => (Opcode)(_first & 0x0F);

    /// <summary>Gets whether the opcode is that of a control frame (8–15).</summary>
    public bool IsControl => (_first & 0x08) != 0;

    /// <summary>Gets whether the payload is masked.</summary>
    public bool IsMasked => (_second & MaskBit) != 0;

    /// <summary>Gets the mask key, its four bytes in the order of the wire as this machine loads them; 0 for an unmasked frame.
    /// <see cref="Masking"/> takes it as it is.</summary>
    public uint MaskKey { get; }

    /// <summary>Gets the length of the payload in bytes.</summary>
    public ulong PayloadLength { get; }

    /// <summary>Gets the size of this header on the wire: 2–14 bytes.</summary>
    public int Size => LengthSize(_second) + 2 + (IsMasked ? 4 : 0);

    /// <summary>Gets whether the length has the shortest of its three forms, as it must (RFC 6455, section 5.2).</summary>
    public bool IsLengthMinimal => (_second & 0x7F) switch
    {
        126 => PayloadLength > 125,
        127 => PayloadLength > ushort.MaxValue,
        _ => true,
    };

    /// <summary>Gets whether the length has a form of 16 or 64 bits, which no control frame may have.</summary>
    internal bool IsLengthExtended => (_second & 0x7F) > MaxControlPayload;

    internal static int LengthSize(byte second) => (second & 0x7F) switch { 126 => 2, 127 => 8, _ => 0 };
}
