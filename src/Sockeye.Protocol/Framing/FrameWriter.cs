using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sockeye.Protocol;

/// <summary>Writes frames, always with the shortest form of the length (RFC 6455, section 5.2).</summary>
public static class FrameWriter
{
    /// <summary>Tells how many bytes a header takes.</summary>
    /// <param name="payloadLength">The length of the payload in bytes.</param>
    /// <param name="masked">Whether the frame is masked, as every frame of a client is.</param>
    /// <returns>2–14.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int GetHeaderSize(long payloadLength, bool masked) =>
        (payloadLength <= FrameHeader.MaxControlPayload ? 2 : payloadLength <= ushort.MaxValue ? 4 : 10) + (masked ? 4 : 0);

    /// <summary>Writes the header of an unmasked frame, as a server sends it.</summary>
    /// <param name="destination">Where to write; 14 bytes are always enough.</param>
    /// <param name="opcode">The opcode.</param>
    /// <param name="isFinal">Whether the frame is the last of its message; control frames always are.</param>
    /// <param name="payloadLength">The length of the payload in bytes.</param>
    /// <param name="rsv1">Whether to set RSV1: the first frame of a compressed message.</param>
    /// <returns>The number of bytes written.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WriteHeader(Span<byte> destination, Opcode opcode, bool isFinal, long payloadLength, bool rsv1 = false)
    {
        destination[0] = (byte)((isFinal ? FrameHeader.FinBit : 0) | (rsv1 ? FrameHeader.Rsv1Bit : 0) | (byte)opcode);
        return WriteLength(destination, payloadLength);
    }

    /// <summary>Writes the header of a masked frame, as a client sends it.</summary>
    /// <param name="destination">Where to write; 14 bytes are always enough.</param>
    /// <param name="opcode">The opcode.</param>
    /// <param name="isFinal">Whether the frame is the last of its message; control frames always are.</param>
    /// <param name="payloadLength">The length of the payload in bytes.</param>
    /// <param name="maskKey">The mask key, from a strong source and fresh for each frame (RFC 6455, section 5.3); the payload is
    /// masked with it by <see cref="Masking"/>.</param>
    /// <param name="rsv1">Whether to set RSV1: the first frame of a compressed message.</param>
    /// <returns>The number of bytes written.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WriteMaskedHeader(
        Span<byte> destination, Opcode opcode, bool isFinal, long payloadLength, uint maskKey, bool rsv1 = false)
    {
        int size = WriteHeader(destination, opcode, isFinal, payloadLength, rsv1);
        destination[1] |= FrameHeader.MaskBit;
        MemoryMarshal.Write(destination[size..], in maskKey);
        return size + 4;
    }

    /// <summary>Writes a whole frame. The payload is copied, and masked on the way where a key is given; it is never changed.</summary>
    /// <param name="destination">Where the frame is appended.</param>
    /// <param name="opcode">The opcode.</param>
    /// <param name="payload">The payload; at most 125 bytes for a control frame.</param>
    /// <param name="isFinal">Whether the frame is the last of its message.</param>
    /// <param name="maskKey">The mask key of a client's frame, null for a server's.</param>
    /// <exception cref="ArgumentException">The opcode has more than four bits, or a control frame is fragmented or longer than 125
    /// bytes.</exception>
    public static void WriteFrame(
        IBufferWriter<byte> destination, Opcode opcode, ReadOnlySpan<byte> payload, bool isFinal = true, uint? maskKey = null)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ThrowIfInvalid(opcode, payload.Length, isFinal);
        Span<byte> span = destination.GetSpan(GetHeaderSize(payload.Length, maskKey.HasValue) + payload.Length);
        int size;
        if (maskKey is { } key)
        {
            size = WriteMaskedHeader(span, opcode, isFinal, payload.Length, key);
            Masking.Apply(payload, span[size..], key);
        }
        else
        {
            size = WriteHeader(span, opcode, isFinal, payload.Length);
            payload.CopyTo(span[size..]);
        }

        destination.Advance(size + payload.Length);
    }

    /// <summary>Throws unless a frame may be written.</summary>
    internal static void ThrowIfInvalid(Opcode opcode, int payloadLength, bool isFinal)
    {
        if ((byte)opcode > 0x0F)
            throw new ArgumentOutOfRangeException(nameof(opcode), opcode, "An opcode has four bits (RFC 6455, section 5.2).");
        if (opcode >= Opcode.Close && !isFinal)
            throw new ArgumentException("A control frame cannot be fragmented (RFC 6455, section 5.4).", nameof(isFinal));
        if (opcode >= Opcode.Close && payloadLength > FrameHeader.MaxControlPayload)
        {
            throw new ArgumentException(
                $"A control frame carries at most {FrameHeader.MaxControlPayload} bytes (RFC 6455, section 5.5); this payload has {payloadLength}.",
                "payload");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WriteLength(Span<byte> destination, long payloadLength)
    {
        // As unsigned, a negative length gets to the longest form, where it is refused: the short forms pay nothing for that.
        if ((ulong)payloadLength <= FrameHeader.MaxControlPayload)
        {
            destination[1] = (byte)payloadLength;
            return 2;
        }

        if ((ulong)payloadLength <= ushort.MaxValue)
        {
            destination[1] = 126;
            BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)payloadLength);
            return 4;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        destination[1] = 127;
        BinaryPrimitives.WriteUInt64BigEndian(destination[2..], (ulong)payloadLength);
        return 10;
    }
}
