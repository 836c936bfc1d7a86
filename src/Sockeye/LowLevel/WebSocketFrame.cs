using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds a frame that <see cref="WebSocketWire.ReadFrameAsync"/> has read. It belongs to whoever holds it.</summary>
public readonly struct WebSocketFrame
{
    internal WebSocketFrame(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        Header = header;
        Payload = payload;
    }

    /// <summary>Gets the header as it stood on the wire; <see cref="FrameHeader.MaskKey"/> is the key that the payload was masked
    /// with.</summary>
    public FrameHeader Header { get; }

    /// <summary>Gets the opcode.</summary>
    public Opcode Opcode => Header.Opcode;

    /// <summary>Gets whether the frame is the last of its message (FIN).</summary>
    public bool IsFinal => Header.IsFinal;

    /// <summary>Gets the payload, unmasked.</summary>
    public ReadOnlyMemory<byte> Payload { get; }
}
