using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sockeye.Protocol;

/// <summary>Parses frames out of bytes. Pure: nothing is consumed until the header is whole.</summary>
/// <remarks>Parsing accepts whatever the format can express; <see cref="FrameRules"/> says what is allowed.</remarks>
public static class FrameReader
{
    /// <summary>Parses a frame header.</summary>
    /// <param name="source">Bytes that begin with a header.</param>
    /// <param name="header">The header; its <see cref="FrameHeader.Size"/> is the number of bytes it took.</param>
    /// <returns>False where more bytes are needed; at most <see cref="FrameHeader.MaxSize"/> are.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        if (source.Length < 2)
        {
            header = default;
            return false;
        }

        byte second = source[1];
        int lengthSize = FrameHeader.LengthSize(second);
        bool masked = (second & FrameHeader.MaskBit) != 0;
        if (source.Length < 2 + lengthSize + (masked ? 4 : 0))
        {
            header = default;
            return false;
        }

        uint maskKey = masked ? MemoryMarshal.Read<uint>(source[(2 + lengthSize)..]) : 0;
        header = new FrameHeader(source[0], second, ReadLength(source, second), maskKey);
        return true;
    }

    /// <summary>Parses a whole frame.</summary>
    /// <param name="source">Bytes that begin with a frame.</param>
    /// <param name="header">The header.</param>
    /// <param name="payload">The payload within <paramref name="source"/>, still masked where the header says so:
    /// <see cref="Masking.Apply(Span{byte}, uint, int)"/> with <see cref="FrameHeader.MaskKey"/> unmasks it.</param>
    /// <returns>False where more bytes are needed.</returns>
    /// <remarks>The frame took <c>header.Size + payload.Length</c> bytes. No memory is allocated for a declared length.</remarks>
    public static bool TryReadFrame(ReadOnlySpan<byte> source, out FrameHeader header, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (!TryReadHeader(source, out header) || header.PayloadLength > (ulong)(source.Length - header.Size))
            return false;

        payload = source.Slice(header.Size, (int)header.PayloadLength);
        return true;
    }

    /// <summary>Parses as much of a header as has arrived: what can be judged before the rest comes.</summary>
    /// <returns>False where not even the first two bytes are there. The length is that of the first two bytes (0 for a longer
    /// form) until all its bytes have come; the mask key stays 0.</returns>
    internal static bool TryPeekHeader(ReadOnlySpan<byte> source, out FrameHeader header, out bool lengthKnown)
    {
        header = default;
        lengthKnown = false;
        if (source.Length < 2)
            return false;

        byte second = source[1];
        lengthKnown = source.Length >= 2 + FrameHeader.LengthSize(second);
        header = new FrameHeader(source[0], second, lengthKnown ? ReadLength(source, second) : 0, 0);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ReadLength(ReadOnlySpan<byte> source, byte second) => (second & 0x7F) switch
    {
        126 => BinaryPrimitives.ReadUInt16BigEndian(source[2..]),
        127 => BinaryPrimitives.ReadUInt64BigEndian(source[2..]),
        int length => (ulong)length,
    };
}
