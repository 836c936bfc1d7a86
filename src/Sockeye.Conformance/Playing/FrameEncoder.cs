using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Puts frames on the wire as a script says, allowed or not.</summary>
/// <param name="role">The role of the suite: a client masks.</param>
/// <param name="nextMask">Makes the mask key of each frame.</param>
internal sealed class FrameEncoder(Role role, Func<uint> nextMask)
{
    private const int FinBit = 0x80;
    private const int MaskBit = 0x80;

    private readonly byte[] _head = new byte[FrameHeader.MaxSize];
    private int _headSize;

    // The frame of which the payload is sent in pieces.
    private uint _pieceMask;
    private int _piecePhase;

    /// <summary>Gets the bytes of the header that was written last, for the log.</summary>
    public ReadOnlySpan<byte> Head => _head.AsSpan(0, _headSize);

    /// <summary>Writes a frame.</summary>
    /// <returns>Its header.</returns>
    public FrameHeader Write(Outgoing output, SendFrame frame)
    {
        Span<byte> head = stackalloc byte[FrameHeader.MaxSize];
        uint? mask = frame.IsMasked ?? role == Role.Client ? nextMask() : null;
        int size = WriteHead(head, (int)frame.Opcode | (frame.IsFinal ? FinBit : 0) | (frame.Rsv << 4), (ulong)frame.Payload.Length, mask, frame.LengthSize);
        Span<byte> destination = output.Append(size + frame.Payload.Length, frame.Chop, frame.Sync);
        head[..size].CopyTo(destination);
        frame.Payload.CopyTo(destination[size..]);
        if (mask is { } key)
            Masking.Apply(destination[size..], key);
        return Read(head[..size]);
    }

    /// <summary>Writes a frame with a payload that lies in memory.</summary>
    public FrameHeader Write(Outgoing output, Opcode opcode, bool isFinal, ReadOnlySpan<byte> payload, bool isCompressed)
    {
        Span<byte> head = stackalloc byte[FrameHeader.MaxSize];
        uint? mask = role == Role.Client ? nextMask() : null;
        int size = mask is { } key
            ? FrameWriter.WriteMaskedHeader(head, opcode, isFinal, payload.Length, key, isCompressed)
            : FrameWriter.WriteHeader(head, opcode, isFinal, payload.Length, isCompressed);
        Span<byte> destination = output.Append(size + payload.Length);
        head[..size].CopyTo(destination);
        Masking.Apply(payload, destination[size..], mask ?? 0);
        return Read(head[..size]);
    }

    /// <summary>Writes a header of which the payload comes with <see cref="WritePiece"/>.</summary>
    public FrameHeader WriteHeader(Outgoing output, SendHeader header)
    {
        Span<byte> head = stackalloc byte[FrameHeader.MaxSize];
        uint? mask = role == Role.Client ? nextMask() : null;
        _pieceMask = mask ?? 0;
        _piecePhase = 0;
        int size = WriteHead(head, (int)header.Opcode | FinBit | (header.Rsv << 4), header.Length, mask, null);
        head[..size].CopyTo(output.Append(size));
        return Read(head[..size]);
    }

    public void WritePiece(Outgoing output, Payload piece)
    {
        Span<byte> destination = output.Append(piece.Length);
        piece.CopyTo(destination);
        Masking.Apply(destination, _pieceMask, _piecePhase);
        _piecePhase += piece.Length;
    }

    private static int WriteHead(Span<byte> head, int first, ulong length, uint? mask, int? lengthSize)
    {
        lengthSize ??= length <= (ulong)FrameHeader.MaxControlPayload ? 0 : length <= ushort.MaxValue ? 2 : 8;
        head[0] = (byte)first;
        switch (lengthSize)
        {
            case 0:
                head[1] = (byte)length;
                break;
            case 2:
                head[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(head[2..], (ushort)length);
                break;
            default:
                head[1] = 127;
                BinaryPrimitives.WriteUInt64BigEndian(head[2..], length);
                break;
        }

        int size = 2 + lengthSize.Value;
        if (mask is { } key)
        {
            head[1] |= MaskBit;
            MemoryMarshal.Write(head[size..], in key);
            size += 4;
        }

        return size;
    }

    private FrameHeader Read(ReadOnlySpan<byte> head)
    {
        head.CopyTo(_head);
        _headSize = head.Length;
        FrameReader.TryReadHeader(head, out FrameHeader header);
        return header;
    }
}
