namespace Sockeye;

/// <summary>All deadlines of one connection, as one entry in the sweep.</summary>
/// <remarks>Times are guarded by the lock of the connection. What falls due is acted on outside it.</remarks>
internal sealed class ConnectionDeadlines : Deadline
{
    private const long Never = long.MaxValue;

    private readonly WebSocketConnection _connection;
    private Heartbeat _heartbeat;
    private long _idleAt = Never;
    private Watches? _watches;
    private bool _isEnded;

    public ConnectionDeadlines(WebSocketConnection connection) => _connection = connection;

    public long Now => Sweep.Now;

    /// <summary>Gets when bytes came last.</summary>
    public long LastReceived => _heartbeat.LastReceived;

    /// <summary>Gets whether a write is watched.</summary>
    public bool WatchesWrite => Volatile.Read(ref _watches) is { StallAt: not Never };

    private DeadlineSweep Sweep => _connection.Terms.Sweep;

    private long IdleTimeout => _connection.Terms.IdleTimeout;

    /// <summary>Gets how often a write is looked at: what began to stall between two looks is noticed a quarter late at most.</summary>
    private long StallTick => Math.Max(1, _connection.Terms.WriteStallTimeout / 4);

    private Watches Watched => _watches ??= new Watches();

    public TimeSpan Since(long then) => Sweep.Elapsed(then, Now);

    /// <summary>Begins to watch an open connection.</summary>
    public void Start()
    {
        lock (_connection.Sync)
        {
            long now = Now;
            _heartbeat.Received(now);
            _heartbeat.Decide(now, IdleTimeout, isListening: true, out _idleAt);
            if (_connection.Terms.MaxLifetime is > 0 and var lifetime)
                Watched.LifetimeAt = now + lifetime - Random.Shared.NextInt64((lifetime / 10) + 1);
            Schedule();
        }
    }

    /// <summary>Ends all watching.</summary>
    public void End()
    {
        lock (_connection.Sync)
        {
            _isEnded = true;
            Sweep.Cancel(this);
        }
    }

    /// <summary>Notes that bytes came. Only the receive loop calls it.</summary>
    public void Received()
    {
        if (IdleTimeout > 0)
            _heartbeat.Received(Now);
    }

    /// <summary>Takes a pong without a payload. Called under the lock.</summary>
    /// <returns>The round trip of the heartbeat's ping that it answers; null where it tells none.</returns>
    public TimeSpan? TakePong() => _heartbeat.TryTakePong(out long askedAt) ? Since(askedAt) : null;

    /// <summary>Stops the idle clock while this side does not receive (rule R4).</summary>
    public void SuspendIdle()
    {
        lock (_connection.Sync)
        {
            _heartbeat.Suspend();
            WatchPings();
        }
    }

    /// <summary>Watches the pings that wait, while this side does not receive: their pongs may lie behind what nobody reads.</summary>
    public void WatchPings()
    {
        lock (_connection.Sync)
        {
            if (IdleTimeout > 0 && _heartbeat.IsSuspended && _connection.HasPings && Watched.PongAt == Never)
                Set(ref Watched.PongAt, Now + IdleTimeout);
        }
    }

    /// <summary>Starts the idle clock again; with a ping, unless it rested but briefly.</summary>
    public void ResumeIdle()
    {
        lock (_connection.Sync)
        {
            if (_isEnded || IdleTimeout == 0)
                return;
            if (_watches is not null)
                _watches.PongAt = Never;
            _idleAt = _heartbeat.Resume(Now, IdleTimeout);
            Schedule();
        }
    }

    /// <summary>Watches that the transport takes what waits (rule S9).</summary>
    public void WatchWrite()
    {
        lock (_connection.Sync)
        {
            if (_connection.Terms.WriteStallTimeout == 0 || WatchesWrite)
                return;
            long now = Now;
            Watched.Progress(_connection.Transport.BytesSent, now);
            Set(ref Watched.StallAt, now + StallTick);
        }
    }

    /// <summary>Watches a compressor that may fall idle. Called under the lock.</summary>
    public void WatchDeflater(TimeSpan patience)
    {
        if (patience == TimeSpan.Zero || Watched.DeflaterAt != Never)
            return;
        Watched.DeflaterPatience = Sweep.Ticks(patience);
        Set(ref Watched.DeflaterAt, Now + Watched.DeflaterPatience);
    }

    /// <summary>Sets how long what ended the input waits for the application (rule C1).</summary>
    public void SetGrace(TimeSpan grace)
    {
        lock (_connection.Sync)
            Set(ref Watched.GraceAt, Now + Sweep.Ticks(grace));
    }

    /// <summary>Sets how long the close handshake may take from now (rule C3).</summary>
    public void SetCloseTimeout(TimeSpan timeout)
    {
        lock (_connection.Sync)
        {
            // The end of the connection is in sight: silence no longer matters.
            _idleAt = Never;
            _heartbeat.Suspend();
            Set(ref Watched.CloseAt, Now + Sweep.Ticks(timeout));
        }
    }

    internal override void OnDue(long now)
    {
        bool grace = false;
        bool close = false;
        HeartbeatAction action = HeartbeatAction.None;
        bool stalled = false;
        bool pong = false;
        bool hasLived = false;
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            if (Pass(ref _idleAt, now))
                action = _heartbeat.Decide(now, IdleTimeout, _connection.Receive.IsReceiving, out _idleAt);
            if (_watches is { } watches)
            {
                grace = Pass(ref watches.GraceAt, now);
                close = Pass(ref watches.CloseAt, now);
                long stallAt = watches.StallAt;
                stalled = Pass(ref watches.StallAt, now) && CheckWrite(watches, now, isLate: now - stallAt > _connection.Terms.WriteStallTimeout / 2);
                pong = Pass(ref watches.PongAt, now);
                hasLived = Pass(ref watches.LifetimeAt, now);
                if (Pass(ref watches.DeflaterAt, now))
                    watches.DeflaterAt = _connection.Send.ReleaseIdleDeflater(now, watches.DeflaterPatience);
                if (watches.Next == Never)
                    _watches = null;
            }

            Schedule();
        }

        if (pong)
            _connection.GiveUpPings(now - IdleTimeout);
        if (grace)
            _connection.Receive.ActOnEnd();
        if (close)
            _connection.Close.OnTimeout();
        if (hasLived)
            _connection.Close.Begin(Protocol.CloseCode.GoingAway, "Maximum lifetime reached.", CloseCause.LifetimeReached);
        if (stalled)
            _connection.Close.Fail(CloseCause.WriteStalled, exception: null);
        else if (action == HeartbeatAction.Ping)
            _connection.Send.TrySendControl(Protocol.Opcode.Ping, []);
        else if (action == HeartbeatAction.Fail)
            _connection.Close.OnIdle();
    }

    private static bool Pass(ref long dueAt, long now)
    {
        if (now < dueAt)
            return false;
        dueAt = Never;
        return true;
    }

    /// <summary>Tells whether nothing has been taken for the whole of the timeout; else watches on.</summary>
    /// <param name="watches">What is watched.</param>
    /// <param name="now">The time.</param>
    /// <param name="isLate">Whether this machine slept: the peer could take nothing meanwhile, and has its time from now on (rule T3).</param>
    private bool CheckWrite(Watches watches, long now, bool isLate)
    {
        // What waits for a streamed message to be completed does not wait for the peer.
        if (!_connection.Send.IsWriting)
            return false;
        long sent = _connection.Transport.BytesSent;
        if (sent != watches.BytesSent || isLate)
            watches.Progress(sent, now);
        long failAt = watches.ProgressAt + _connection.Terms.WriteStallTimeout;
        if (now >= failAt)
            return true;
        watches.StallAt = Math.Min(now + StallTick, failAt);
        return false;
    }

    private void Set(ref long field, long dueAt)
    {
        field = dueAt;
        Schedule();
    }

    private void Schedule()
    {
        long next = _watches is null ? _idleAt : Math.Min(_idleAt, _watches.Next);
        if (next < DueAt && !_isEnded)
            Sweep.Schedule(this, next);
    }

    /// <summary>What is watched now and then: made when the first of it is set, let go when nothing is left.</summary>
    private sealed class Watches
    {
        // Fields: each is passed on to be set.
        public long StallAt = Never;
        public long GraceAt = Never;
        public long CloseAt = Never;
        public long PongAt = Never;
        public long DeflaterAt = Never;
        public long LifetimeAt = Never;

        public long DeflaterPatience { get; set; }

        /// <summary>Gets how many bytes had been sent when the write was looked at last.</summary>
        public long BytesSent { get; private set; }

        /// <summary>Gets when it was seen last that some of them were taken.</summary>
        public long ProgressAt { get; private set; }

        public void Progress(long bytesSent, long now) => (BytesSent, ProgressAt) = (bytesSent, now);

        public long Next => Math.Min(Math.Min(Math.Min(StallAt, GraceAt), Math.Min(CloseAt, PongAt)), Math.Min(DeflaterAt, LifetimeAt));
    }
}
