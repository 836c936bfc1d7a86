namespace Sockeye.Transports;

/// <summary>The receive buffer of one connection, for transports that receive into memory of their own: nothing while it is idle, a
/// rented slab from the moment that bytes are there until the engine has used them.</summary>
/// <remarks>Bytes that were not consumed are kept aside and put in front of the next ones. Used by one receive at a time.</remarks>
internal struct ReceiveBuffer(BufferPool pool)
{
    private readonly BufferPool _pool = pool;
    private ReceiveSlab? _slab;
    private int _start;
    private int _end;
    private byte[]? _kept;
    private int _keptLength;

    /// <summary>Gets whether bytes were put back that nobody has seen.</summary>
    public bool HasUnread { get; private set; }

    /// <summary>Gets whether everything presented has been consumed.</summary>
    public readonly bool IsEmpty => _keptLength == 0 && _start == _end;

    /// <summary>Gets the current block.</summary>
    public readonly ArraySegment<byte> Block => _slab is null ? default : new ArraySegment<byte>(_slab.Array, _start, _end - _start);

    /// <summary>Puts bytes in front, as if they had just arrived.</summary>
    public void Unread(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        Keep(bytes);
        HasUnread = true;
    }

    public void Advance(int consumed) => _start += consumed;

    /// <summary>Gives the slab back before a wait; bytes that were not consumed are kept aside.</summary>
    public void Rest()
    {
        if (_slab is null)
            return;
        if (_start < _end)
            Keep(_slab.Array.AsSpan(_start, _end - _start));
        _start = _end = 0;
        _slab.Return();
        _slab = null;
    }

    /// <summary>Rents memory for the next receive and puts the kept bytes in front of it.</summary>
    /// <param name="most">How many bytes the caller receives at most.</param>
    /// <returns>Where to receive.</returns>
    public ArraySegment<byte> Prepare(int most = ReceiveSlab.Region)
    {
        _slab = _pool.RentSlab();
        ArraySegment<byte> room = _slab.Room;
        _start = _end = room.Offset;
        if (_kept is not null)
        {
            _kept.AsSpan(0, _keptLength).CopyTo(room);
            _end += _keptLength;
            _pool.Arrays.Return(_kept);
            _kept = null;
            _keptLength = 0;
        }

        HasUnread = false;
        return new ArraySegment<byte>(room.Array!, _end, Math.Min(most, room.Offset + room.Count - _end));
    }

    /// <summary>Adds bytes that were received into <see cref="Prepare"/>'s memory to the block.</summary>
    public void Commit(int count) => _end += count;

    /// <summary>Keeps the block valid for the holder of a lease, who releases the slab once.</summary>
    public readonly SharedMemory Retain()
    {
        if (_slab is null)
            throw new InvalidOperationException("There is no block to retain.");
        _slab.KeepBefore(_end);
        return _slab;
    }

    /// <summary>Gives everything back at the end of the connection.</summary>
    public void Release()
    {
        _slab?.Return();
        _slab = null;
        _start = _end = 0;
        if (_kept is not null)
            _pool.Arrays.Return(_kept);
        _kept = null;
        _keptLength = 0;
        HasUnread = false;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        _kept = _pool.Arrays.Rent(bytes.Length);
        bytes.CopyTo(_kept);
        _keptLength = bytes.Length;
    }
}
