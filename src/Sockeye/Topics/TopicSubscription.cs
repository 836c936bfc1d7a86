namespace Sockeye;

/// <summary>A connection's subscription to a topic, which ends when it is disposed, and with the connection.</summary>
/// <remarks>Safe from any thread.</remarks>
public sealed class TopicSubscription : IDisposable
{
    // Guarded by the lock of the lane.
    private bool _isActive;

    internal TopicSubscription(Subscriber subscriber, Topic topic)
    {
        Subscriber = subscriber;
        Subject = topic;
    }

    /// <summary>Gets the topic.</summary>
    public string Topic => Subject.Name;

    /// <summary>Gets the connection.</summary>
    public WebSocketConnection Connection => Subscriber.Connection;

    /// <summary>Gets whether it has not ended.</summary>
    public bool IsActive => Volatile.Read(ref _isActive);

    internal Subscriber Subscriber { get; }

    internal Topic Subject { get; }

    /// <summary>Gets or sets its place at the topic. Guarded by the lock of the lane.</summary>
    internal int Index { get; set; }

    /// <summary>Gets or sets the next one of the same connection at the same hub. Guarded by the subscriber.</summary>
    internal TopicSubscription? Next { get; set; }

    /// <summary>Gets or sets the one before it. Guarded by the subscriber.</summary>
    internal TopicSubscription? Previous { get; set; }

    /// <summary>Ends the subscription; more than once does nothing.</summary>
    public void Dispose() => Subscriber.Hub.Remove(this);

    /// <summary>Takes its place. Called under the lock of the lane.</summary>
    internal void Begin()
    {
        Subject.Add(this);
        Subject.Lane.Subscriptions++;
        _isActive = true;
    }

    /// <summary>Gives its place up. Called under the lock of the lane.</summary>
    internal void End()
    {
        _isActive = false;
        Subject.Lane.Subscriptions--;
        Subject.Remove(this);
    }
}
