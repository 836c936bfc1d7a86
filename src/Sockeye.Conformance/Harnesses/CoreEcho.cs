using System.Buffers;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>The protocol core with the least that makes it an echo endpoint: messages and pings are answered, Close is answered, and what
/// is not allowed ends the connection.</summary>
/// <param name="role">The role of the endpoint.</param>
/// <param name="deflate">What was agreed on for permessage-deflate; null for none.</param>
internal sealed class CoreEcho(Role role, DeflateAgreement? deflate) : ICoreEndpoint
{
    private readonly MessageAssembler _assembler =
        new(role, new ProtocolLimits { MaxMessageSize = 64 * 1024 * 1024 }, pool: null, deflate?.CreateInflater());
    private readonly MessageDeflater? _deflater = deflate?.CreateDeflater();
    private readonly byte[] _head = new byte[FrameHeader.MaxSize];
    private int _headLength;
    private uint _mask;

    public bool HasEnded { get; private set; }

    public void Receive(Span<byte> bytes, IBufferWriter<byte> output)
    {
        // What the core did not consume is part of a header: it is presented again with what follows.
        byte[]? joined = null;
        Span<byte> block = bytes;
        if (_headLength > 0)
        {
            joined = ArrayPool<byte>.Shared.Rent(_headLength + bytes.Length);
            _head.AsSpan(0, _headLength).CopyTo(joined);
            bytes.CopyTo(joined.AsSpan(_headLength));
            block = joined.AsSpan(0, _headLength + bytes.Length);
        }

        bool isEvent;
        do
        {
            isEvent = _assembler.Read(block, out int consumed, out ReceivedEvent received);
            if (isEvent)
                Answer(received, block, output);
            block = block[consumed..];
        }
        while (isEvent && !HasEnded);

        _headLength = HasEnded ? 0 : block.Length;
        block[.._headLength].CopyTo(_head);
        if (joined is not null)
            ArrayPool<byte>.Shared.Return(joined);
    }

    public void Dispose()
    {
        _assembler.Dispose();
        _deflater?.Dispose();
    }

    private void Answer(in ReceivedEvent received, Span<byte> block, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> payload = received.Gathered is { } gathered
            ? gathered.AsSpan(received.Start, received.Length)
            : block.Slice(received.Start, received.Length);
        switch (received.Kind)
        {
            case ReceivedEventKind.Text or ReceivedEventKind.Binary:
                Echo(output, (Opcode)received.Kind, payload);
                if (received.Gathered is not null)
                    ArrayPool<byte>.Shared.Return(received.Gathered);
                break;
            case ReceivedEventKind.Ping:
                Write(output, Opcode.Pong, payload);
                break;
            case ReceivedEventKind.Close:
                Write(output, Opcode.Close, payload);
                HasEnded = true;
                break;
            case ReceivedEventKind.Violation:
                Span<byte> body = stackalloc byte[FrameHeader.MaxControlPayload];
                Write(output, Opcode.Close, body[..ClosePayload.Write(body, received.Violation!.CloseCode, received.Violation.Message)]);
                HasEnded = true;
                break;
            default:
                break; // a pong asks for nothing
        }
    }

    private void Echo(IBufferWriter<byte> output, Opcode opcode, ReadOnlySpan<byte> message)
    {
        if (_deflater is null)
        {
            Write(output, opcode, message);
            return;
        }

        var compressed = new OutputArray(ArrayPool<byte>.Shared, 256);
        _deflater.Compress(message, ref compressed, endsMessage: true);
        // FIN, RSV1 and the opcode are in the first byte of the frame.
        var frame = new ArrayBufferWriter<byte>(compressed.Length + FrameHeader.MaxSize);
        Write(frame, opcode, compressed.Written);
        compressed.Return();
        ReadOnlySpan<byte> plain = frame.WrittenSpan;
        output.Write([(byte)(plain[0] | 0x40)]);
        output.Write(plain[1..]);
    }

    private void Write(IBufferWriter<byte> output, Opcode opcode, ReadOnlySpan<byte> payload) =>
        FrameWriter.WriteFrame(output, opcode, payload, maskKey: role == Role.Client ? _mask += 0x9E3779B9 : null);
}
