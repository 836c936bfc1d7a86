namespace Sockeye;

/// <summary>What a heartbeat asks for.</summary>
internal enum HeartbeatAction
{
    /// <summary>Nothing yet.</summary>
    None,

    /// <summary>To send a ping.</summary>
    Ping,

    /// <summary>To fail the connection.</summary>
    Fail,
}

/// <summary>Decides when a silent peer is asked, and when it counts as gone. It decides and never acts; time is passed in.</summary>
/// <remarks>After half of the timeout in silence a ping, after the other half the end. Any received byte counts as life. Guarded
/// by the lock of the connection, but for <see cref="Received"/>, which only notes the time.</remarks>
internal struct Heartbeat
{
    private const long Suspended = long.MinValue;

    private long _lastReceived;

    // Or that the clock stands still.
    private long _pingedAt;

    // When the ping left whose pong is awaited; 0 for none; below 0 how many pongs are passed over that may not tell the round trip.
    private long _askedAt;

    /// <summary>Gets whether the clock stands still.</summary>
    public readonly bool IsSuspended => _pingedAt == Suspended;

    /// <summary>Gets when bytes came last.</summary>
    public readonly long LastReceived => Volatile.Read(in _lastReceived);

    /// <summary>Notes that bytes came.</summary>
    public void Received(long now) => Volatile.Write(ref _lastReceived, now);

    /// <summary>Stops the clock while this side does not receive.</summary>
    public void Suspend()
    {
        _pingedAt = Suspended;
        // Its pong may lie unread.
        if (_askedAt > 0)
            _askedAt = -1;
    }

    /// <summary>Takes a pong without a payload, as the pings have none.</summary>
    /// <param name="askedAt">When the ping left that it answers.</param>
    /// <returns>False where it answers none, or where that is not known (RFC 6298, section 3: what is ambiguous is no sample).</returns>
    public bool TryTakePong(out long askedAt)
    {
        askedAt = _askedAt;
        _askedAt = askedAt < 0 ? askedAt + 1 : 0;
        return askedAt > 0;
    }

    /// <summary>Starts the clock again. What the peer did meanwhile is not known: silence for half of the timeout is answered with a ping,
    /// and never counts as its end.</summary>
    /// <param name="now">The time.</param>
    /// <param name="timeout">The timeout.</param>
    /// <returns>When to decide.</returns>
    public long Resume(long now, long timeout)
    {
        long half = timeout / 2;
        _pingedAt = 0;
        _lastReceived = Math.Max(_lastReceived, now - half);
        return _lastReceived + half;
    }

    /// <summary>Decides what to do now and when to ask again.</summary>
    /// <param name="now">The time.</param>
    /// <param name="timeout">The timeout; 0 for none.</param>
    /// <param name="isListening">Whether this side waits for bytes: where it is at work, the silence may be its own.</param>
    /// <param name="next">When to ask again; <see cref="long.MaxValue"/> for never.</param>
    public HeartbeatAction Decide(long now, long timeout, bool isListening, out long next)
    {
        next = long.MaxValue;
        long half = timeout / 2;
        if (half == 0 || IsSuspended)
            return HeartbeatAction.None;

        bool isPinged = _pingedAt > _lastReceived;
        long due = (isPinged ? _pingedAt : _lastReceived) + half;
        if (now < due)
        {
            next = due;
            return HeartbeatAction.None;
        }

        // A tick that comes late by more than half the timeout says that this machine slept, not that the peer did.
        if (isPinged && isListening && now - due <= half)
            return HeartbeatAction.Fail;

        _pingedAt = now;
        // Which of two pings a pong answers is not known. No more are counted: a peer may answer the last of several alone.
        _askedAt = _askedAt switch { 0 => now, > 0 => -2, _ => _askedAt };
        next = now + half;
        return HeartbeatAction.Ping;
    }
}
