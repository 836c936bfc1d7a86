namespace Sockeye;

/// <summary>What waits for a subscriber whose connection has no room: references to messages, in the order in which they were
/// published, within the bounds of the hub.</summary>
/// <remarks>Guarded by the monitor of the subscriber. There is one while something waits, and none otherwise: what is not slow pays for
/// nothing. As one deadline for all that waits in it, it serves the bound in age.</remarks>
internal sealed class Backlog : Deadline, ICompletionObserver, IThreadPoolWorkItem
{
    // What a place takes of memory, where the ring is half full at worst, and what a key takes besides.
    private const int PlaceCost = 48;
    private const int KeyCost = 80;

    private readonly Subscriber _subscriber;
    private readonly TopicHub _hub;
    private readonly CompletionWait _wait;
    private readonly long _maxAge;

    // A ring: the place of message n is n modulo its length, which is a power of two. Dropped out of the middle, a message leaves a gap.
    private Place[] _ring = new Place[4];
    private long _first;
    private long _end;
    private long _bytes;
    private Dictionary<ConflationKey, long>? _keys;

    private TaskCompletionSource? _withinBounds;
    private Exception? _failure;
    private bool _hasBegun;
    private bool _hasEnded;

    public Backlog(Subscriber subscriber)
    {
        _subscriber = subscriber;
        _hub = subscriber.Hub;
        _wait = new CompletionWait(this);
        _maxAge = Sweep.Ticks(Options.MaxBacklogAge);
    }

    private WebSocketConnection Connection => _subscriber.Connection;

    private TopicHubOptions Options => _hub.Options;

    private DeadlineSweep Sweep => Connection.Terms.Sweep;

    private bool LosesNothing => Options.SlowConsumer is SlowConsumerPolicy.Close or SlowConsumerPolicy.Wait;

    /// <summary>Takes a publication, as the policy says.</summary>
    /// <param name="publication">The publication.</param>
    /// <param name="waits">Takes what its publisher waits for.</param>
    public Delivery Add(in Publication publication, ref List<Task>? waits)
    {
        long now = Sweep.Now;
        if (Expire(now))
            return Delivery.Dropped;

        ConflationKey? key = Options.SlowConsumer == SlowConsumerPolicy.Conflate && publication.Key is not null
            ? new ConflationKey(publication.Topic, publication.Key)
            : null;
        var place = new Place(publication.Message, now, key);
        if (key is not null && _keys is not null && _keys.TryGetValue(key, out long at))
            return Replace(at, place);
        if (place.Cost > Options.MaxBacklogBytes - _bytes && !MakeRoom(place.Cost))
            return Delivery.Dropped;

        Append(place);
        if (Options.SlowConsumer == SlowConsumerPolicy.Wait && _bytes > Options.MaxBacklogBytes)
        {
            _hub.Counters.Add(HubCount.Waited, 1);
            _withinBounds ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (waits ??= []).Add(_withinBounds.Task);
        }

        return Delivery.Queued;
    }

    /// <summary>Begins to wait for room, with something that waits.</summary>
    public void Begin()
    {
        _hasBegun = true;
        _hub.Counters.Add(HubCount.Slow, 1);
        if (_maxAge > 0)
            Sweep.Schedule(this, _ring[0].At + _maxAge);
        // What fills it may be on its way out only when its publisher's event loop has the time. Whoever publishes a lot at once must
        // not make all slow.
        ThreadPool.UnsafeQueueUserWorkItem(Connection.Send, preferLocal: false);
        AwaitRoom();
    }

    /// <summary>Ends it: what waits is forgotten.</summary>
    public void End()
    {
        _hub.Counters.Add(HubCount.Abandoned, Clear());
        Finish();
    }

    /// <summary>Closes the connection of a slow subscriber.</summary>
    public void Close()
    {
        if (_failure is not null)
            Connection.Close.Fail(CloseCause.CompressionFailed, _failure);
        else
            Connection.Close.Begin(Options.CloseCode, Options.CloseReason, CloseCause.SlowConsumer);
    }

    void IThreadPoolWorkItem.Execute() => SendOn();

    void ICompletionObserver.OnCompleted(ValueTask task)
    {
        try
        {
            task.GetAwaiter().GetResult();
        }
        catch (WebSocketClosedException)
        {
            // What follows is refused.
        }

        SendOn();
    }

    /// <summary>Acts on the bound in age.</summary>
    internal override void OnDue(long now)
    {
        lock (_subscriber)
        {
            if (_hasEnded || Expire(now))
                return;
            if (_keys is not null)
                ExpireKeyed(now - _maxAge);
            if (_first == _end)
                _subscriber.DropBacklog();
            else
                Sweep.Schedule(this, Oldest() + _maxAge);
        }
    }

    /// <summary>Hands to the connection what it has room for.</summary>
    private void SendOn()
    {
        lock (_subscriber)
        {
            if (_hasEnded || Expire(Sweep.Now))
                return;
            try
            {
                while (_first != _end && TrySendFirst())
                {
                    // Each message finds its own room.
                }
            }
            catch (Exception e)
            {
                // It could not be compressed, and what comes behind it must not pass.
                _failure = e;
                _subscriber.Cut(this);
                return;
            }

            if (_first == _end)
                _subscriber.DropBacklog();
            else
                AwaitRoom();
            TellWithinBounds();
        }
    }

    private bool TrySendFirst()
    {
        if (At(_first).Message is not { } message)
        {
            _first++;
            return true;
        }

        switch (Connection.Send.TrySendPrepared(message))
        {
            case SendResult.Full:
                return false;
            case SendResult.Closed:
                _subscriber.DropBacklog();
                return false;
            default:
                Take(_first++);
                return true;
        }
    }

    private void AwaitRoom()
    {
        ValueTask room = Connection.Send.WhenRoomAsync();
        // Elsewhere in any case: the caller holds locks.
        if (room.IsCompleted)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        else
            _wait.Begin(room);
    }

    /// <summary>Makes room for a message beyond the bound in bytes, if the policy can.</summary>
    private bool MakeRoom(int cost)
    {
        // One message may be larger.
        if (_first == _end && Options.MaxBacklogBytes > 0)
            return true;
        switch (Options.SlowConsumer)
        {
            case SlowConsumerPolicy.Wait when _bytes <= Options.MaxBacklogBytes || _bytes + cost <= 2L * Options.MaxBacklogBytes:
                return true;

            case SlowConsumerPolicy.DropOldest or SlowConsumerPolicy.Conflate when Options.MaxBacklogBytes > 0:
                DropOldest(Math.Max(0, Options.MaxBacklogBytes - cost), keep: 0);
                return true;

            case SlowConsumerPolicy.Close or SlowConsumerPolicy.Wait:
                Cut();
                return false;

            default:
                _hub.Counters.Add(HubCount.DroppedNewest, 1);
                return false;
        }
    }

    private void DropOldest(long bytes, int keep)
    {
        long dropped = 0;
        while (_bytes > bytes && _end - _first > keep)
            dropped += Take(_first++) ? 1 : 0;
        _hub.Counters.Add(HubCount.DroppedOldest, dropped);
    }

    /// <summary>Puts a message in the place of one with the same key: behind all others, a key that changes often might never get its
    /// turn.</summary>
    private Delivery Replace(long at, in Place place)
    {
        Count(place.Cost - At(at).Cost);
        At(at) = place;
        _hub.Counters.Add(HubCount.Conflated, 1);
        DropOldest(Options.MaxBacklogBytes, keep: 1);
        return _first <= at ? Delivery.Queued : Delivery.Dropped;
    }

    /// <summary>Drops what has waited for too long, or closes the connection for it.</summary>
    /// <returns>Whether it is closed.</returns>
    private bool Expire(long now)
    {
        if (_maxAge == 0)
            return false;
        long limit = now - _maxAge;
        if (LosesNothing && _first < _end && At(_first).At <= limit)
        {
            Cut();
            return true;
        }

        long expired = 0;
        while (_first < _end && At(_first).At <= limit)
            expired += Take(_first++) ? 1 : 0;
        _hub.Counters.Add(HubCount.Expired, expired);
        return false;
    }

    /// <summary>Drops what has waited for too long wherever it is: one that took the place of another is younger than its place.</summary>
    private void ExpireKeyed(long limit)
    {
        long expired = 0;
        for (long i = _first; i < _end; i++)
            expired += At(i).At <= limit && Take(i) ? 1 : 0;
        _hub.Counters.Add(HubCount.Expired, expired);
    }

    private long Oldest()
    {
        if (_keys is null)
            return At(_first).At;
        long oldest = long.MaxValue - _maxAge;
        for (long i = _first; i < _end; i++)
        {
            if (At(i).Message is not null)
                oldest = Math.Min(oldest, At(i).At);
        }

        return oldest;
    }

    private void Cut()
    {
        _hub.Counters.Add(HubCount.Closed, 1);
        _subscriber.Cut(this);
    }

    private void Append(in Place place)
    {
        if (_end - _first == _ring.Length)
        {
            var larger = new Place[2 * _ring.Length];
            for (long i = _first; i < _end; i++)
                larger[i & (larger.Length - 1)] = At(i);
            _ring = larger;
        }

        if (place.Key is not null)
            (_keys ??= [])[place.Key] = _end;
        At(_end++) = place;
        Count(place.Cost);
        _hub.Counters.Add(HubCount.Queued, 1);
    }

    private ref Place At(long number) => ref _ring[number & (_ring.Length - 1)];

    /// <summary>Empties a place.</summary>
    /// <returns>Whether it held a message.</returns>
    private bool Take(long number)
    {
        ref Place place = ref At(number);
        if (place.Message is null)
            return false;
        Count(-place.Cost);
        if (place.Key is not null)
            _keys!.Remove(place.Key);
        place = default;
        return true;
    }

    private void Count(long bytes)
    {
        _bytes += bytes;
        _hub.Counters.Add(HubCount.BacklogBytes, bytes);
    }

    private long Clear()
    {
        long cleared = 0;
        while (_first < _end)
            cleared += Take(_first++) ? 1 : 0;
        return cleared;
    }

    private void Finish()
    {
        if (_hasBegun && !_hasEnded)
            _hub.Counters.Add(HubCount.Slow, -1);
        _hasEnded = true;
        Sweep.Cancel(this);
        TellWithinBounds();
    }

    private void TellWithinBounds()
    {
        if (_bytes > Options.MaxBacklogBytes)
            return;
        _withinBounds?.TrySetResult();
        _withinBounds = null;
    }

    /// <summary>What messages are conflated by.</summary>
    private sealed record ConflationKey(Topic Topic, string Key);

    /// <summary>A message that waits; without one, a gap.</summary>
    private readonly record struct Place(PreparedMessage? Message, long At, ConflationKey? Key)
    {
        /// <summary>Gets what it counts for.</summary>
        public int Cost => Message is null ? 0 : Message.Frame.Length + PlaceCost + (Key is null ? 0 : KeyCost);
    }
}
