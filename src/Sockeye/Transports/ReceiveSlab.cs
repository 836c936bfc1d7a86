namespace Sockeye.Transports;

/// <summary>A large buffer that one transport at a time receives into, at a position that moves on when a lease keeps what lies
/// before it, and starts over when the last lease is back.</summary>
/// <remarks>Swapping whole buffers at each lease instead would keep many more of them in use. The transport that rented the slab
/// owns its position; leases are counted from any thread.</remarks>
/// <param name="pool">Where it comes back to.</param>
/// <param name="size">Its size in bytes, at least <see cref="SmallestSize"/>.</param>
internal sealed class ReceiveSlab(BufferPool pool, int size) : SharedMemory
{
    /// <summary>What one receive takes at most, but for those of event loops; and what may be put back.</summary>
    public const int Region = 64 * 1024;

    /// <summary>The size that holds where none is set.</summary>
    public const int DefaultSize = 8 * Region;

    /// <summary>The least size: one region for bytes that were put back, one to receive into.</summary>
    public const int SmallestSize = 2 * Region;

    private const int Alignment = 64;

    private int _position;

    public BufferPool Pool { get; } = pool;

    // Pinned, so that a receive need not pin it.
    public byte[] Array { get; } = GC.AllocateUninitializedArray<byte>(size, pinned: true);

    /// <summary>Gets the room for the next receive, at least twice <see cref="Region"/>.</summary>
    public ArraySegment<byte> Room => new(Array, _position, size - _position);

    /// <summary>Keeps what lies before <paramref name="end"/> for the holder of a lease, who releases it once.</summary>
    public void KeepBefore(int end)
    {
        AddReference();
        _position = Math.Max(_position, (end + Alignment - 1) & ~(Alignment - 1));
    }

    /// <summary>Ends the time that a transport has the slab to itself.</summary>
    public void Return()
    {
        Pool.Unhold();
        if (_position != 0 && IsUnshared)
            _position = 0;
        Poison(_position);
        if (size - _position >= SmallestSize)
            Pool.Keep(this);
        else
            base.Release(); // it comes back with the last lease
    }

    public override void AddReference()
    {
        Pool.Hold();
        base.AddReference();
    }

    public override void Release()
    {
        Pool.Unhold();
        base.Release();
    }

    protected override void Free()
    {
        _position = 0;
        Revive();
        Poison(0);
        Pool.Keep(this);
    }

    /// <summary>Makes a use of memory after its lease has ended show, in debug builds.</summary>
    [System.Diagnostics.Conditional("DEBUG")]
    private void Poison(int from) => Array.AsSpan(from).Fill(0xA5);
}
