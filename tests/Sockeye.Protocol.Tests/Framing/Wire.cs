using System.Buffers.Binary;

namespace Sockeye.Protocol.Tests.Framing;

/// <summary>Writes frames byte by byte, right or wrong, with nothing of the code under test.</summary>
public static class Wire
{
    /// <summary>The forms of the length: 7 bits, 16 bits, 64 bits.</summary>
    public enum LengthForm
    {
        Shortest,
        Bits7,
        Bits16,
        Bits64,
    }

    /// <summary>The lengths at which a form begins or ends, or at which an integer overflows.</summary>
    public static readonly ulong[] EdgeLengths =
    [
        0, 1, 124, 125, 126, 127, 128, 255, 256, 65_534, 65_535, 65_536, 65_537,
        (1UL << 31) - 1, 1UL << 31, (1UL << 31) + 1, (1UL << 32) - 1, 1UL << 32, (1UL << 32) + 1,
        (1UL << 63) - 1, 1UL << 63, (1UL << 63) + 1, ulong.MaxValue - 13, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    public static byte[] Header(byte first, ulong length, byte[]? key, LengthForm form = LengthForm.Shortest)
    {
        if (form == LengthForm.Shortest)
            form = length < 126 ? LengthForm.Bits7 : length < 65_536 ? LengthForm.Bits16 : LengthForm.Bits64;
        List<byte> bytes = [first, (byte)(key is null ? 0 : 0x80)];
        byte[] number = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, length);
        switch (form)
        {
            case LengthForm.Bits7:
                bytes[1] |= (byte)length;
                break;
            case LengthForm.Bits16:
                bytes[1] |= 126;
                bytes.AddRange(number[6..]);
                break;
            default:
                bytes[1] |= 127;
                bytes.AddRange(number);
                break;
        }

        bytes.AddRange(key ?? []);
        return [.. bytes];
    }

    public static byte[] Frame(byte first, ReadOnlySpan<byte> payload, byte[]? key, LengthForm form = LengthForm.Shortest) =>
        [.. Header(first, (ulong)payload.Length, key, form), .. Mask(payload, key)];

    /// <summary>Masks as RFC 6455, section 5.3, says it, one byte at a time.</summary>
    public static byte[] Mask(ReadOnlySpan<byte> payload, byte[]? key, int phase = 0)
    {
        byte[] masked = payload.ToArray();
        for (int i = 0; key is not null && i < masked.Length; i++)
            masked[i] ^= key[(i + phase) & 3];
        return masked;
    }
}
