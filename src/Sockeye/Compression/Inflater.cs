namespace Sockeye.Compression;

/// <summary>Inflates the messages of one direction (RFC 7692, section 7.2.2). Not safe for concurrent use.</summary>
internal abstract class Inflater : IDisposable
{
    /// <summary>Inflates as much as fits.</summary>
    /// <param name="source">Compressed bytes.</param>
    /// <param name="destination">Where to write; at least one byte.</param>
    /// <param name="consumed">How many compressed bytes were used.</param>
    /// <param name="written">How many bytes were written; as many as fit as long as there is more to write.</param>
    /// <returns>Whether the bytes are valid.</returns>
    public abstract bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written);

    /// <summary>Empties the window, and forgets what was begun.</summary>
    public abstract void Reset();

    public abstract void Dispose();
}

/// <summary>An inflater on the runtime's zlib.</summary>
internal sealed unsafe class NativeInflater : Inflater
{
    // Whatever window the peer was held to: the largest one understands all.
    private const int WindowBits = 15;

    private readonly ZStreamHandle _handle = ZStreamHandle.Inflate(WindowBits);

    public override bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        NativeZLib.ZStream* stream = _handle.Enter();
        try
        {
            fixed (byte* input = source)
            fixed (byte* output = destination)
            {
                stream->NextIn = input;
                stream->AvailIn = (uint)source.Length;
                stream->NextOut = output;
                stream->AvailOut = (uint)destination.Length;
                int result = NativeZLib.Inflate(stream, NativeZLib.SyncFlush);
                while (result == NativeZLib.StreamEnd)
                {
                    // A block with BFINAL ends the stream of zlib and not that of the peer: the next block begins another one.
                    result = NativeZLib.InflateReset(stream, WindowBits);
                    if (result == NativeZLib.Ok && stream->AvailIn > 0 && stream->AvailOut > 0)
                        result = NativeZLib.Inflate(stream, NativeZLib.SyncFlush);
                }

                consumed = source.Length - (int)stream->AvailIn;
                written = destination.Length - (int)stream->AvailOut;
                return result is NativeZLib.Ok or NativeZLib.BufferError;
            }
        }
        finally
        {
            stream->NextIn = stream->NextOut = null;
            stream->AvailIn = stream->AvailOut = 0;
            _handle.Leave();
        }
    }

    public override void Reset()
    {
        NativeZLib.ZStream* stream = _handle.Enter();
        int result = NativeZLib.InflateReset(stream, WindowBits);
        _handle.Leave();
        if (result != NativeZLib.Ok)
            throw new InvalidOperationException($"zlib could not begin again to inflate (error {result}).");
    }

    public override void Dispose() => _handle.Dispose();
}
