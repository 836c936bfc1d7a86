namespace Sockeye.Compression;

/// <summary>Compresses the messages of one direction (RFC 7692, section 7.2.1). Not safe for concurrent use.</summary>
internal abstract class Deflater : IDisposable
{
    /// <summary>What every flush ends with, and what is left away at the end of a message.</summary>
    protected static ReadOnlySpan<byte> Tail => [0x00, 0x00, 0xFF, 0xFF];

    /// <summary>Compresses a message or a fragment of one.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="output">Where the compressed bytes are appended.</param>
    /// <param name="endsMessage">Whether the message ends here: the tail is left away.</param>
    /// <param name="keepsContext">Whether what follows may refer to these bytes.</param>
    public void Compress(ReadOnlySpan<byte> source, ref OutputArray output, bool endsMessage, bool keepsContext)
    {
        int start = output.Length;
        if (source.IsEmpty)
        {
            // A flush of nothing gives nothing: an empty block stands for it, of which the tail is left away.
            Append(ref output, [0x00]);
            if (!endsMessage)
                Append(ref output, Tail);
            return;
        }

        Flush(source, ref output, reset: endsMessage && !keepsContext);
        if (endsMessage)
            output.Shorten(Tail.Length);
        System.Diagnostics.Debug.Assert(output.Length > start, "Something comes out of a flush.");
    }

    public abstract void Dispose();

    /// <summary>Compresses and flushes to the boundary of a byte.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="output">Where the compressed bytes are appended; they end with <see cref="Tail"/>.</param>
    /// <param name="reset">Whether the window is empty afterwards.</param>
    protected abstract void Flush(ReadOnlySpan<byte> source, ref OutputArray output, bool reset);

    protected static void Append(ref OutputArray output, ReadOnlySpan<byte> bytes)
    {
        while (output.Room.Length < bytes.Length)
            output.Grow();
        bytes.CopyTo(output.Room);
        output.Advance(bytes.Length);
    }
}

/// <summary>A deflater on the runtime's zlib.</summary>
/// <param name="level">1 (fastest) to 9 (smallest).</param>
/// <param name="windowBits">8–15; 8 is kept by compressing with 9, whose distances stay within 250.</param>
/// <param name="memoryLevel">1–9.</param>
/// <param name="strategy">0 (default) to 4, as zlib numbers them.</param>
internal sealed unsafe class NativeDeflater(int level, int windowBits, int memoryLevel, int strategy) : Deflater
{
    private readonly ZStreamHandle _handle = ZStreamHandle.Deflate(level, Math.Max(windowBits, 9), memoryLevel, strategy);

    public override void Dispose() => _handle.Dispose();

    protected override void Flush(ReadOnlySpan<byte> source, ref OutputArray output, bool reset)
    {
        int flush = reset ? NativeZLib.FullFlush : NativeZLib.SyncFlush;
        NativeZLib.ZStream* stream = _handle.Enter();
        try
        {
            fixed (byte* input = source)
            {
                stream->NextIn = input;
                stream->AvailIn = (uint)source.Length;
                do
                {
                    if (output.Room.IsEmpty)
                        output.Grow();
                    int length = output.Room.Length;
                    fixed (byte* room = output.Room)
                    {
                        stream->NextOut = room;
                        stream->AvailOut = (uint)length;
                        int result = NativeZLib.Deflate(stream, flush);
                        output.Advance(length - (int)stream->AvailOut);
                        if (result is not (NativeZLib.Ok or NativeZLib.BufferError))
                            throw new InvalidOperationException($"zlib could not deflate (error {result}).");
                    }
                }
                while (stream->AvailOut == 0);
            }
        }
        finally
        {
            stream->NextIn = stream->NextOut = null;
            stream->AvailIn = stream->AvailOut = 0;
            _handle.Leave();
        }
    }
}
