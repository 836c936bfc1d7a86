namespace Sockeye.Compression;

/// <summary>Inflates the messages of one direction (RFC 7692, section 7.2.2).</summary>
/// <remarks>A block with BFINAL ends a data set and not the message (section 7.2.3.4): the next block begins another data set, which
/// refers to nothing before it (RFC 1951, section 3.2.3).</remarks>
internal abstract class Inflater : Codec
{
    /// <summary>What the end of a message leaves away.</summary>
    protected static ReadOnlySpan<byte> Tail => [0x00, 0x00, 0xFF, 0xFF];

    /// <inheritdoc cref="Protocol.IMessageInflater.TryInflate"/>
    public abstract bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written);

    /// <summary>Takes the tail, once all of a message has been inflated.</summary>
    /// <returns>Whether it completes a block, and does nothing else.</returns>
    public abstract bool TryEndMessage();
}

/// <summary>An inflater on the runtime's zlib.</summary>
internal sealed unsafe class NativeInflater : Inflater
{
    // Whatever window the peer was held to: the largest one understands all.
    private const int WindowBits = 15;

    private readonly ZStreamHandle _handle = ZStreamHandle.Inflate(WindowBits);

    public override bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written)
    {
        consumed = 0;
        written = 0;
        do
        {
            int result = Run(source[consumed..], destination[written..], NativeZLib.SyncFlush, out int used, out int made);
            consumed += used;
            written += made;
            if (result != NativeZLib.StreamEnd)
                return result != NativeZLib.DataError;
            Reset();
        }
        while (consumed < source.Length && written < destination.Length);

        return true;
    }

    public override bool TryEndMessage()
    {
        // Asked to stop behind a block, zlib leaves a byte behind the tail untouched only where the tail has completed one.
        ReadOnlySpan<byte> tailAndMore = [0x00, 0x00, 0xFF, 0xFF, 0x00];
        Span<byte> nothing = stackalloc byte[1];
        int result = Run(tailAndMore, nothing, NativeZLib.Block, out int consumed, out int written);
        return result == NativeZLib.Ok && consumed == Tail.Length && written == 0;
    }

    public override void Reset()
    {
        int result = _handle.ResetInflate(WindowBits);
        if (result != NativeZLib.Ok)
            throw new InvalidOperationException($"zlib could not begin again to inflate (error {result}).");
    }

    public override void Dispose() => _handle.Dispose();

    private int Run(ReadOnlySpan<byte> source, Span<byte> destination, int flush, out int consumed, out int written)
    {
        int result = _handle.Run(&NativeZLib.Inflate, source, destination, flush, out consumed, out written);
        return result is NativeZLib.Ok or NativeZLib.BufferError or NativeZLib.StreamEnd or NativeZLib.DataError
            ? result
            : throw new InvalidOperationException($"zlib could not inflate (error {result}).");
    }
}
