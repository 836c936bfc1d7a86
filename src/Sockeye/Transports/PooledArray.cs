using System.Buffers;

namespace Sockeye.Transports;

/// <summary>A rented array with a count of its readers: a gathered message, or one that was read ahead.</summary>
internal sealed class PooledArray : SharedMemory
{
    private const int MaxSpares = 64;

    [ThreadStatic]
    private static PooledArray? t_spare;
    [ThreadStatic]
    private static int t_spares;

    private ArrayPool<byte> _pool = null!;
    private PooledArray? _next;

    public byte[] Array { get; private set; } = [];

    /// <summary>Takes over an array that was rented from <paramref name="pool"/>.</summary>
    public static PooledArray Wrap(byte[] array, ArrayPool<byte> pool)
    {
        PooledArray? wrapper = t_spare;
        if (wrapper is null)
        {
            wrapper = new PooledArray();
        }
        else
        {
            t_spare = wrapper._next;
            t_spares--;
            wrapper._next = null;
            wrapper.Revive();
        }

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
        if (t_spares >= MaxSpares)
            return;
        _next = t_spare;
        t_spare = this;
        t_spares++;
    }
}
