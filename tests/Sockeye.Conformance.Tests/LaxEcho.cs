using System.Buffers;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>An endpoint that checks nothing: it answers each frame as if it were a whole message, however that is masked, counted, flagged or
/// compressed.</summary>
/// <param name="role">Its role: what a client sends is masked as it must be.</param>
internal sealed class LaxEcho(Role role) : ICoreEndpoint
{
    private readonly uint? _mask = role == Role.Client ? 0x04030201u : null;
    private byte[] _rest = [];

    public bool HasEnded { get; private set; }

    public void Receive(Span<byte> bytes, IBufferWriter<byte> output)
    {
        Span<byte> block = (byte[])[.. _rest, .. bytes];
        while (FrameReader.TryReadHeader(block, out FrameHeader header) && (ulong)(block.Length - header.Size) >= header.PayloadLength)
        {
            Span<byte> payload = block.Slice(header.Size, (int)header.PayloadLength);
            if (header.IsMasked)
                Masking.Apply(payload, header.MaskKey);
            if (header.Opcode != Opcode.Pong)
            {
                Opcode answer = header.Opcode switch { Opcode.Ping => Opcode.Pong, Opcode.Close => Opcode.Close, _ => Opcode.Text };
                output.Write(Mutant.Frame(answer, payload, _mask));
            }

            HasEnded |= header.Opcode == Opcode.Close;
            block = block[(header.Size + payload.Length)..];
        }

        _rest = block.ToArray();
    }

    public void Dispose() => _rest = [];
}
