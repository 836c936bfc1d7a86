using System.Buffers;
using System.IO.Compression;
using BenchmarkDotNet.Attributes;
using Sockeye.Compression;

namespace Sockeye.Benchmarks;

/// <summary>Inflating messages, with the context of those before and without, and with the fallback for platforms without the native
/// library. Beside it <see cref="DeflateStream"/>, which reads one message after the other or is made anew for each.</summary>
public class InflateBenchmarks
{
    private const int Messages = 64;
    private const int Size = 4096;

    private readonly Codecs _fallback = Codecs.CreateFallback();

    // A byte more than a message has: room that is left says that all of it is there.
    private readonly byte[] _inflated = new byte[Size + 1];

    private byte[][] _compressed = [];
    private MessageInflater? _withContext;
    private MessageInflater? _withoutContext;
    private MessageInflater? _ofFallback;
    private DeflateStream? _stream;
    private int _next;

    /// <summary>Gets or sets what the messages hold; random bytes are the adverse twin.</summary>
    [Params("JSON 4 KiB", "Random 4 KiB")]
    public string Message { get; set; } = "";

    [GlobalSetup]
    public void Prepare()
    {
        byte[][] messages = Message.StartsWith("JSON", StringComparison.Ordinal)
            ? SampleData.Json(Messages, Size)
            : SampleData.Incompressible(Messages, Size);

        // Each compressed by itself, so that they can be inflated in a circle.
        _compressed = [.. messages.Select(Compress)];
        CodecPool<Inflater> pool = PerMessageDeflateOptions.Default.Codecs.Inflaters;
        _withContext = new MessageInflater(pool, keepsContext: true);
        _withoutContext = new MessageInflater(pool, keepsContext: false);
        _ofFallback = new MessageInflater(_fallback.Inflaters, keepsContext: true);
        byte[] all = [.. _compressed.SelectMany(message => (byte[])[.. message, 0x00, 0x00, 0xFF, 0xFF])];
        _stream = new DeflateStream(new LoopStream(all), CompressionMode.Decompress);
    }

    [GlobalCleanup]
    public void End()
    {
        _withContext?.Dispose();
        _withoutContext?.Dispose();
        _ofFallback?.Dispose();
        _stream?.Dispose();
    }

    [Benchmark]
    public void Sockeye() => Inflate(_withContext!);

    [Benchmark(Baseline = true)]
    public void DeflateStream() => _stream!.ReadExactly(_inflated, 0, Size);

    [Benchmark]
    public void Sockeye_without_context() => Inflate(_withoutContext!);

    [Benchmark]
    public void DeflateStream_without_context()
    {
        using var stream = new DeflateStream(new MemoryStream(Next()), CompressionMode.Decompress);
        stream.ReadExactly(_inflated, 0, Size);
    }

    [Benchmark]
    public void Sockeye_fallback() => Inflate(_ofFallback!);

    private static byte[] Compress(byte[] message)
    {
        var output = new OutputArray(ArrayPool<byte>.Shared, message.Length);
        PerMessageDeflateOptions options = PerMessageDeflateOptions.Default;
        using var deflater = new MessageDeflater(
            options.Codecs.Deflaters(new DeflaterSettings(options.Level, 15, options.MemoryLevel, (int)options.Strategy)), keepsContext: false);
        deflater.Compress(message, ref output, endsMessage: true);
        byte[] compressed = output.Written.ToArray();
        output.Return();
        return compressed;
    }

    private byte[] Next() => _compressed[_next++ % Messages];

    private void Inflate(MessageInflater inflater)
    {
        byte[] message = Next();
        if (!inflater.TryInflate(message, _inflated, out int consumed, out int written)
            || consumed != message.Length
            || written != Size
            || !inflater.TryEndMessage())
        {
            throw new InvalidOperationException($"Of {message.Length} bytes, {consumed} were inflated to {written}.");
        }
    }
}
