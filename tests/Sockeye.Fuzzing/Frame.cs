using System.Buffers.Binary;

namespace Sockeye.Fuzzing;

/// <summary>A frame before it is written: right, or wrong in any of its parts.</summary>
internal sealed record Frame(int First, byte[] Payload)
{
    /// <summary>The first bytes of frames.</summary>
    public const int Fin = 0x80, Rsv1 = 0x40, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10;

    /// <summary>Gets whether the mask is as its receiver forbids it.</summary>
    public bool IsMaskWrong { get; init; }

    /// <summary>Gets the length that the header declares; that of the payload where null.</summary>
    public ulong? Declared { get; init; }

    /// <summary>Gets in how many bits the length is written; the fewest where 0.</summary>
    public int LengthBits { get; init; }

    public int Opcode => First & 0x0F;

    public bool IsControl => Opcode >= 8;

    /// <summary>Writes the frame with a key, or with none.</summary>
    public void WriteTo(List<byte> wire, byte[]? key)
    {
        ulong length = Declared ?? (ulong)Payload.Length;
        int bits = LengthBits > 0 ? LengthBits : length < 126 ? 7 : length < 65_536 ? 16 : 64;
        byte[] number = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, length);
        wire.Add((byte)First);
        wire.Add((byte)((key is null ? 0 : 0x80) | (bits == 7 ? (int)(length & 0x7F) : bits == 16 ? 126 : 127)));
        wire.AddRange(number.AsSpan(bits == 7 ? 8 : bits == 16 ? 6 : 0));
        wire.AddRange(key ?? []);
        for (int i = 0; i < Payload.Length; i++)
            wire.Add((byte)(Payload[i] ^ (key is null ? 0 : key[i % 4])));
    }
}
