namespace Sockeye.Diagnostics;

/// <summary>Keeps a line that others can cause as often as they like from filling a log: it is due once a minute.</summary>
/// <remarks>Safe from any thread.</remarks>
internal sealed class LogPace(TimeProvider time)
{
    private long _saidAt;

    /// <summary>Tells whether the line is due; then it counts as said.</summary>
    public bool IsDue()
    {
        long now = time.GetTimestamp();
        long last = Volatile.Read(ref _saidAt);
        bool isDue = last == 0 || time.GetElapsedTime(last, now) >= TimeSpan.FromMinutes(1);
        return isDue && Interlocked.CompareExchange(ref _saidAt, now, last) == last;
    }
}
