using System.Buffers;
using System.Collections.Concurrent;

namespace Sockeye.Transports;

/// <summary>Gives out the engine's memory: arrays for messages and output, slabs to receive into.</summary>
/// <remarks>Safe from any thread. Tests bring their own, which counts and poisons what comes back.</remarks>
/// <param name="arrays">The arrays.</param>
/// <param name="slabSize">The size of a slab in bytes.</param>
internal sealed class BufferPool(ArrayPool<byte> arrays, int slabSize = ReceiveSlab.DefaultSize)
{
    // One slab for each processor, hot in its cache; not for each thread, of which there may be many that hardly ever receive.
    private readonly ReceiveSlab?[] _near = new ReceiveSlab?[Environment.ProcessorCount];
    private readonly ConcurrentQueue<ReceiveSlab> _others = new();
    private readonly ConcurrentDictionary<int, BufferPool> _siblings = new();
    private int _slabsHeld;

    public static BufferPool Shared { get; } = new(ArrayPool<byte>.Shared);

    public ArrayPool<byte> Arrays { get; } = arrays;

    /// <summary>Gets how many holds there are on slabs: transports that receive, and leases.</summary>
    public int SlabsHeld => Volatile.Read(ref _slabsHeld) + _siblings.Values.Sum(sibling => sibling.SlabsHeld);

    /// <summary>Gets the pool of the same arrays whose slabs have another size.</summary>
    public BufferPool WithSlabs(int size) =>
        size == slabSize ? this : _siblings.GetOrAdd(size, static (size, arrays) => new BufferPool(arrays, size), Arrays);

    /// <summary>Lends a slab with room for one receive. A new one is made only where all there are are in use.</summary>
    public ReceiveSlab RentSlab()
    {
        Hold();
        ReceiveSlab? slab = Interlocked.Exchange(ref Near, null);
        if (slab is not null || _others.TryDequeue(out slab))
            return slab;

        for (int i = 0; i < _near.Length; i++)
        {
            slab = Interlocked.Exchange(ref _near[i], null);
            if (slab is not null)
                return slab;
        }

        return new ReceiveSlab(this, slabSize);
    }

    /// <summary>Takes a slab that has room for another receive.</summary>
    internal void Keep(ReceiveSlab slab)
    {
        if (Interlocked.CompareExchange(ref Near, slab, null) is not null)
            _others.Enqueue(slab);
    }

    internal void Hold() => Interlocked.Increment(ref _slabsHeld);

    internal void Unhold() => Interlocked.Decrement(ref _slabsHeld);

    private ref ReceiveSlab? Near => ref _near[Thread.GetCurrentProcessorId() % _near.Length];
}
