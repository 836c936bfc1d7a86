using System.Buffers.Binary;

namespace Sockeye;

/// <summary>The pings whose senders wait for the pong.</summary>
/// <remarks>Guarded by the lock of the connection. A pong answers its ping and all that left before it: a peer may answer only the
/// newest (RFC 6455, section 5.5.3). A ping that was passed by a later one is not answered with that one.</remarks>
internal sealed class PingTable
{
    private PendingPing? _first;
    private PendingPing? _last;
    private long _count;
    private long _writes;

    /// <summary>Gets whether no ping waits.</summary>
    public bool IsEmpty => _first is null;

    /// <summary>Adds a ping.</summary>
    /// <param name="payload">The payload; empty for one of our own that no other ping has.</param>
    /// <param name="now">The time.</param>
    /// <param name="isSample">Whether its round trip is one: it does not queue behind data.</param>
    public PendingPing Add(ReadOnlySpan<byte> payload, long now, bool isSample = true)
    {
        byte[] copy = payload.ToArray();
        if (payload.IsEmpty)
        {
            copy = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(copy, ++_count);
        }

        var ping = new PendingPing(copy, now) { IsSample = isSample };
        Append(ping);
        return ping;
    }

    /// <summary>Notes that pings are leaving with one write.</summary>
    /// <param name="leaving">The pings, linked by <see cref="PendingPing.NextLeaving"/>; null for none.</param>
    public void Leave(PendingPing? leaving)
    {
        if (leaving is null)
            return;
        _writes++;
        for (; leaving is not null; leaving = leaving.NextLeaving)
            leaving.LeftWith = _writes;
    }

    /// <summary>Finds the ping that a pong answers and takes it out, with those that left before it.</summary>
    /// <returns>The pings that are answered, linked; null where the pong answers none.</returns>
    public PendingPing? Answer(ReadOnlySpan<byte> payload)
    {
        PendingPing? match = _first;
        while (match is not null && (match.LeftWith == 0 || !payload.SequenceEqual(match.Payload)))
            match = match.Next;
        if (match is null)
            return null;

        match.IsAnswered = true;
        bool isBeforeMatch = true; // within one write, pings left in the order in which they were added
        for (PendingPing? ping = _first; ping is not null; ping = ping.Next)
        {
            isBeforeMatch &= ping != match;
            ping.IsDone = ping == match
                || (ping.LeftWith != 0 && (ping.LeftWith < match.LeftWith || (ping.LeftWith == match.LeftWith && isBeforeMatch)));
        }

        return TakeDone();
    }

    /// <summary>Takes out the pings that were sent at a moment or before it.</summary>
    /// <returns>The pings, linked.</returns>
    public PendingPing? TakeSentUntil(long moment)
    {
        for (PendingPing? ping = _first; ping is not null; ping = ping.Next)
            ping.IsDone = ping.SentAt <= moment;
        return TakeDone();
    }

    /// <summary>Takes out a ping for which nobody waits any more.</summary>
    public void Remove(PendingPing unwanted)
    {
        unwanted.IsDone = true;
        TakeDone();
    }

    /// <summary>Takes out all pings, at the end of the connection.</summary>
    public PendingPing? TakeAll()
    {
        PendingPing? all = _first;
        _first = _last = null;
        return all;
    }

    private PendingPing? TakeDone()
    {
        PendingPing? taken = null;
        PendingPing? ping = TakeAll();
        while (ping is not null)
        {
            PendingPing? next = ping.Next;
            if (ping.IsDone)
            {
                ping.Next = taken;
                taken = ping;
            }
            else
            {
                Append(ping);
            }

            ping = next;
        }

        return taken;
    }

    private void Append(PendingPing ping)
    {
        ping.Next = null;
        if (_last is null)
            _first = ping;
        else
            _last.Next = ping;
        _last = ping;
    }
}

/// <summary>A ping whose sender waits for the pong.</summary>
internal sealed class PendingPing(byte[] payload, long sentAt)
{
    public byte[] Payload { get; } = payload;

    public long SentAt { get; } = sentAt;

    public TaskCompletionSource<TimeSpan> Pong { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Gets or sets the number of the write with which it left; 0 while it waits.</summary>
    public long LeftWith { get; set; }

    /// <summary>Gets whether its round trip tells of the way alone: it passes the data that waits.</summary>
    public bool IsSample { get; init; }

    /// <summary>Gets or sets whether a pong has repeated its payload. What a later pong answers has waited for that one too (RFC 6298,
    /// section 3: what is ambiguous is no sample).</summary>
    public bool IsAnswered { get; set; }

    /// <summary>Gets or sets whether nobody waits for its pong any more.</summary>
    public bool IsDone { get; set; }

    public PendingPing? Next { get; set; }

    public PendingPing? NextLeaving { get; set; }
}
