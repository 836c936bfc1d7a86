using System.Runtime.CompilerServices;

namespace Sockeye;

/// <summary>A moment at which something must be looked at. Moved lazily: what happens in between only notes the time.</summary>
internal abstract class Deadline
{
    private long _dueAt = long.MaxValue;

    internal int HeapIndex { get; set; } = -1;

    /// <summary>Gets or sets when it is due; <see cref="long.MaxValue"/> while it is not scheduled. Set under the lock of the sweep.</summary>
    internal long DueAt
    {
        get => Volatile.Read(ref _dueAt);
        set => Volatile.Write(ref _dueAt, value);
    }

    /// <summary>Looks at what is due. Called by the sweep, on a thread of the pool, one call at a time for each deadline.</summary>
    /// <param name="now">The timestamp of the sweep.</param>
    internal abstract void OnDue(long now);

    /// <summary>Takes note of an exception that <see cref="OnDue"/> let through. It must not throw.</summary>
    /// <param name="exception">The exception.</param>
    internal virtual void OnFailed(Exception exception)
    {
    }
}

/// <summary>Serves all deadlines of one clock with one timer, so that a connection costs no timer, token source or task
/// (rule T3).</summary>
/// <remarks>A binary heap under a lock. Any thread may schedule and cancel. The lock is never held while a deadline is served.</remarks>
internal sealed class DeadlineSweep
{
    private const double LongestWait = 24 * 60 * 60 * 1000;

    private static readonly ConditionalWeakTable<TimeProvider, DeadlineSweep> Sweeps = [];

    private readonly TimeProvider _time;
    private readonly Lock _sync = new();
    private readonly ITimer _timer;
    private Deadline[] _heap = new Deadline[16];
    private int _count;
    private long _timerDueAt = long.MaxValue;
    private bool _isSweeping;

    private DeadlineSweep(TimeProvider time)
    {
        _time = time;
        if (ExecutionContext.IsFlowSuppressed())
        {
            _timer = CreateTimer();
            return;
        }

        using (ExecutionContext.SuppressFlow())
            _timer = CreateTimer();
    }

    private ITimer CreateTimer() =>
        _time.CreateTimer(static state => ((DeadlineSweep)state!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public static DeadlineSweep For(TimeProvider time) => Sweeps.GetValue(time, static key => new DeadlineSweep(key));

    public long Now => _time.GetTimestamp();

    /// <summary>Converts a length of time to timestamps of this clock.</summary>
    /// <remarks>At most a quarter of what a timestamp holds, some decades: a sum of two of them does not overflow.</remarks>
    public long Ticks(TimeSpan span) => (long)Math.Min(span.TotalSeconds * _time.TimestampFrequency, long.MaxValue / 4.0);

    public TimeSpan Elapsed(long from, long to) => _time.GetElapsedTime(from, to);

    /// <summary>Sets when a deadline is due, earlier or later than before.</summary>
    public void Schedule(Deadline deadline, long dueAt)
    {
        lock (_sync)
        {
            deadline.DueAt = dueAt;
            if (deadline.HeapIndex < 0)
            {
                if (_count == _heap.Length)
                    Array.Resize(ref _heap, _count * 2);
                Place(deadline, _count++);
            }

            SiftDown(SiftUp(deadline.HeapIndex));
            SetTimer();
        }
    }

    public void Cancel(Deadline deadline)
    {
        lock (_sync)
            Remove(deadline);
    }

    private void Sweep()
    {
        lock (_sync)
        {
            _timerDueAt = long.MaxValue;
            if (_isSweeping)
                return; // whoever sweeps looks again before it stops
            _isSweeping = true;
        }

        while (true)
        {
            Deadline due;
            long now;
            lock (_sync)
            {
                now = Now;
                if (_count == 0 || _heap[0].DueAt > now)
                {
                    _isSweeping = false;
                    SetTimer();
                    return;
                }

                due = _heap[0];
                Remove(due);
            }

            try
            {
                due.OnDue(now);
            }
            catch (Exception e)
            {
                // Foreign code (a scheduling context) threw: the deadlines of all others are still served.
                due.OnFailed(e);
            }
        }
    }

    private void SetTimer()
    {
        if (_isSweeping || _count == 0 || _heap[0].DueAt >= _timerDueAt)
            return;

        _timerDueAt = _heap[0].DueAt;
        double ticks = Math.Max(0, _timerDueAt - Now);
        // Rounded up to a whole millisecond: a timer that fires early would only be set again. A day is not too long for any timer.
        double wait = Math.Min(Math.Ceiling(ticks * 1000.0 / _time.TimestampFrequency), LongestWait);
        _timer.Change(TimeSpan.FromMilliseconds(wait), Timeout.InfiniteTimeSpan);
    }

    private void Remove(Deadline deadline)
    {
        int index = deadline.HeapIndex;
        if (index < 0)
            return;

        deadline.HeapIndex = -1;
        deadline.DueAt = long.MaxValue;
        Deadline last = _heap[--_count];
        _heap[_count] = null!;
        if (index == _count)
            return;

        Place(last, index);
        SiftDown(SiftUp(index));
    }

    private int SiftUp(int index)
    {
        Deadline moving = _heap[index];
        while (index > 0 && _heap[(index - 1) / 2].DueAt > moving.DueAt)
        {
            Place(_heap[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }

        Place(moving, index);
        return index;
    }

    private void SiftDown(int index)
    {
        Deadline moving = _heap[index];
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= _count)
                break;
            if (child + 1 < _count && _heap[child + 1].DueAt < _heap[child].DueAt)
                child++;
            if (_heap[child].DueAt >= moving.DueAt)
                break;
            Place(_heap[child], index);
            index = child;
        }

        Place(moving, index);
    }

    private void Place(Deadline deadline, int index)
    {
        _heap[index] = deadline;
        deadline.HeapIndex = index;
    }
}
