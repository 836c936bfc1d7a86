using System.Buffers;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>The protocol core with the least that makes it an echo endpoint: messages and pings are answered, Close is answered, and what
/// is not allowed ends the connection.</summary>
/// <param name="role">The role of the endpoint.</param>
internal sealed class CoreEcho(Role role) : ICoreEndpoint
{
    private readonly MessageAssembler _assembler = new(role, new ProtocolLimits { MaxMessageSize = 64 * 1024 * 1024 });
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

    public void Dispose() => _assembler.Dispose();

    private void Answer(in ReceivedEvent received, Span<byte> block, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> payload = received.Gathered is { } gathered
            ? gathered.AsSpan(received.Start, received.Length)
            : block.Slice(received.Start, received.Length);
        switch (received.Kind)
        {
            case ReceivedEventKind.Text or ReceivedEventKind.Binary:
                Write(output, (Opcode)received.Kind, payload);
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

    private void Write(IBufferWriter<byte> output, Opcode opcode, ReadOnlySpan<byte> payload) =>
        FrameWriter.WriteFrame(output, opcode, payload, maskKey: role == Role.Client ? _mask += 0x9E3779B9 : null);
}
