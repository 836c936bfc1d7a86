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
        while (Room.Length < bytes.Length)
            Grow();
        bytes.CopyTo(Room);
        Advance(bytes.Length);
    }

    public void Grow()
    {
        byte[] larger = pool.Rent(checked(Array.Length * 2));
        Array.AsSpan(0, Length).CopyTo(larger);
        pool.Return(Array);
        Array = larger;
    }

    public readonly void Return()
    {
        if (Array is not null)
            pool.Return(Array);
    }
}
