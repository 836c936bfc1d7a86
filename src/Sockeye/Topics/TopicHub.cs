using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Passes messages on to the connections that have subscribed to their topic: rooms of a chat, symbols of a ticker.</summary>
/// <remarks>
/// <para>A message is framed once, and compressed once for all connections that agreed on the same parameters, as
/// <see cref="WebSocketServer.Broadcast"/> does it; all subscribers send it from the same memory. A subscription ends when it is
/// disposed, and by itself with its connection, of whatever server, or client.</para>
/// <para>Every subscriber of a topic gets its messages in one order, and what one publisher publishes, at whatever topics, in the order in
/// which it did. <see cref="SlowConsumerPolicy.Conflate"/> keeps that order for each key.</para>
/// <para>A subscriber that reads more slowly than is published costs the others nothing. What waits for it is bounded, and
/// <see cref="TopicHubOptions.SlowConsumer"/> says what is done at the bound.</para>
/// <para>All members may be called from any thread, also by handlers and callbacks. One hub can serve a whole application.</para>
/// </remarks>
public sealed class TopicHub : IDisposable
{
    private readonly TopicLane[] _lanes;
    private readonly BackplaneLinks? _links;
    private readonly Guid _node = Guid.NewGuid();
    private volatile bool _isDisposed;

    /// <summary>Makes a hub.</summary>
    /// <param name="options">How it behaves; <see cref="TopicHubOptions.Default"/> where null.</param>
    /// <param name="loggerFactory">Where the failures of a backplane are logged; nowhere where null.</param>
    public TopicHub(TopicHubOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        Options = options ?? TopicHubOptions.Default;
        // Topics in different lanes are published at beside each other.
        _lanes = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new TopicLane())];
        if (Options.Backplane is { } backplane)
            _links = new BackplaneLinks(this, backplane, new GuardedLogger(loggerFactory ?? NullLoggerFactory.Instance, "Sockeye.Topics"));
    }

    /// <summary>Gets how the hub behaves.</summary>
    public TopicHubOptions Options { get; }

    /// <summary>Gets what the hub holds, and what it has done since it was made: each figure as it is read, all of them not at the same
    /// instant.</summary>
    public TopicHubCounts Counts
    {
        get
        {
            int topics = 0;
            int subscriptions = 0;
            long published = 0;
            long accepted = 0;
            foreach (TopicLane lane in _lanes)
            {
                lock (lane.Fanout.Sync)
                {
                    topics += lane.Topics.Count;
                    subscriptions += lane.Subscriptions;
                    published += lane.Published;
                    accepted += lane.Accepted;
                }
            }

            return new TopicHubCounts
            {
                Topics = topics,
                Subscriptions = subscriptions,
                Slow = (int)Counters.Read(HubCount.Slow),
                BacklogBytes = Counters.Read(HubCount.BacklogBytes),
                Published = published,
                Accepted = accepted,
                Queued = Counters.Read(HubCount.Queued),
                Waited = Counters.Read(HubCount.Waited),
                DroppedNewest = Counters.Read(HubCount.DroppedNewest),
                DroppedOldest = Counters.Read(HubCount.DroppedOldest),
                Conflated = Counters.Read(HubCount.Conflated),
                Expired = Counters.Read(HubCount.Expired),
                Closed = Counters.Read(HubCount.Closed),
                Abandoned = Counters.Read(HubCount.Abandoned),
            };
        }
    }

    internal HubCounters Counters { get; } = new();

    /// <summary>Subscribes a connection to a topic: it gets what is published there from now on.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="topic">The topic: any text, compared character by character.</param>
    /// <returns>The subscription, which ends when it is disposed, and with the connection. A connection has one subscription to a topic:
    /// a second call gives the same. Where the connection has ended, it is one that is not active.</returns>
    /// <remarks>Costs about a hundred bytes, and no task, timer or closure. What other machines publish comes as soon as the
    /// <see cref="TopicHubOptions.Backplane"/> has subscribed, if this is the first connection here that wants the topic.</remarks>
    /// <exception cref="ObjectDisposedException">The hub has been disposed.</exception>
    public TopicSubscription Subscribe(WebSocketConnection connection, string topic)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(topic);
        TopicLane lane = LaneOf(topic);
        if (Subscriber.Of(connection, this, create: true) is not { } subscriber)
            return new TopicSubscription(new Subscriber(this, connection), new Topic(topic, lane));

        TopicSubscription? subscription;
        BackplaneLinks.Link? link = null;
        lock (lane.Fanout.Sync)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            subscription = subscriber.Find(topic);
            if (subscription is null)
            {
                bool isKnown = lane.Topics.TryGetValue(topic, out Topic? known);
                subscription = new TopicSubscription(subscriber, isKnown ? known! : new Topic(topic, lane));
                if (!subscriber.TryAdd(subscription))
                    return subscription;
                if (!isKnown)
                    lane.Topics.Add(topic, subscription.Subject);
                subscription.Begin();
            }

            link = _links?.Want(topic, isWanted: true);
        }

        _links?.Start(link);
        return subscription;
    }

    /// <summary>Ends the subscription of a connection to a topic.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="topic">The topic.</param>
    /// <returns>Whether there was one.</returns>
    public bool Unsubscribe(WebSocketConnection connection, string topic)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(topic);
        return Subscriber.Of(connection, this)?.Find(topic) is { } subscription && Remove(subscription);
    }

    /// <summary>Ends all subscriptions of a connection at this hub.</summary>
    /// <param name="connection">The connection.</param>
    public void UnsubscribeAll(WebSocketConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        Subscriber.Of(connection, this)?.RemoveAll();
    }

    /// <summary>Counts the connections of this machine that have subscribed to a topic.</summary>
    /// <param name="topic">The topic.</param>
    public int CountSubscribers(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        TopicLane lane = LaneOf(topic);
        lock (lane.Fanout.Sync)
            return lane.Topics.TryGetValue(topic, out Topic? known) ? known.Count : 0;
    }

    /// <summary>Publishes a message that was received: passes it on to all who have subscribed to a topic.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="message">The message, which is copied at the call: its lease need not last until the task completes.</param>
    /// <param name="except">A connection to leave out, such as the one that the message came from; null for none.</param>
    /// <param name="key">What it is conflated by (<see cref="SlowConsumerPolicy.Conflate"/>); null for nothing.</param>
    /// <param name="cancellationToken">See <see cref="PublishAsync(string, PreparedMessage, WebSocketConnection, string, CancellationToken)"/>.</param>
    /// <returns>See <see cref="PublishAsync(string, PreparedMessage, WebSocketConnection, string, CancellationToken)"/>.</returns>
    /// <exception cref="InvalidOperationException">The lease has ended, or the message is the end of its connection, or a piece.</exception>
    /// <exception cref="ObjectDisposedException">The hub has been disposed.</exception>
    public ValueTask<PublishResult> PublishAsync(
        string topic,
        WebSocketMessage message,
        WebSocketConnection? except = null,
        string? key = null,
        CancellationToken cancellationToken = default)
    {
        Incoming leased = message.Whole;
        return PublishAsync(topic, PreparedMessage.Of(leased), except, key, cancellationToken);
    }

    /// <summary>Publishes a text.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="text">The text; a lone surrogate is sent as U+FFFD.</param>
    /// <param name="except">A connection to leave out; null for none.</param>
    /// <param name="key">What it is conflated by (<see cref="SlowConsumerPolicy.Conflate"/>); null for nothing.</param>
    /// <param name="cancellationToken">See <see cref="PublishAsync(string, PreparedMessage, WebSocketConnection, string, CancellationToken)"/>.</param>
    /// <returns>See <see cref="PublishAsync(string, PreparedMessage, WebSocketConnection, string, CancellationToken)"/>.</returns>
    /// <exception cref="ObjectDisposedException">The hub has been disposed.</exception>
    public ValueTask<PublishResult> PublishTextAsync(
        string topic,
        string text,
        WebSocketConnection? except = null,
        string? key = null,
        CancellationToken cancellationToken = default) =>
        PublishAsync(topic, new PreparedMessage(text), except, key, cancellationToken);

    /// <summary>Publishes a message.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="message">The message; it may be published at any number of topics.</param>
    /// <param name="except">A connection to leave out, such as the one that the message came from; null for none.</param>
    /// <param name="key">What it is conflated by (<see cref="SlowConsumerPolicy.Conflate"/>); null for nothing.</param>
    /// <param name="cancellationToken">Ends the wait; the message has been published on this machine before there is one. A token that is
    /// cancelled already publishes nothing.</param>
    /// <returns>A task with the account of whom it reached on this machine. It has completed when the method returns, but where
    /// <see cref="SlowConsumerPolicy.Wait"/> holds the publisher up, or the <see cref="TopicHubOptions.Backplane"/> takes its time.
    /// It need not be awaited then: the order is that of the calls in any case. A backplane that fails fails no publication:
    /// <see cref="PublishResult.BackplaneError"/> tells of it.</returns>
    /// <exception cref="InvalidOperationException">The message could not be compressed.</exception>
    /// <exception cref="ObjectDisposedException">The hub has been disposed.</exception>
    public ValueTask<PublishResult> PublishAsync(
        string topic,
        PreparedMessage message,
        WebSocketConnection? except = null,
        string? key = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(message);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<PublishResult>(cancellationToken);

        List<Task>? waits = null;
        PublishResult result = PublishHere(topic, message, except, key, ref waits);
        ValueTask<Exception?> forwarding = _links is null
            ? default
            : _links.PublishAsync(topic, new BackplaneMessage(_node, message, key), cancellationToken);
        return waits is null && forwarding.IsCompletedSuccessfully
            ? new ValueTask<PublishResult>(result with { BackplaneError = forwarding.Result })
            : new ValueTask<PublishResult>(AwaitAsync(result, waits, forwarding, cancellationToken).Observed());
    }

    /// <summary>Ends every subscription, here and at the backplane. Nothing is subscribed or published any more. The connections stay
    /// open. More than once does nothing.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (TopicLane lane in _lanes)
        {
            while (First(lane) is { } subscription)
                Remove(subscription);
        }

        static TopicSubscription? First(TopicLane lane)
        {
            lock (lane.Fanout.Sync)
            {
                foreach (Topic topic in lane.Topics.Values)
                    return topic.Subscriptions[^1];
                return null;
            }
        }
    }

    /// <summary>Ends a subscription.</summary>
    /// <returns>False where it had ended.</returns>
    internal bool Remove(TopicSubscription subscription)
    {
        Topic topic = subscription.Subject;
        BackplaneLinks.Link? link = null;
        lock (topic.Lane.Fanout.Sync)
        {
            if (!subscription.IsActive)
                return false;
            subscription.End();
            subscription.Subscriber.Remove(subscription);
            if (topic.Count == 0)
            {
                topic.Lane.Topics.Remove(topic.Name);
                link = _links?.Want(topic.Name, isWanted: false);
            }

            if (topic.Lane.Subscriptions == 0)
                topic.Lane.Fanout.Release();
        }

        _links?.Start(link);
        return true;
    }

    /// <summary>Takes what another node has published.</summary>
    internal ValueTask ReceiveAsync(string topic, BackplaneMessage message)
    {
        if (message.Origin == _node || _isDisposed)
            return default;
        List<Task>? waits = null;
        PublishHere(topic, message.Message, except: null, message.Key, ref waits);
        return waits is null ? default : new ValueTask(Task.WhenAll(waits));
    }

    private PublishResult PublishHere(
        string topic, PreparedMessage message, WebSocketConnection? except, string? key, ref List<Task>? waits)
    {
        int accepted = 0;
        int queued = 0;
        int dropped = 0;
        TopicLane lane = LaneOf(topic);
        lock (lane.Fanout.Sync)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!lane.Topics.TryGetValue(topic, out Topic? known))
                return default;
            var publication = new Publication(known, message, key);
            try
            {
                foreach (TopicSubscription subscription in known.Subscriptions)
                {
                    if (subscription.Connection == except)
                        continue;
                    Delivery delivery = subscription.Subscriber.Deliver(publication, ref waits);
                    accepted += delivery == Delivery.Accepted ? 1 : 0;
                    queued += delivery == Delivery.Queued ? 1 : 0;
                    dropped += delivery == Delivery.Dropped ? 1 : 0;
                }
            }
            finally
            {
                lane.Fanout.End();
            }

            lane.Published++;
            lane.Accepted += accepted;
        }

        Telemetry.Published(accepted, queued, dropped);
        return new PublishResult(accepted, queued, dropped);
    }

    private static async Task<PublishResult> AwaitAsync(
        PublishResult result, List<Task>? waits, ValueTask<Exception?> forwarding, CancellationToken token)
    {
        Exception? error = await forwarding.ConfigureAwait(false);
        if (waits is not null)
            await Task.WhenAll(waits).WaitAsync(token).ConfigureAwait(false);
        return result with { BackplaneError = error };
    }

    private TopicLane LaneOf(string topic) => _lanes[(uint)StringComparer.Ordinal.GetHashCode(topic) % (uint)_lanes.Length];
}
