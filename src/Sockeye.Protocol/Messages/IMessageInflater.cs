namespace Sockeye.Protocol;

/// <summary>Inflates the compressed messages of one connection for <see cref="MessageAssembler"/> (RFC 7692, section 7.2.2). Not called
/// concurrently.</summary>
/// <remarks>The assembler bounds what is inflated, by the room that it gives. <see cref="IDisposable.Dispose"/> releases the codec; it may
/// come in the middle of a message, and more than once.</remarks>
public interface IMessageInflater : IDisposable
{
    /// <summary>Inflates part of a message.</summary>
    /// <param name="source">The next compressed bytes, unmasked; may be empty where the last call filled its room.</param>
    /// <param name="destination">Room for inflated bytes; at least one byte.</param>
    /// <param name="consumed">How many compressed bytes were used: all of them, unless the room was filled before.</param>
    /// <param name="written">How many bytes were written. Room that was not filled says that there is no more to come of these bytes.</param>
    /// <returns>False where the compressed data is wrong; what was written before the error counts, and nothing is asked any more.</returns>
    bool TryInflate(ReadOnlySpan<byte> source, Span<byte> destination, out int consumed, out int written);

    /// <summary>Ends a message of which everything was inflated: takes the bytes 00 00 FF FF that its sender left away, and forgets the
    /// message where no context is taken over.</summary>
    /// <returns>False where these bytes do not end the compressed data: it was cut off.</returns>
    bool TryEndMessage();
}
