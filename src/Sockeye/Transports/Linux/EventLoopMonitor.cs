using System.Diagnostics;

namespace Sockeye.Transports.Linux;

/// <summary>Watches that no application holds the thread of a loop, and lets another thread lead where one does.</summary>
/// <remarks>It looks every two milliseconds while anything happens, and sleeps when nothing does. A look that comes late says
/// that this machine was busy, and counts for nothing.</remarks>
internal sealed class EventLoopMonitor
{
    private const int QuietLooks = 20;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);
    private static readonly long LateAfter = (long)(0.005 * Stopwatch.Frequency);
    private static readonly long Patience = (long)(0.003 * Stopwatch.Frequency);

    private readonly EventLoopGroup _group;
    private readonly Watch[] _watches;
    private readonly SemaphoreSlim _wake = new(0);
    private volatile bool _isAsleep;

    public EventLoopMonitor(EventLoopGroup group, EventLoop[] loops)
    {
        _group = group;
        _watches = [.. loops.Select(loop => new Watch(loop))];
        new Thread(Run) { IsBackground = true, Name = "Sockeye event loop monitor" }.UnsafeStart();
    }

    /// <summary>Says that a loop has something to do.</summary>
    public void Wake()
    {
        if (_isAsleep)
            WakeUp();
    }

    private void WakeUp()
    {
        _isAsleep = false;
        _wake.Release();
    }

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
        _isAsleep = true;
        // Loops read the flag without a fence, after each wait: from here on every one of them sees it.
        Interlocked.MemoryBarrierProcessWide();
        if (Look(Stopwatch.GetTimestamp(), isLate: true) && _isAsleep)
        {
            _isAsleep = false;
            return;
        }

        _wake.Wait();
    }

    /// <summary>What is known of one loop.</summary>
    private sealed class Watch(EventLoop loop)
    {
        private long _turns = -1;
        private long _since;

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

            if (ticket != Ticket || isLate)
            {
                Ticket = ticket;
                _since = now;
            }
            else
            {
                isHeld = now - _since >= Patience;
            }

            return true;
        }
    }
}
