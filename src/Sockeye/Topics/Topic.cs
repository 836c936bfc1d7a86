namespace Sockeye;

/// <summary>A topic that has subscribers. Guarded by the lock of its lane.</summary>
/// <remarks>The subscriptions lie in one array, each of which knows its place, so that a publication walks through memory, and one that ends
/// leaves its place to the last.</remarks>
internal sealed class Topic(string name, TopicLane lane)
{
    private const int Smallest = 4;

    private TopicSubscription[] _subscriptions = new TopicSubscription[Smallest];

    public string Name => name;

    public TopicLane Lane => lane;

    public int Count { get; private set; }

    public ReadOnlySpan<TopicSubscription> Subscriptions => _subscriptions.AsSpan(0, Count);

    public void Add(TopicSubscription subscription)
    {
        if (Count == _subscriptions.Length)
            Array.Resize(ref _subscriptions, 2 * Count);
        subscription.Index = Count;
        _subscriptions[Count++] = subscription;
    }

    public void Remove(TopicSubscription subscription)
    {
        TopicSubscription last = _subscriptions[--Count];
        _subscriptions[Count] = null!;
        if (last != subscription)
        {
            last.Index = subscription.Index;
            _subscriptions[last.Index] = last;
        }

        if (Count < _subscriptions.Length / 4 && _subscriptions.Length > Smallest)
            Array.Resize(ref _subscriptions, _subscriptions.Length / 2);
    }
}

/// <summary>Some of the topics of a hub, whose publications go out one after the other; those of other lanes go out beside them.</summary>
internal sealed class TopicLane
{
    /// <summary>Gets what sends the publications. Its lock guards the lane, its topics and their subscriptions.</summary>
    public Fanout Fanout { get; } = new();

    public Dictionary<string, Topic> Topics { get; } = [];

    public int Subscriptions { get; set; }

    public long Published { get; set; }

    public long Accepted { get; set; }
}
