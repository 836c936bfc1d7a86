namespace Sockeye.Testing;

/// <summary>A clock for tests, which moves only when it is told to. All members may be used from any thread.</summary>
/// <remarks>Give it to what is tested as its <see cref="TimeProvider"/>, as <see cref="WebSocketConnectionOptions.TimeProvider"/> for a
/// connection. A timer that is due at once fires with the next <see cref="Advance"/> as well, never by itself.</remarks>
public sealed class ManualTimeProvider : TimeProvider
{
    private const long FirstTimestamp = TimeSpan.TicksPerDay;

    private static readonly DateTimeOffset DefaultStart = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Lock _sync = new();
    private readonly List<ManualTimer> _timers = [];
    private readonly DateTimeOffset _start;
    private long _now = FirstTimestamp;

    /// <summary>Makes a clock.</summary>
    /// <param name="start">The time that it tells first; the beginning of 2026, UTC, where null.</param>
    public ManualTimeProvider(DateTimeOffset? start = null) => _start = (start ?? DefaultStart).ToUniversalTime();

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Gets how long it is until the next timer falls due, not below zero; null while none is set. A test waits for it, to move
    /// the clock only once the code that it tests has begun to wait.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            lock (_sync)
            {
                long next = _timers.Count == 0 ? long.MaxValue : _timers.Min(timer => timer.DueAt);
                return next == long.MaxValue ? null : TimeSpan.FromTicks(Math.Max(0, next - _now));
            }
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => Interlocked.Read(ref _now);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _start.AddTicks(GetTimestamp() - FirstTimestamp);

    /// <summary>Moves the clock, and fires every timer that falls due on the way, in order, on this thread.</summary>
    /// <param name="span">How far, not below zero.</param>
    /// <exception cref="ArgumentOutOfRangeException">The span is negative: the clock never goes back.</exception>
    public void Advance(TimeSpan span)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        long end = GetTimestamp() + span.Ticks;
        while (true)
        {
            ManualTimer? next;
            lock (_sync)
            {
                next = _timers.Where(timer => timer.DueAt <= end).MinBy(timer => timer.DueAt);
                if (next is null)
                {
                    Interlocked.Exchange(ref _now, Math.Max(_now, end));
                    return;
                }

                Interlocked.Exchange(ref _now, Math.Max(_now, next.DueAt));
                next.Passed();
            }

            next.Fire();
        }
    }

    /// <summary>Jumps without firing what falls due on the way until after the jump: a machine that slept.</summary>
    /// <param name="span">How far, not below zero.</param>
    /// <exception cref="ArgumentOutOfRangeException">The span is negative: the clock never goes back.</exception>
    public void Sleep(TimeSpan span)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        lock (_sync)
            Interlocked.Add(ref _now, span.Ticks);
        Advance(TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        lock (_sync)
            _timers.Add(timer);
        return timer;
    }

    private sealed class ManualTimer(ManualTimeProvider time, TimerCallback callback, object? state) : ITimer
    {
        private long _period = -1;

        public long DueAt { get; private set; } = long.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._sync)
            {
                DueAt = dueTime < TimeSpan.Zero ? long.MaxValue : time.GetTimestamp() + dueTime.Ticks;
                _period = period <= TimeSpan.Zero ? -1 : period.Ticks;
            }

            return true;
        }

        public void Passed() => DueAt = _period < 0 ? long.MaxValue : DueAt + _period;

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (time._sync)
                time._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
