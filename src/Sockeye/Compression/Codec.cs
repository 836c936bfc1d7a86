namespace Sockeye.Compression;

/// <summary>One half of a codec, with a window of its own. Not safe for concurrent use; <see cref="CodecPool{T}"/> lends it.</summary>
internal abstract class Codec : IDisposable
{
    /// <summary>Forgets everything: what follows refers to nothing before it.</summary>
    public abstract void Reset();

    public abstract void Dispose();
}
