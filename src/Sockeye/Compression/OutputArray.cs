using System.Buffers;

namespace Sockeye.Compression;

/// <summary>A rented array that grows as it is written to; whoever takes it returns it.</summary>
internal struct OutputArray(ArrayPool<byte> pool, int capacity)
{
    public byte[] Array { get; private set; } = pool.Rent(capacity);

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Written => Array.AsSpan(0, Length);

    public readonly Span<byte> Room => Array.AsSpan(Length);

    public void Advance(int count) => Length += count;

    /// <summary>Takes bytes back from the end.</summary>
    public void Shorten(int count) => Length -= count;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (Room.Length < bytes.Length)
            Grow(bytes.Length);
        bytes.CopyTo(Room);
        Advance(bytes.Length);
    }

    /// <summary>Makes room for some bytes, and for more.</summary>
    public void Grow(int count = 1)
    {
        byte[] larger = pool.Rent(NextSize(Array.Length, checked(Length + count)));
        Array.AsSpan(0, Length).CopyTo(larger);
        pool.Return(Array);
        Array = larger;
    }

    /// <summary>Chooses the size of the next array: twice that of the last, or as large as arrays can be. What needs more than that is
    /// left to fail when it is rented.</summary>
    public static int NextSize(int size, int needed) => Math.Max(needed, (int)Math.Min(2L * size, System.Array.MaxLength));

    public readonly void Return()
    {
        if (Array is not null)
            pool.Return(Array);
    }
}
