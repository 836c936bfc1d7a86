namespace Sockeye;

/// <summary>What a hub counts about its slow subscribers; any thread adds. All hubs of the process together are counted as well.</summary>
internal sealed class HubCounters
{
    private const int Count = (int)HubCount.Abandoned + 1;

    private static readonly long[] OfAll = new long[Count];

    private readonly long[] _own = new long[Count];

    /// <summary>Reads what all hubs together have counted.</summary>
    public static long ReadAll(HubCount what) => Interlocked.Read(ref OfAll[(int)what]);

    public long Read(HubCount what) => Interlocked.Read(ref _own[(int)what]);

    public void Add(HubCount what, long count)
    {
        if (count == 0)
            return;
        Interlocked.Add(ref _own[(int)what], count);
        Interlocked.Add(ref OfAll[(int)what], count);
    }
}

/// <summary>Names what a hub counts about its slow subscribers: see <see cref="TopicHubCounts"/>.</summary>
internal enum HubCount
{
    /// <summary>Subscribers for which messages wait.</summary>
    Slow,

    /// <summary>Bytes that wait for them.</summary>
    BacklogBytes,

    /// <summary>Messages that began to wait.</summary>
    Queued,

    /// <summary>Times that a publisher waited.</summary>
    Waited,

    /// <summary>Messages that found no room.</summary>
    DroppedNewest,

    /// <summary>Messages that made room for newer ones.</summary>
    DroppedOldest,

    /// <summary>Messages whose place a newer one with the same key took.</summary>
    Conflated,

    /// <summary>Messages that waited for too long.</summary>
    Expired,

    /// <summary>Subscribers that were closed for being slow.</summary>
    Closed,

    /// <summary>Messages that waited when their subscription or its connection ended.</summary>
    Abandoned,
}
