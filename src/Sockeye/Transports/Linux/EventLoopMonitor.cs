using System.Diagnostics;

namespace Sockeye.Transports.Linux;

/// <summary>Watches that no application holds the thread of a loop, and lets another thread lead where one does.</summary>
/// <remarks>It looks every two milliseconds while anything happens, and sleeps when nothing does. A look that comes late says
/// that this machine was busy, maybe too busy for the leader to get on: it is not the first to tell that somebody is held. But a
/// machine may be busy for long, so it does not make the earlier looks forgotten either.</remarks>
internal sealed class EventLoopMonitor
{
    private const int QuietLooks = 20;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);
    private static readonly long LateAfter = (long)(0.005 * Stopwatch.Frequency);
    private static readonly long Patience = (long)(0.003 * Stopwatch.Frequency);

    private readonly EventLoopGroup _group;
    private readonly Watch[] _watches;
    private readonly SemaphoreSlim _wake = new(0);
    private int _isAsleep;
    private int _sleeps;

    public EventLoopMonitor(EventLoopGroup group, EventLoop[] loops)
    {
        _group = group;
        _watches = [.. loops.Select(loop => new Watch(loop))];
        new Thread(Run) { IsBackground = true, Name = "Sockeye event loop monitor" }.UnsafeStart();
    }

    /// <summary>Gets how often it has gone to sleep.</summary>
    public int Sleeps => Volatile.Read(ref _sleeps);

    /// <summary>Gets whether it sleeps.</summary>
    public bool IsAsleep => Volatile.Read(ref _isAsleep) != 0;

    /// <summary>Says that code of a connection is about to run.</summary>
    public void Wake()
    {
        if (IsAsleep)
            WakeUp();
    }

    private void WakeUp()
    {
        // Of several loops one wakes it: a second time would be kept, and end the next sleep.
        if (TryEndSleep())
            _wake.Release();
    }

    private bool TryEndSleep() => Interlocked.Exchange(ref _isAsleep, 0) != 0;

    private void Run()
    {
        int quiet = 0;
        long last = Stopwatch.GetTimestamp();
        while (true)
        {
            Thread.Sleep(Interval);
            long now = Stopwatch.GetTimestamp();
            bool isLate = now - last > LateAfter;
            last = now;
            quiet = Look(now, isLate) ? 0 : quiet + 1;
            if (quiet < QuietLooks)
                continue;
            quiet = 0;
            Sleep();
            last = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Looks at each loop.</summary>
    /// <returns>Whether anything has happened since the last look.</returns>
    private bool Look(long now, bool isLate)
    {
        bool isBusy = false;
        foreach (Watch watch in _watches)
        {
            isBusy |= watch.Look(now, isLate, out bool isHeld);
            if (isHeld)
                TakeOver(watch);
        }

        return isBusy;
    }

    private void TakeOver(Watch watch)
    {
        if (_group.TakeThread() is not { } thread)
            return;
        if (watch.Loop.TryTakeOver(watch.Ticket))
            thread.Lead(watch.Loop);
        else
            _group.Return(thread);
    }

    /// <summary>Sleeps until a loop wakes it, unless one has something to do already.</summary>
    private void Sleep()
    {
        Volatile.Write(ref _isAsleep, 1);
        // Loops read the flag without a fence, behind their ticket: either they see it from here on, or the ticket is seen here.
        Interlocked.MemoryBarrierProcessWide();
        if (Look(Stopwatch.GetTimestamp(), isLate: true) && TryEndSleep())
            return;

        Interlocked.Increment(ref _sleeps);
        _wake.Wait();
    }

    /// <summary>What is known of one loop.</summary>
    private sealed class Watch(EventLoop loop)
    {
        // So many late looks in a row tell as much as one in time.
        private const int LateLooks = 3;

        private long _turns = -1;
        private long _since;
        private int _lateLooks;

        public EventLoop Loop => loop;

        public long Ticket { get; private set; }

        public bool Look(long now, bool isLate, out bool isHeld)
        {
            isHeld = false;
            long ticket = loop.Section;
            if (ticket == 0)
            {
                Ticket = 0;
                bool isBusy = loop.Turns != _turns;
                _turns = loop.Turns;
                return isBusy;
            }

            if (ticket != Ticket)
            {
                Ticket = ticket;
                _since = now;
                _lateLooks = 0;
            }
            else
            {
                _lateLooks = isLate ? _lateLooks + 1 : 0;
                isHeld = _lateLooks is 0 or >= LateLooks && now - _since >= Patience;
            }

            return true;
        }
    }
}
