using System.Buffers;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>An echo endpoint that does one thing wrong.</summary>
internal sealed class Mutant : ICoreEndpoint
{
    private readonly MessageAssembler _assembler;
    private byte[] _rest = [];

    public Mutant(bool skipsUtf8 = false) =>
        _assembler = new MessageAssembler(Role.Server, new ProtocolLimits { SkipUtf8Validation = skipsUtf8 });

    /// <summary>Answers in its own way to what the core found; null answers as it is right.</summary>
    public Func<ReceivedEventKind, byte[], byte[]?> Answers { get; init; } = (_, _) => null;

    /// <summary>Tells whether it ends its connection behind such an event.</summary>
    public Func<ReceivedEventKind, bool> Ends { get; init; } = kind => kind is ReceivedEventKind.Close or ReceivedEventKind.Violation;

    /// <summary>Gets how it answers to bytes without looking at them; null looks at them.</summary>
    public Func<byte[], byte[]>? AnswersBlindly { get; init; }

    public bool HasEnded { get; private set; }

    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, uint? mask = null)
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameWriter.WriteFrame(writer, opcode, payload, maskKey: mask);
        return writer.WrittenSpan.ToArray();
    }

    public static byte[] CloseFrame(int code, string reason = "") => Frame(Opcode.Close, Closing.Body(code, reason).ToArray());

    public void Receive(Span<byte> bytes, IBufferWriter<byte> output)
    {
        if (AnswersBlindly is { } answers)
        {
            output.Write(answers(bytes.ToArray()));
            return;
        }

        Span<byte> block = (byte[])[.. _rest, .. bytes];
        bool isEvent;
        do
        {
            isEvent = _assembler.Read(block, out int consumed, out ReceivedEvent received);
            if (isEvent)
                Answer(received, block, output);
            block = block[consumed..];
        }
        while (isEvent && !HasEnded);
        _rest = block.ToArray();
    }

    public void Dispose() => _assembler.Dispose();

    private void Answer(ReceivedEvent received, Span<byte> block, IBufferWriter<byte> output)
    {
        byte[] payload = (received.Gathered is { } gathered ? gathered : block).Slice(received.Start, received.Length).ToArray();
        output.Write(Answers(received.Kind, payload) ?? received.Kind switch
        {
            ReceivedEventKind.Text or ReceivedEventKind.Binary => Frame((Opcode)received.Kind, payload),
            ReceivedEventKind.Ping => Frame(Opcode.Pong, payload),
            ReceivedEventKind.Close => Frame(Opcode.Close, payload),
            ReceivedEventKind.Violation => CloseFrame((int)received.Violation!.CloseCode),
            _ => [],
        });
        HasEnded = Ends(received.Kind);
    }
}
