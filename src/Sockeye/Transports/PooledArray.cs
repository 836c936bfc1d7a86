using System.Buffers;

namespace Sockeye.Transports;

/// <summary>A rented array with a count of its readers: a gathered message, or one that was read ahead.</summary>
internal sealed class PooledArray : SharedMemory, ISpare<PooledArray>
{
    private ArrayPool<byte> _pool = null!;

    public byte[] Array { get; private set; } = [];

    public PooledArray? Next { get; set; }

    /// <summary>Takes over an array that was rented from <paramref name="pool"/>.</summary>
    public static PooledArray Wrap(byte[] array, ArrayPool<byte> pool)
    {
        PooledArray? wrapper = Spares<PooledArray>.Take();
        if (wrapper is null)
            wrapper = new PooledArray();
        else
            wrapper.Revive();

        wrapper.Array = array;
        wrapper._pool = pool;
        return wrapper;
    }

    /// <summary>Rents an array and copies bytes into it.</summary>
    public static PooledArray Copy(ReadOnlySpan<byte> bytes, ArrayPool<byte> pool)
    {
        byte[] array = pool.Rent(Math.Max(1, bytes.Length));
        bytes.CopyTo(array);
        return Wrap(array, pool);
    }

    protected override void Free()
    {
        _pool.Return(Array);
        Array = [];
        Spares<PooledArray>.Give(this);
    }
}
