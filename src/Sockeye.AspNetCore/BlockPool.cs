using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Sockeye;

/// <summary>Makes the pools that Kestrel takes the memory of its connections from.</summary>
internal sealed class BlockPoolFactory(int blockSize) : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new BlockPool(blockSize);
}

/// <summary>Lends blocks of one size, pinned as the operating system wants them.</summary>
/// <remarks>Safe from any thread. As many as <see cref="MaxKept"/> bytes have room for wait for their next use, the rest is left to
/// the collector: a rush that is over does not keep its memory.</remarks>
internal sealed class BlockPool(int blockSize) : MemoryPool<byte>
{
    internal const int MaxKept = 32 * 1024 * 1024;

    private readonly ConcurrentQueue<Block> _spares = new();
    private int _spareCount;

    public override int MaxBufferSize => blockSize;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, blockSize);
        if (!_spares.TryDequeue(out Block? block))
            return new Block(this, blockSize);
        Interlocked.Decrement(ref _spareCount);
        block.Lend();
        return block;
    }

    protected override void Dispose(bool disposing) => _spares.Clear();

    private void Return(Block block)
    {
        if (Interlocked.Increment(ref _spareCount) <= MaxKept / blockSize)
            _spares.Enqueue(block);
        else
            Interlocked.Decrement(ref _spareCount);
    }

    private sealed class Block(BlockPool pool, int size) : IMemoryOwner<byte>
    {
        private int _isLent = 1;

        public Memory<byte> Memory { get; } =
            MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(size, pinned: true), 0, size);

        public void Lend() => Volatile.Write(ref _isLent, 1);

        public void Dispose()
        {
            // Returned twice, it would be lent to two connections at a time.
            if (Interlocked.Exchange(ref _isLent, 0) == 1)
                pool.Return(this);
        }
    }
}
