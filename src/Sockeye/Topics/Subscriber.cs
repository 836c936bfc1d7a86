namespace Sockeye;

/// <summary>A connection at a hub: its subscriptions, and what waits for it where it is slow.</summary>
/// <remarks>Guarded by its own monitor, which is taken inside the lock of a lane and outside that of the connection. It lasts as long as the
/// connection does.</remarks>
internal sealed class Subscriber(TopicHub hub, WebSocketConnection connection) : ConnectionCompanion
{
    private TopicSubscription? _subscriptions;
    private Backlog? _backlog;
    private bool _isEnded;

    public TopicHub Hub => hub;

    public WebSocketConnection Connection => connection;

    /// <summary>Gets the subscriber that a connection is at a hub.</summary>
    /// <returns>Null where the connection has ended.</returns>
    public static Subscriber? Of(WebSocketConnection connection, TopicHub hub, bool create = false)
    {
        lock (connection.Sync)
        {
            for (ConnectionCompanion? companion = connection.Companions; companion is not null; companion = companion.Next)
            {
                if (companion is Subscriber known && known.Hub == hub)
                    return known;
            }

            if (!create)
                return null;
            var made = new Subscriber(hub, connection);
            return connection.TryAccompany(made) ? made : null;
        }
    }

    /// <summary>Finds the subscription to a topic; null where there is none.</summary>
    public TopicSubscription? Find(string topic)
    {
        lock (this)
        {
            TopicSubscription? subscription = _subscriptions;
            while (subscription is not null && subscription.Topic != topic)
                subscription = subscription.Next;
            return subscription;
        }
    }

    /// <summary>Takes a subscription. Called under the lock of its lane.</summary>
    /// <returns>False where the connection has ended.</returns>
    public bool TryAdd(TopicSubscription subscription)
    {
        lock (this)
        {
            if (_isEnded)
                return false;
            subscription.Next = _subscriptions;
            if (_subscriptions is not null)
                _subscriptions.Previous = subscription;
            _subscriptions = subscription;
            return true;
        }
    }

    /// <summary>Forgets a subscription. Called under the lock of its lane. With the last one goes what waits.</summary>
    public void Remove(TopicSubscription subscription)
    {
        lock (this)
        {
            if (subscription.Previous is null)
                _subscriptions = subscription.Next;
            else
                subscription.Previous.Next = subscription.Next;
            if (subscription.Next is not null)
                subscription.Next.Previous = subscription.Previous;
            subscription.Next = subscription.Previous = null;
            if (_subscriptions is null)
                DropBacklog();
        }
    }

    /// <summary>Ends every subscription.</summary>
    public void RemoveAll()
    {
        while (First() is { } subscription)
            hub.Remove(subscription);

        TopicSubscription? First()
        {
            lock (this)
                return _subscriptions;
        }
    }

    /// <summary>Sends the connection a publication, or lets it wait. Called under the lock of the lane.</summary>
    public Delivery Deliver(in Publication publication, ref List<Task>? waits)
    {
        // A publisher finds what it has published before: a backlog that has gone was sent before it went.
        if (Volatile.Read(ref _backlog) is null)
        {
            switch (publication.Topic.Lane.Fanout.Send(publication.Message, connection))
            {
                case SendResult.Accepted or SendResult.AcceptedAboveHighWater:
                    return Delivery.Accepted;
                case SendResult.Closed:
                    return Delivery.None;
            }
        }

        lock (this)
        {
            if (_isEnded || !connection.IsOpen)
                return Delivery.None;
            Backlog backlog = _backlog ?? new Backlog(this);
            Delivery delivery = backlog.Add(publication, ref waits);
            if (_backlog is null && delivery == Delivery.Queued)
            {
                Volatile.Write(ref _backlog, backlog);
                backlog.Begin();
            }

            return delivery;
        }
    }

    /// <summary>Closes the connection, because it is slow, and forgets what waits. Called under the monitor.</summary>
    public void Cut(Backlog backlog)
    {
        _isEnded = true;
        // It stays, so that nothing passes what is dropped.
        Volatile.Write(ref _backlog, backlog);
        backlog.End();
        // Elsewhere: what closes a connection may write to it.
        ThreadPool.UnsafeQueueUserWorkItem(static cut => cut.Close(), backlog, preferLocal: false);
    }

    /// <summary>Forgets what waits. Called under the monitor.</summary>
    public void DropBacklog()
    {
        _backlog?.End();
        Volatile.Write(ref _backlog, null);
    }

    protected override void OnConnectionEnded()
    {
        lock (this)
        {
            _isEnded = true;
            DropBacklog();
        }

        RemoveAll();
    }
}

/// <summary>Says what became of a publication at one subscriber.</summary>
internal enum Delivery : byte
{
    /// <summary>The connection is closing, or has ended.</summary>
    None,

    /// <summary>The connection has accepted it.</summary>
    Accepted,

    /// <summary>It waits.</summary>
    Queued,

    /// <summary>It was dropped, or the connection is closed for it.</summary>
    Dropped,
}

/// <summary>A message that is published.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Message">The message.</param>
/// <param name="Key">What it is conflated by; null for nothing.</param>
internal readonly record struct Publication(Topic Topic, PreparedMessage Message, string? Key);
