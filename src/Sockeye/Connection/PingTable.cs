using System.Buffers.Binary;

namespace Sockeye;

/// <summary>The pings whose senders wait for the pong.</summary>
/// <remarks>Guarded by the lock of the connection. A pong answers its ping and all earlier ones: a peer may answer only the newest
/// (RFC 6455, section 5.5.3).</remarks>
internal struct PingTable
{
    private PendingPing? _first;
    private PendingPing? _last;
    private long _count;

    /// <summary>Adds a ping.</summary>
    /// <param name="payload">The payload; empty for one of our own that no other ping has.</param>
    /// <param name="now">The time.</param>
    public PendingPing Add(ReadOnlySpan<byte> payload, long now)
    {
        byte[] copy = payload.ToArray();
        if (payload.IsEmpty)
        {
            copy = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(copy, ++_count);
        }

        var ping = new PendingPing(copy, now);
        if (_last is null)
            _first = ping;
        else
            _last.Next = ping;
        _last = ping;
        return ping;
    }

    /// <summary>Finds the ping that a pong answers and takes it out, with those before it.</summary>
    /// <returns>The pings that are answered, linked; null where the pong answers none.</returns>
    public PendingPing? Answer(ReadOnlySpan<byte> payload)
    {
        for (PendingPing? ping = _first; ping is not null; ping = ping.Next)
        {
            if (!payload.SequenceEqual(ping.Payload))
                continue;
            PendingPing answered = _first!;
            _first = ping.Next;
            if (_first is null)
                _last = null;
            ping.Next = null;
            return answered;
        }

        return null;
    }

    /// <summary>Takes out all pings, at the end of the connection.</summary>
    public PendingPing? TakeAll()
    {
        PendingPing? all = _first;
        _first = _last = null;
        return all;
    }
}

/// <summary>A ping whose sender waits for the pong.</summary>
internal sealed class PendingPing(byte[] payload, long sentAt)
{
    public byte[] Payload { get; } = payload;

    public long SentAt { get; } = sentAt;

    public TaskCompletionSource<TimeSpan> Pong { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PendingPing? Next { get; set; }
}
