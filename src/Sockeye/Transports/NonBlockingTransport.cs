namespace Sockeye.Transports;

/// <summary>What transports over a socket that does not block have in common: what is received and sent with one call.</summary>
/// <param name="buffers">Where memory is rented.</param>
/// <param name="isMoreLikely">Whether there may be bytes already.</param>
internal abstract class NonBlockingTransport(BufferPool buffers, bool isMoreLikely = false) : BufferedTransport(buffers)
{
    // Until the handshake is over, no more is received than can be put back.
    private bool _isOpen;

    /// <summary>Gets whether the last receive left something behind, as far as it can tell: it was filled.</summary>
    protected bool IsMoreLikely { get; private set; } = isMoreLikely;

    public override void Unread(ReadOnlySpan<byte> bytes)
    {
        _isOpen = true;
        base.Unread(bytes);
    }

    /// <summary>Receives what is there: first what completes a large message, straight into its memory, and with the same call what
    /// comes behind it.</summary>
    /// <returns>False where nothing is there.</returns>
    /// <exception cref="IOException">The connection broke, or was closed here.</exception>
    protected bool TryReceive(ArraySegment<byte> direct, out ReceivedBlock block)
    {
        block = default;
        bool isStraight = direct.Count > 0 && Buffer.IsEmpty;
        ArraySegment<byte> room = Buffer.Prepare(_isOpen ? int.MaxValue : ReceiveSlab.Region);
        int received;
        try
        {
            received = isStraight ? ReceiveNow(direct, room) : ReceiveNow(room, default);
        }
        catch (Exception)
        {
            IsMoreLikely = false;
            Buffer.Rest();
            throw;
        }

        int straight = isStraight ? Math.Min(received, direct.Count) : 0;
        IsMoreLikely = received == room.Count + straight;
        if (received < 0)
        {
            IsMoreLikely = false;
            Buffer.Rest();
            return false;
        }

        Buffer.Commit(received - straight);
        block = new ReceivedBlock(Buffer.Block, straight, received == 0);
        return true;
    }

    /// <summary>Sends what the kernel takes at once, and cuts it off.</summary>
    /// <returns>False where something is left.</returns>
    /// <exception cref="IOException">The connection broke, or was closed here.</exception>
    protected bool TrySend(ref ReadOnlyMemory<byte> first, ref ReadOnlyMemory<byte> second)
    {
        while (!first.IsEmpty || !second.IsEmpty)
        {
            int sent = first.Length > 0 ? SendNow(first, second) : SendNow(second, default);
            if (sent < 0)
                return false;
            Sent(sent);
            int ofFirst = Math.Min(sent, first.Length);
            first = first[ofFirst..];
            second = second[(sent - ofFirst)..];
        }

        return true;
    }

    /// <summary>Receives with one call; into a second piece of memory, which may be empty, what the first has no room for.</summary>
    /// <returns>The number of bytes, 0 at the end; -1 where there are none yet.</returns>
    protected abstract int ReceiveNow(ArraySegment<byte> first, ArraySegment<byte> second);

    /// <summary>Sends with one call; the second piece may be empty.</summary>
    /// <returns>The number of bytes that were taken; -1 where there is no room.</returns>
    protected abstract int SendNow(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second);
}
