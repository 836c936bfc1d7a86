using System.Buffers;
using System.IO.Compression;
using BenchmarkDotNet.Attributes;
using Sockeye.Compression;

namespace Sockeye.Benchmarks;

/// <summary>Compressing messages at the default level, with the context of those before and without. Beside it
/// <see cref="DeflateStream"/>, flushed after every message or made anew for each.</summary>
public class DeflateBenchmarks
{
    // Together more than the window: no message is found in it again.
    private const int Messages = 64;

    private static readonly PerMessageDeflateOptions Options = PerMessageDeflateOptions.Default;

    private readonly CodecPool<Deflater> _pool = Options.Codecs.Deflaters(
        new DeflaterSettings(Options.Level, Options.ServerMaxWindowBits, Options.MemoryLevel, (int)Options.Strategy));

    private readonly ZLibCompressionOptions _streamOptions = new() { CompressionLevel = Options.Level };
    private readonly MemoryStream _compressed = new(64 * 1024);

    private byte[][] _messages = [];
    private MessageDeflater? _withContext;
    private MessageDeflater? _withoutContext;
    private DeflateStream? _stream;
    private int _next;

    /// <summary>Gets or sets what the messages hold; random bytes are the adverse twin.</summary>
    [Params("JSON 4 KiB", "Random 4 KiB")]
    public string Message { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        _messages = Message.StartsWith("JSON", StringComparison.Ordinal)
            ? SampleData.Json(Messages, 4096)
            : SampleData.Incompressible(Messages, 4096);
        _withContext = new MessageDeflater(_pool, keepsContext: true);
        _withoutContext = new MessageDeflater(_pool, keepsContext: false);
        _stream = new DeflateStream(_compressed, _streamOptions, leaveOpen: true);
    }

    [GlobalCleanup]
    public void End()
    {
        _withContext?.Dispose();
        _withoutContext?.Dispose();
        _stream?.Dispose();
    }

    [Benchmark]
    public int Sockeye() => Compress(_withContext!);

    [Benchmark(Baseline = true)]
    public int DeflateStream() => Compress(_stream!);

    [Benchmark]
    public int Sockeye_without_context() => Compress(_withoutContext!);

    [Benchmark]
    public int DeflateStream_without_context()
    {
        using var stream = new DeflateStream(_compressed, _streamOptions, leaveOpen: true);
        return Compress(stream);
    }

    private byte[] Next() => _messages[_next++ % Messages];

    private int Compress(MessageDeflater deflater)
    {
        byte[] message = Next();
        var output = new OutputArray(ArrayPool<byte>.Shared, message.Length / 2);
        deflater.Compress(message, ref output, endsMessage: true);
        int length = output.Length;
        output.Return();
        return length;
    }

    private int Compress(DeflateStream stream)
    {
        stream.Write(Next());
        stream.Flush();
        int length = (int)_compressed.Length;
        _compressed.SetLength(0);
        return length;
    }
}
