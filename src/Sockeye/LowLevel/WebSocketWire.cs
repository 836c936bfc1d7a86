using System.Buffers;
using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Reads and writes single frames over a stream, and makes the random values that the protocol asks for.</summary>
/// <remarks>For programs that speak the protocol themselves: there are no messages, pongs, limits over fragments or closing handshake
/// here. <see cref="FrameReader"/> and <see cref="FrameWriter"/> do the same over bytes in memory, and
/// <see cref="WebSocketConnection.CreateFromStream"/> makes a connection of a stream. One read and one write may be under way on a
/// stream at a time. Nothing is read beyond a frame: a <see cref="BufferedStream"/> saves calls where frames are small.</remarks>
public static class WebSocketWire
{
    /// <summary>The default limit of the payload of a frame that is read, in bytes: 16 MiB.</summary>
    public const int DefaultMaxPayloadSize = 16 * 1024 * 1024;

    // What is allocated for a declared length before its bytes have come, and what is written at a time.
    private const int Piece = 64 * 1024;

    /// <summary>Reads a frame (RFC 6455, section 5.2). The payload is unmasked; its memory grows with the bytes that arrive, not with
    /// the length that the header declares.</summary>
    /// <param name="stream">The stream, at the beginning of a frame.</param>
    /// <param name="receiver">The role of the reading side: a server wants masked frames, a client unmasked ones (section 5.1). Null
    /// (the default) takes both.</param>
    /// <param name="maxPayloadSize">The largest payload in bytes; 16 MiB by default. A larger one is refused at the header.</param>
    /// <param name="cancellationToken">Breaks off; what has been read of the frame is lost, and the stream can only be disposed. A
    /// token that is cancelled already reads nothing.</param>
    /// <returns>The frame, which belongs to the caller; null where the stream has ended between two frames.</returns>
    /// <exception cref="WebSocketProtocolException">The header breaks a rule, or the payload is larger than
    /// <paramref name="maxPayloadSize"/>; the payload has not been read.</exception>
    /// <exception cref="EndOfStreamException">The stream ended in the middle of the frame.</exception>
    /// <exception cref="IOException">The stream failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async ValueTask<WebSocketFrame?> ReadFrameAsync(
        Stream stream, Role? receiver = null, int maxPayloadSize = DefaultMaxPayloadSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentOutOfRangeException.ThrowIfNegative(maxPayloadSize);
        cancellationToken.ThrowIfCancellationRequested();

        byte[] start = new byte[FrameHeader.MaxSize];
        int count = await stream.ReadAtLeastAsync(start.AsMemory(0, 2), 2, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (count == 0)
            return null;
        if (!FrameReader.TryPeekHeader(start.AsSpan(0, count), out FrameHeader header, out _))
            throw EndedHalfway();

        Role judge = receiver ?? (header.IsMasked ? Role.Server : Role.Client);
        ThrowIfBroken(FrameRules.CheckFirstBytes(header, judge, rsv1Allowed: false));
        await FillAsync(stream, start.AsMemory(2, header.Size - 2), cancellationToken).ConfigureAwait(false);
        FrameReader.TryReadHeader(start, out header);
        ThrowIfBroken(FrameRules.CheckLength(header));
        if (header.PayloadLength > (ulong)maxPayloadSize)
        {
            throw new WebSocketProtocolException(
                Violation.Of(Rule.MessageMustFitLimit),
                $"The frame declares {header.PayloadLength} bytes: maxPayloadSize, which is {maxPayloadSize}, can allow more.");
        }

        byte[] payload = await ReadPayloadAsync(stream, (int)header.PayloadLength, cancellationToken).ConfigureAwait(false);
        if (header.IsMasked)
            Masking.Apply(payload, header.MaskKey);
        return new WebSocketFrame(header, payload);
    }

    /// <summary>Writes a frame, always with the shortest form of the length (RFC 6455, section 5.2), and flushes the stream. The
    /// payload is masked in memory of its own: the caller's is never changed.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="opcode">The opcode.</param>
    /// <param name="payload">The payload, at most 125 bytes for a control frame; it must not change until the task completes.
    /// <see cref="ClosePayload"/> writes that of a Close frame.</param>
    /// <param name="isFinal">Whether the frame is the last of its message (FIN); control frames always are.</param>
    /// <param name="maskKey">The mask key of a client's frame, fresh for each (<see cref="CreateMaskKey"/>); null for a
    /// server's.</param>
    /// <param name="cancellationToken">Breaks off; part of the frame may have been written then, and the stream can only be disposed. A
    /// token that is cancelled already writes nothing.</param>
    /// <returns>A task that completes when the stream has been flushed.</returns>
    /// <exception cref="ArgumentException">The opcode has more than four bits, or a control frame is fragmented or longer than 125
    /// bytes.</exception>
    /// <exception cref="IOException">The stream failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static ValueTask WriteFrameAsync(
        Stream stream,
        Opcode opcode,
        ReadOnlyMemory<byte> payload,
        bool isFinal = true,
        uint? maskKey = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        FrameWriter.ThrowIfInvalid(opcode, payload.Length, isFinal);
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : WriteCheckedAsync(stream, opcode, payload, isFinal, maskKey, cancellationToken);
    }

    /// <summary>Makes a mask key from the cryptographic generator; each frame of a client takes a fresh one (RFC 6455, sections 5.3 and
    /// 10.3).</summary>
    /// <returns>A key for <see cref="Masking"/>, <see cref="FrameWriter"/> and <see cref="WriteFrameAsync"/>.</returns>
    public static uint CreateMaskKey() => MaskKeys.Next(null);

    /// <summary>Makes the key of an opening handshake, the value of <c>Sec-WebSocket-Key</c>, from the cryptographic generator; each
    /// connection takes a fresh one (RFC 6455, section 4.1).</summary>
    /// <returns>The base64 of 16 random bytes: 24 characters. <see cref="HandshakeKey.ComputeAccept"/> computes the answer.</returns>
    public static string CreateHandshakeKey()
    {
        Span<byte> nonce = stackalloc byte[HandshakeKey.Size];
        RandomNumberGenerator.Fill(nonce);
        return HandshakeKey.Create(nonce);
    }

    private static async ValueTask WriteCheckedAsync(
        Stream stream, Opcode opcode, ReadOnlyMemory<byte> payload, bool isFinal, uint? maskKey, CancellationToken cancellationToken)
    {
        byte[] piece = ArrayPool<byte>.Shared.Rent(Math.Min(FrameHeader.MaxSize + payload.Length, Piece));
        int used = maskKey is { } key
            ? FrameWriter.WriteMaskedHeader(piece, opcode, isFinal, payload.Length, key)
            : FrameWriter.WriteHeader(piece, opcode, isFinal, payload.Length);
        int taken = 0;
        do
        {
            int count = Math.Min(payload.Length - taken, piece.Length - used);
            Masking.Apply(payload.Span.Slice(taken, count), piece.AsSpan(used), maskKey ?? 0, taken);
            await stream.WriteAsync(piece.AsMemory(0, used + count), cancellationToken).ConfigureAwait(false);
            taken += count;
            used = 0;
        }
        while (taken < payload.Length);

        // Not where a write has failed: whether the stream still reads from the array is not known then.
        ArrayPool<byte>.Shared.Return(piece);
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<byte[]> ReadPayloadAsync(Stream stream, int length, CancellationToken cancellationToken)
    {
        byte[] payload = new byte[Math.Min(length, Piece)];
        for (int filled = 0; ;)
        {
            await FillAsync(stream, payload.AsMemory(filled), cancellationToken).ConfigureAwait(false);
            filled = payload.Length;
            if (filled == length)
                return payload;
            Array.Resize(ref payload, (int)Math.Min(length, 2L * filled));
        }
    }

    private static async ValueTask FillAsync(Stream stream, Memory<byte> memory, CancellationToken cancellationToken)
    {
        int count = await stream.ReadAtLeastAsync(memory, memory.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (count < memory.Length)
            throw EndedHalfway();
    }

    private static EndOfStreamException EndedHalfway() => new("The stream ended in the middle of a frame.");

    private static void ThrowIfBroken(Violation? violation)
    {
        if (violation is not null)
            throw new WebSocketProtocolException(violation);
    }
}
