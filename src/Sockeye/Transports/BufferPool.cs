using System.Buffers;
using System.Collections.Concurrent;

namespace Sockeye.Transports;

/// <summary>Gives out the engine's memory: arrays for messages and output, slabs to receive into.</summary>
/// <remarks>Safe from any thread. Tests bring their own, which counts and poisons what comes back.</remarks>
internal sealed class BufferPool(ArrayPool<byte> arrays)
{
    [ThreadStatic]
    private static ReceiveSlab? t_slab;

    private readonly ConcurrentStack<ReceiveSlab> _slabs = new();
    private int _slabsHeld;

    public static BufferPool Shared { get; } = new(ArrayPool<byte>.Shared);

    public ArrayPool<byte> Arrays { get; } = arrays;

    /// <summary>Gets how many holds there are on slabs: transports that receive, and leases.</summary>
    public int SlabsHeld => Volatile.Read(ref _slabsHeld);

    /// <summary>Lends a slab with room for one receive. Each thread keeps one at hand, hot in its cache.</summary>
    public ReceiveSlab RentSlab()
    {
        Hold();
        ReceiveSlab? slab = t_slab;
        if (slab is not null && slab.Pool == this)
        {
            t_slab = null;
            return slab;
        }

        return _slabs.TryPop(out slab) ? slab : new ReceiveSlab(this);
    }

    /// <summary>Takes a slab that has room for another receive.</summary>
    internal void Keep(ReceiveSlab slab)
    {
        if (t_slab is null)
            t_slab = slab;
        else
            _slabs.Push(slab);
    }

    internal void Hold() => Interlocked.Increment(ref _slabsHeld);

    internal void Unhold() => Interlocked.Decrement(ref _slabsHeld);
}
