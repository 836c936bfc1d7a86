using Sockeye.Transports;

namespace Sockeye;

/// <summary>All deadlines of one connection, as one entry in the sweep.</summary>
/// <remarks>Times are guarded by the lock of the connection. What falls due is acted on outside it.</remarks>
internal sealed class ConnectionDeadlines : Deadline
{
    private const long Never = long.MaxValue;

    private readonly WebSocketConnection _connection;
    private readonly Transport _transport;
    private readonly DeadlineSweep _sweep;
    private readonly Lock _sync;
    private readonly long _writeStall;
    private readonly long _pongTimeout;
    private Heartbeat _heartbeat;

    private long _idleAt = Never;
    private long _stallAt = Never;
    private long _graceAt = Never;
    private long _closeAt = Never;
    private long _pongAt = Never;
    private long _deflaterAt = Never;
    private long _deflaterPatience;
    private long _scheduledAt = Never;
    private long _bytesSentAtWatch;
    private bool _isEnded;

    public ConnectionDeadlines(WebSocketConnection connection, Transport transport, WebSocketConnectionOptions options)
    {
        _connection = connection;
        _transport = transport;
        _sync = connection.Sync;
        _sweep = DeadlineSweep.For(options.TimeProvider);
        _pongTimeout = _sweep.Ticks(options.IdleTimeout);
        _heartbeat = new Heartbeat(_pongTimeout);
        _writeStall = _sweep.Ticks(options.WriteStallTimeout ?? options.IdleTimeout);
    }

    public long Now => _sweep.Now;

    /// <summary>Gets when bytes came last.</summary>
    public long LastReceived => _heartbeat.LastReceived;

    /// <summary>Gets whether a write is watched.</summary>
    public bool WatchesWrite => Volatile.Read(ref _stallAt) != Never;

    public long Ticks(TimeSpan span) => _sweep.Ticks(span);

    public TimeSpan Since(long then) => _sweep.Elapsed(then, _sweep.Now);

    /// <summary>Begins to watch an open connection.</summary>
    public void Start()
    {
        lock (_sync)
        {
            long now = Now;
            _heartbeat.Received(now);
            _heartbeat.Decide(now, isListening: true, out _idleAt);
            Schedule();
        }
    }

    /// <summary>Ends all watching.</summary>
    public void End()
    {
        lock (_sync)
        {
            _isEnded = true;
            _sweep.Cancel(this);
        }
    }

    /// <summary>Notes that bytes came. Only the receive loop calls it.</summary>
    public void Received()
    {
        if (_heartbeat.IsOn)
            _heartbeat.Received(Now);
    }

    /// <summary>Stops the idle clock while this side does not receive (rule R4).</summary>
    public void SuspendIdle()
    {
        lock (_sync)
        {
            _heartbeat.Suspend();
            WatchPings();
        }
    }

    /// <summary>Watches the pings that wait, while this side does not receive: their pongs may lie behind what nobody reads.</summary>
    public void WatchPings()
    {
        lock (_sync)
        {
            if (_heartbeat is { IsOn: true, IsSuspended: true } && _pongAt == Never && _connection.HasPings)
                Set(ref _pongAt, Now + _pongTimeout);
        }
    }

    /// <summary>Starts the idle clock again; with a ping, unless it rested but briefly.</summary>
    public void ResumeIdle()
    {
        lock (_sync)
        {
            if (_isEnded || !_heartbeat.IsOn)
                return;
            _pongAt = Never;
            _idleAt = _heartbeat.Resume(Now);
            Schedule();
        }
    }

    /// <summary>Watches that the transport takes what waits (rule S9).</summary>
    public void WatchWrite()
    {
        lock (_sync)
        {
            if (_writeStall == 0 || _stallAt != Never)
                return;
            _bytesSentAtWatch = _transport.BytesSent;
            Set(ref _stallAt, Now + _writeStall);
        }
    }

    /// <summary>Watches a compressor that may fall idle. Called under the lock.</summary>
    public void WatchDeflater(TimeSpan patience)
    {
        if (_deflaterAt != Never || patience == TimeSpan.Zero)
            return;
        _deflaterPatience = Ticks(patience);
        Set(ref _deflaterAt, Now + _deflaterPatience);
    }

    /// <summary>Sets how long what ended the input waits for the application (rule C1).</summary>
    public void SetGrace(TimeSpan grace)
    {
        lock (_sync)
            Set(ref _graceAt, Now + Ticks(grace));
    }

    /// <summary>Sets how long the close handshake may take from now (rule C3).</summary>
    public void SetCloseTimeout(TimeSpan timeout)
    {
        lock (_sync)
        {
            // The end of the connection is in sight: silence no longer matters.
            _idleAt = Never;
            _heartbeat.Suspend();
            Set(ref _closeAt, Now + Ticks(timeout));
        }
    }

    internal override void OnDue(long now)
    {
        bool grace;
        bool close;
        HeartbeatAction action = HeartbeatAction.None;
        bool stalled = false;
        bool pong;
        lock (_sync)
        {
            if (_isEnded)
                return;
            grace = Pass(ref _graceAt, now);
            close = Pass(ref _closeAt, now);
            if (Pass(ref _stallAt, now))
                stalled = CheckWrite(now);
            if (Pass(ref _idleAt, now))
                action = _heartbeat.Decide(now, _connection.Receive.IsReceiving, out _idleAt);
            pong = Pass(ref _pongAt, now);
            if (Pass(ref _deflaterAt, now))
                _deflaterAt = _connection.Send.ReleaseIdleDeflater(now, _deflaterPatience);
            _scheduledAt = Never;
            Schedule();
        }

        if (pong)
            _connection.GiveUpPings(now - _pongTimeout);
        if (grace)
            _connection.Receive.ActOnEnd();
        if (close)
            _connection.Close.OnTimeout();
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

    /// <summary>Tells whether nothing has been taken since the watch began, and watches on.</summary>
    private bool CheckWrite(long now)
    {
        // What waits for a streamed message to be completed does not wait for the peer.
        if (!_connection.Send.IsWriting)
            return false;
        long sent = _transport.BytesSent;
        if (sent == _bytesSentAtWatch)
            return true;
        _bytesSentAtWatch = sent;
        _stallAt = now + _writeStall;
        return false;
    }

    private void Set(ref long field, long dueAt)
    {
        field = dueAt;
        Schedule();
    }

    private void Schedule()
    {
        long next = Math.Min(Math.Min(_idleAt, _stallAt), Math.Min(_graceAt, _closeAt));
        next = Math.Min(next, Math.Min(_pongAt, _deflaterAt));
        if (next >= _scheduledAt || _isEnded)
            return;
        _scheduledAt = next;
        _sweep.Schedule(this, next);
    }
}
