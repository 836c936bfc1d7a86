namespace Sockeye.Transports;

/// <summary>Memory with a count of those who still read it; the last one to leave gives it back.</summary>
/// <remarks>Any thread may add or release a reference, as long as it holds one.</remarks>
internal abstract class SharedMemory
{
    private int _references = 1;

    /// <summary>Gets whether nobody but its first owner holds the memory.</summary>
    protected bool IsUnshared => Volatile.Read(ref _references) == 1;

    public virtual void AddReference() => Interlocked.Increment(ref _references);

    public virtual void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            Free();
    }

    /// <summary>Gives the memory back: nobody reads it any more.</summary>
    protected abstract void Free();

    /// <summary>Makes the memory usable again after <see cref="Free"/>, with one reference.</summary>
    protected void Revive() => Volatile.Write(ref _references, 1);
}
