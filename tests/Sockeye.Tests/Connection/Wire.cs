using System.Buffers.Binary;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Builds the bytes of frames, also of those that no writer would write.</summary>
internal static class Wire
{
    private static readonly byte[] Key = [1, 2, 3, 4];

    /// <summary>Builds a frame as the peer of a connection with this role must send it.</summary>
    public static byte[] Frame(Role receiver, Opcode opcode, ReadOnlySpan<byte> payload, bool isFinal = true) =>
        Raw((byte)((isFinal ? 0x80 : 0) | (byte)opcode), payload, receiver == Role.Server);

    /// <summary>Builds a frame with any first byte.</summary>
    public static byte[] Raw(byte first, ReadOnlySpan<byte> payload, bool isMasked)
    {
        int form = payload.Length < 126 ? 7 : payload.Length < 65536 ? 16 : 64;
        byte[] header = Header(first, form, (ulong)payload.Length, isMasked);
        byte[] frame = [.. header, .. payload];
        for (int i = 0; isMasked && i < payload.Length; i++)
            frame[header.Length + i] ^= Key[i % 4];
        return frame;
    }

    /// <summary>Builds a header with any length in any of its three forms.</summary>
    public static byte[] Header(byte first, int form, ulong length, bool isMasked)
    {
        List<byte> header = [first];
        byte mask = (byte)(isMasked ? 0x80 : 0);
        byte[] wide = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(wide, length);
        if (form == 7)
        {
            header.Add((byte)(mask | (byte)length));
        }
        else
        {
            header.Add((byte)(mask | (form == 16 ? 126 : 127)));
            header.AddRange(form == 16 ? wide[6..] : wide);
        }

        if (isMasked)
            header.AddRange(Key);
        return [.. header];
    }
}
