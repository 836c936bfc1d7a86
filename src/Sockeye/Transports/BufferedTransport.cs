namespace Sockeye.Transports;

/// <summary>What transports have in common that receive into slabs: the block, and the count of what was sent.</summary>
/// <param name="buffers">Where memory is rented.</param>
internal abstract class BufferedTransport(BufferPool buffers) : Transport
{
    // A field, as it is changed in place.
    private protected ReceiveBuffer Buffer = new(buffers);

    private long _bytesSent;

    public sealed override long BytesSent => Volatile.Read(ref _bytesSent);

    public sealed override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct)
    {
        if (Buffer.HasUnread)
        {
            Buffer.Prepare();
            return new ValueTask<ReceivedBlock>(new ReceivedBlock(Buffer.Block, 0, IsEnd: false));
        }

        Buffer.Rest();
        return ReceiveMoreAsync(direct);
    }

    public sealed override void Advance(int consumed) => Buffer.Advance(consumed);

    public override void Unread(ReadOnlySpan<byte> bytes) => Buffer.Unread(bytes);

    public sealed override SharedMemory Retain() => Buffer.Retain();

    public sealed override void ReleaseBlock() => Buffer.Release();

    /// <summary>Waits for bytes from below, when the slab has been given back.</summary>
    /// <param name="direct">Likewise as for <see cref="ReceiveAsync"/>.</param>
    protected abstract ValueTask<ReceivedBlock> ReceiveMoreAsync(ArraySegment<byte> direct);

    /// <summary>Gets where the next bytes go: to the memory that was offered, where nothing lies before them, else into a slab.</summary>
    /// <param name="direct">The memory that was offered.</param>
    /// <param name="isDirect">Whether it is that.</param>
    protected ArraySegment<byte> RoomFor(ArraySegment<byte> direct, out bool isDirect)
    {
        isDirect = direct.Count > 0 && Buffer.IsEmpty;
        return isDirect ? direct : Buffer.Prepare();
    }

    /// <summary>Presents what was received into the room.</summary>
    protected ReceivedBlock Received(int count, bool isDirect)
    {
        if (isDirect)
            return new ReceivedBlock(default, count, count == 0);
        Buffer.Commit(count);
        return new ReceivedBlock(Buffer.Block, 0, count == 0);
    }

    /// <summary>Counts what has been taken below. Called by the one send that is under way.</summary>
    protected void Sent(int count) => Volatile.Write(ref _bytesSent, _bytesSent + count);
}
