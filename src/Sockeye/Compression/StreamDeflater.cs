using System.IO.Compression;

namespace Sockeye.Compression;

/// <summary>A deflater on <see cref="DeflateStream"/>, where the native library is not what it was: always with a window of 15 bits and the
/// memory level of that class (rule Z2).</summary>
internal sealed class StreamDeflater : Deflater
{
    // More than this is not kept between two messages.
    private const int MaxKept = 64 * 1024;

    private readonly ZLibCompressionOptions _options;
    private readonly MemoryStream _compressed = new();
    private DeflateStream? _deflate;

    public StreamDeflater(DeflaterSettings settings)
    {
        if (settings.WindowBits != Protocol.DeflateParameters.MaxWindowBits)
            throw new NotSupportedException($"Without the native zlib, a window of {settings.WindowBits} bits cannot be kept; only 15 can.");
        _options = new ZLibCompressionOptions
        {
            CompressionLevel = settings.Level,
            CompressionStrategy = (ZLibCompressionStrategy)settings.Strategy,
        };
    }

    public override void Compress(ReadOnlySpan<byte> source, ref OutputArray output)
    {
        _deflate ??= new DeflateStream(_compressed, _options, leaveOpen: true);
        _deflate.Write(source);
        _deflate.Flush();
        output.Append(_compressed.GetBuffer().AsSpan(0, (int)_compressed.Length));
        _compressed.SetLength(0);
        if (_compressed.Capacity > MaxKept)
            _compressed.Capacity = 0;
    }

    public override void Reset()
    {
        // Its end is written to nobody.
        _deflate?.Dispose();
        _deflate = null;
        _compressed.SetLength(0);
    }

    public override void Dispose() => Reset();
}
