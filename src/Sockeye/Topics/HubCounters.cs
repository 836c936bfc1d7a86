namespace Sockeye;

/// <summary>What a hub counts about its slow subscribers; any thread adds.</summary>
internal sealed class HubCounters
{
    // Fields: each is passed on to be added to.
    public long Slow;
    public long BacklogBytes;
    public long Queued;
    public long Waited;
    public long DroppedNewest;
    public long DroppedOldest;
    public long Conflated;
    public long Expired;
    public long Closed;
    public long Abandoned;

    public static void Add(ref long counter, long count)
    {
        if (count != 0)
            Interlocked.Add(ref counter, count);
    }
}
