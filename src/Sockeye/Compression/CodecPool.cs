using System.Collections.Concurrent;

namespace Sockeye.Compression;

/// <summary>Lends codecs of one kind: makes them as they are needed, and keeps a bounded number of those that come back.</summary>
/// <remarks>Safe from any thread. A codec that is lent belongs to one side of one connection until it comes back.</remarks>
/// <param name="make">Makes a codec.</param>
/// <param name="capacity">How many are kept while nobody needs them.</param>
internal sealed class CodecPool<T>(Func<T> make, int capacity)
    where T : Codec
{
    private readonly ConcurrentQueue<T> _kept = new();
    private int _keptCount;
    private int _rented;

    /// <summary>Gets how many codecs are lent.</summary>
    public int Rented => Volatile.Read(ref _rented);

    /// <summary>Gets how many codecs there are: lent and kept.</summary>
    public int Live => Rented + Volatile.Read(ref _keptCount);

    /// <summary>Lends a codec that knows nothing.</summary>
    public T Rent()
    {
        if (!_kept.TryDequeue(out T? codec))
            codec = make();
        else
            Interlocked.Decrement(ref _keptCount);
        Interlocked.Increment(ref _rented);
        return codec;
    }

    /// <summary>Takes a codec back, whatever it was in the middle of.</summary>
    public void Return(T codec)
    {
        if (Interlocked.Increment(ref _keptCount) <= capacity && TryReset(codec))
        {
            Interlocked.Decrement(ref _rented);
            _kept.Enqueue(codec);
            return;
        }

        Interlocked.Decrement(ref _keptCount);
        Discard(codec);
    }

    /// <summary>Takes a codec back that has failed, and ends it.</summary>
    public void Discard(T codec)
    {
        Interlocked.Decrement(ref _rented);
        codec.Dispose();
    }

    // A connection ends whatever its codecs do.
    private static bool TryReset(T codec)
    {
        try
        {
            codec.Reset();
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
