namespace Sockeye.Compression;

/// <summary>Compresses the messages of one connection (RFC 7692, section 7.2.1) with a deflater from the pool: lent for one piece where no
/// context is taken over, so that a connection that waits holds none, otherwise from the first compressed message until it is released.</summary>
/// <remarks>Not safe for concurrent use: the sender orders the calls.</remarks>
/// <param name="pool">Where the deflater is rented.</param>
/// <param name="keepsContext">Whether a message may refer to earlier ones.</param>
/// <param name="gate">What limits the threads at work; null where nothing does.</param>
internal sealed class MessageDeflater(CodecPool<Deflater> pool, bool keepsContext, SemaphoreSlim? gate = null) : IDisposable
{
    private Deflater? _deflater;

    /// <summary>Gets whether a deflater is held.</summary>
    public bool HoldsDeflater => _deflater is not null;

    /// <summary>Compresses a message or the next fragment of one.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="output">Where the payload of the frame is appended; nothing where an empty fragment does not end the message.</param>
    /// <param name="endsMessage">Whether the message ends here.</param>
    /// <exception cref="InvalidOperationException">The codec has failed; nothing of this message may be sent any more. The next message
    /// refers to none before it.</exception>
    public void Compress(ReadOnlySpan<byte> source, ref OutputArray output, bool endsMessage)
    {
        if (!source.IsEmpty)
        {
            Flush(source, ref output);
            if (endsMessage)
                output.Shorten(Deflater.TailSize);
        }
        else if (endsMessage)
        {
            // The beginning of an empty block, of which the rest is left away (section 7.2.3.6).
            output.Append([0x00]);
        }

        if (!keepsContext)
            Release();
    }

    /// <summary>Gives the deflater back. That may happen between any two calls, also inside a message: what follows refers to nothing before
    /// it (rule Z1).</summary>
    public void Release()
    {
        if (_deflater is null)
            return;
        pool.Return(_deflater);
        _deflater = null;
    }

    public void Dispose() => Release();

    private void Flush(ReadOnlySpan<byte> source, ref OutputArray output)
    {
        gate?.Wait();
        try
        {
            _deflater ??= pool.Rent();
            _deflater.Compress(source, ref output);
        }
        catch
        {
            if (_deflater is not null)
                pool.Discard(_deflater);
            _deflater = null;
            throw;
        }
        finally
        {
            gate?.Release();
        }
    }
}
