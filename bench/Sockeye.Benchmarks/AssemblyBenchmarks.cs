using System.Buffers;
using System.Net.WebSockets;
using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;

namespace Sockeye.Benchmarks;

/// <summary>Making messages of received bytes, as a server: headers, masks, UTF-8, fragments. Beside it the framework's WebSocket on a
/// stream that always has bytes: it cannot be had without one, and reads a few bytes at a time from it, which here costs next to nothing.</summary>
public class AssemblyBenchmarks
{
    private readonly byte[] _received = new byte[64 * 1024];
    private MessageAssembler? _assembler;
    private WebSocket? _framework;
    private byte[] _wire = [];
    private int _largestRead = int.MaxValue;
    private int _messages;

    /// <summary>Gets or sets what arrives. The last two are the adverse twins.</summary>
    [Params(
        "100 whole texts of 64 B",
        "100 whole texts of 1 KiB",
        "Binary of 64 KiB, 4 KiB a read",
        "Text of 1000 fragments of 1 B",
        "10 texts of 64 B, 1 B a read")]
    public string Input { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        _wire = Input.Split(' ')[0] switch
        {
            "Binary" => Frames(1, 64 * 1024, Opcode.Binary),
            "Text" => Fragments(1000),
            "10" => Frames(10, 64, Opcode.Text),
            _ => Frames(100, Input.EndsWith("KiB", StringComparison.Ordinal) ? 1024 : 64, Opcode.Text),
        };
        _messages = int.TryParse(Input.Split(' ')[0], out int count) ? count : 1;
        if (Input.EndsWith("a read", StringComparison.Ordinal))
            _largestRead = Input.Contains("KiB a", StringComparison.Ordinal) ? 4096 : 1;
        _assembler = new MessageAssembler(Role.Server);
        _framework = WebSocket.CreateFromStream(
            new LoopStream(_wire, _largestRead), isServer: true, subProtocol: null, keepAliveInterval: TimeSpan.Zero);
    }

    [Benchmark]
    public int Sockeye()
    {
        int messages = 0;
        int start = 0;
        for (int end = 0; end < _wire.Length;)
        {
            end += Math.Min(_largestRead, _wire.Length - end);
            bool isEvent;
            do
            {
                isEvent = _assembler!.Read(_wire.AsSpan(start, end - start), out int consumed, out ReceivedEvent received);
                start += consumed;
                if (received.Gathered is { } gathered)
                    ArrayPool<byte>.Shared.Return(gathered);
                messages += isEvent ? 1 : 0;
            }
            while (isEvent && start < end);
        }

        return messages == _messages ? messages : throw new InvalidOperationException($"{messages} messages came.");
    }

    [Benchmark(Baseline = true)]
    public async Task<int> Framework()
    {
        int messages = 0;
        while (messages < _messages)
        {
            int length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                received = await _framework!.ReceiveAsync(_received.AsMemory(length), CancellationToken.None);
                length += received.Count;
            }
            while (!received.EndOfMessage);
            messages++;
        }

        return messages;
    }

    // The key is zero, which costs as much as any other: bytes that are unmasked in place can be read again.
    private static byte[] Frames(int count, int size, Opcode opcode)
    {
        var frames = new ArrayBufferWriter<byte>();
        byte[] payload = SampleData.Text(size);
        for (int i = 0; i < count; i++)
            FrameWriter.WriteFrame(frames, opcode, payload, isFinal: true, maskKey: 0);
        return frames.WrittenSpan.ToArray();
    }

    private static byte[] Fragments(int count)
    {
        var frames = new ArrayBufferWriter<byte>();
        for (int i = 0; i < count; i++)
            FrameWriter.WriteFrame(frames, i == 0 ? Opcode.Text : Opcode.Continuation, "a"u8, isFinal: i == count - 1, maskKey: 0);
        return frames.WrittenSpan.ToArray();
    }
}
