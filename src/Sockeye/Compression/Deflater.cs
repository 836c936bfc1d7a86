namespace Sockeye.Compression;

/// <summary>Compresses the messages of one direction (RFC 7692, section 7.2.1).</summary>
internal abstract class Deflater : Codec
{
    /// <summary>How many bytes (00 00 FF FF) every flush ends with: the end of a message leaves them away.</summary>
    public const int TailSize = 4;

    /// <summary>Compresses bytes, and flushes to the boundary of a byte.</summary>
    /// <param name="source">The bytes; at least one, for nothing comes out of a flush of nothing.</param>
    /// <param name="output">Where the compressed bytes are appended; they end with the tail.</param>
    public abstract void Compress(ReadOnlySpan<byte> source, ref OutputArray output);
}

/// <summary>A deflater on the runtime's zlib.</summary>
internal sealed unsafe class NativeDeflater(DeflaterSettings settings) : Deflater
{
    // zlib has no window of 8 bits for raw streams; with 9, distances stay within 512 - 262 = 250 (rule Z2).
    private const int SmallestWindowBits = 9;

    private readonly ZStreamHandle _handle = ZStreamHandle.Deflate(
        settings.Level, Math.Max(settings.WindowBits, SmallestWindowBits), settings.MemoryLevel, settings.Strategy);

    public override void Compress(ReadOnlySpan<byte> source, ref OutputArray output)
    {
        int room;
        int written;
        do
        {
            if (output.Room.IsEmpty)
                output.Grow();
            room = output.Room.Length;
            Run(source, output.Room, NativeZLib.SyncFlush, out int consumed, out written);
            source = source[consumed..];
            output.Advance(written);
        }
        while (written == room);
    }

    // The library exports no reset of a deflater. A full flush refers to nothing before it either; what it writes belongs to nobody.
    public override void Reset()
    {
        Span<byte> scratch = stackalloc byte[64];
        Run([], scratch, NativeZLib.FullFlush, out _, out _);
    }

    public override void Dispose() => _handle.Dispose();

    private void Run(ReadOnlySpan<byte> source, Span<byte> destination, int flush, out int consumed, out int written)
    {
        int result = _handle.Run(&NativeZLib.Deflate, source, destination, flush, out consumed, out written);
        if (result is not (NativeZLib.Ok or NativeZLib.BufferError))
            throw new InvalidOperationException($"zlib could not deflate (error {result}).");
    }
}
