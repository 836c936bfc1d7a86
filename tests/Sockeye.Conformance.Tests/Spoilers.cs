using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>The faults of endpoints that the suite must catch: each changes the frames of one connection.</summary>
internal static class Spoilers
{
    private const int Rsv1Bit = 0x40;

    public static Func<byte[], byte[]?> None() => frame => frame;

    public static Func<byte[], byte[]?> NoPong() => frame => OpcodeOf(frame) == Opcode.Pong ? [] : frame;

    public static Func<byte[], byte[]?> NoClose() => frame => OpcodeOf(frame) == Opcode.Close ? [] : frame;

    public static Func<byte[], byte[]?> TextAndBinarySwapped() => frame =>
    {
        if (OpcodeOf(frame) is Opcode.Text or Opcode.Binary)
            frame[0] ^= (byte)Opcode.Text ^ (byte)Opcode.Binary;
        return frame;
    };

    /// <summary>Flips the last bit of every message that has one.</summary>
    public static Func<byte[], byte[]?> OneBitFlipped() => frame =>
    {
        if (OpcodeOf(frame) is Opcode.Text or Opcode.Binary && HeaderOf(frame).PayloadLength > 0)
            frame[^1] ^= 1;
        return frame;
    };

    /// <summary>Flips a bit in the middle of the compressed bytes of one message.</summary>
    public static Func<Func<byte[], byte[]?>> BitFlippedInCompressedMessage(int number)
    {
        return () =>
        {
            int messages = 0;
            return frame =>
            {
                FrameHeader header = HeaderOf(frame);
                if ((frame[0] & Rsv1Bit) != 0 && ++messages == number)
                    frame[header.Size + (frame.Length - header.Size) / 2] ^= 1;
                return frame;
            };
        };
    }

    public static Func<byte[], byte[]?> DroppedInsteadOfEcho() => frame => OpcodeOf(frame) is Opcode.Text or Opcode.Binary ? null : frame;

    private static Opcode OpcodeOf(byte[] frame) => HeaderOf(frame).Opcode;

    private static FrameHeader HeaderOf(byte[] frame)
    {
        Assert.True(FrameReader.TryReadHeader(frame, out FrameHeader header));
        return header;
    }
}
