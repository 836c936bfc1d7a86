using System.Diagnostics.CodeAnalysis;

namespace Sockeye;

/// <summary>The messages of a <see cref="ReconnectingWebSocket"/> that are not settled, in order.</summary>
/// <remarks>First stand those that the connection of the moment has taken, behind them those that wait. One thread at a time takes messages
/// out to a connection and says what became of them; any thread adds. All state is guarded by the lock.</remarks>
internal sealed class ReconnectingOutbox
{
    // A timer runs for 49 days at most; one that comes too early is set again.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    private readonly ReconnectingWebSocketOptions _options;
    private readonly TimeProvider _time;
    private readonly Action _added;
    private readonly Action<OutboxMessage> _lost;

    private readonly Lock _sync = new();
    private readonly LinkedList<OutboxMessage> _messages = new();
    private readonly LinkedList<RoomWait> _waiting = new();
    private readonly Queue<(long Number, TaskCompletionSource Done)> _flushes = new();
    private readonly List<OutboxMessage> _untold = [];
    private (long Number, TaskCompletionSource Done) _lastFlush;
    private LinkedListNode<OutboxMessage>? _firstQueued;
    private long _lastNumber;
    private long _bytes;
    private WebSocketReconnectException? _end;
    private ITimer? _timer;
    private bool _isTimerSet;

    /// <summary>Makes an empty outbox.</summary>
    /// <param name="options">Its bounds.</param>
    /// <param name="added">Told, under the lock, of each message that has come to wait for a connection, whoever made room for it.</param>
    /// <param name="lost">Told, outside the lock, of each message that was settled otherwise than by being confirmed.</param>
    public ReconnectingOutbox(ReconnectingWebSocketOptions options, Action added, Action<OutboxMessage> lost)
    {
        _options = options;
        _time = options.Reconnect.TimeProvider;
        _added = added;
        _lost = lost;
    }

    public int Count
    {
        get
        {
            lock (_sync)
                return _messages.Count;
        }
    }

    public long Bytes
    {
        get
        {
            lock (_sync)
                return _bytes;
        }
    }

    /// <summary>Gets the last message that the connection of the moment has taken and that is not settled; null for none.</summary>
    public OutboxMessage? LastTaken
    {
        get
        {
            lock (_sync)
                return LastTakenNode?.Value;
        }
    }

    private LinkedListNode<OutboxMessage>? LastTakenNode => _firstQueued is null ? _messages.Last : _firstQueued.Previous;

    /// <summary>Adds a message, or does with it what is to be done where there is no room.</summary>
    public ValueTask<OutboxMessage> AddAsync(OutboxMessage message, CancellationToken token)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<OutboxMessage>(token);

        RoomWait? wait = null;
        lock (_sync)
        {
            if (_end is not null)
                return new ValueTask<OutboxMessage>(Task.FromException<OutboxMessage>(_end).Observed());
            if (_waiting.Count == 0 && HasRoom(message))
                Append(message);
            else if (_options.WhenFull == OutboxPolicy.Wait)
                _waiting.AddLast(wait = new RoomWait(message));
            else
                AddOrDrop(message);
        }

        TellLost();
        return wait is null ? new ValueTask<OutboxMessage>(message) : new ValueTask<OutboxMessage>(WaitForRoomAsync(wait, token).Observed());
    }

    /// <summary>Takes the next message that waits, for a connection.</summary>
    public OutboxMessage? TakeNext()
    {
        OutboxMessage? taken = null;
        lock (_sync)
        {
            Expire();
            MakeRoom();
            if (_firstQueued is { } node)
            {
                taken = node.Value;
                taken.Become(DeliveryState.Accepted);
                _firstQueued = node.Next;
            }
        }

        TellLost();
        return taken;
    }

    /// <summary>Puts the message back that was taken last: the connection did not accept it.</summary>
    public void GiveBack()
    {
        lock (_sync)
        {
            _firstQueued = LastTakenNode;
            _firstQueued!.Value.Become(DeliveryState.Queued);
            WatchAge();
        }
    }

    /// <summary>Notes that the operating system has taken all messages up to one.</summary>
    public void Written(OutboxMessage last)
    {
        lock (_sync)
        {
            for (LinkedListNode<OutboxMessage>? node = _messages.First; IsTakenUpTo(node, last); node = node.Next)
                node.Value.Become(DeliveryState.Written);
        }
    }

    /// <summary>Notes that the peer has read all messages up to one.</summary>
    public void Confirmed(OutboxMessage last)
    {
        lock (_sync)
        {
            while (IsTakenUpTo(_messages.First, last))
                Settle(_messages.First!, DeliveryState.Confirmed);
            MakeRoom();
        }
    }

    /// <summary>Notes that the connection has ended. What has not begun to leave waits for the next one, in its place; about the rest
    /// nobody knows.</summary>
    /// <param name="handedOver">The number of messages that had begun to leave on that connection.</param>
    public void Lost(int handedOver)
    {
        lock (_sync)
        {
            for (LinkedListNode<OutboxMessage>? node = _messages.First, next; node != _firstQueued; node = next)
            {
                next = node!.Next;
                // The numbers wrap.
                if (node.Value.NumberThere - handedOver <= 0)
                    Settle(node, DeliveryState.Uncertain);
                else
                    node.Value.Become(DeliveryState.Queued);
            }

            _firstQueued = _messages.First;
            Expire();
            WatchAge();
            MakeRoom();
        }

        TellLost();
    }

    /// <summary>Ends it: nothing is accepted any more, and what waits stays unsent.</summary>
    public void End(ReconnectFailure? failure)
    {
        lock (_sync)
        {
            _end = new WebSocketReconnectException(failure);
            while (_messages.First is { } node)
                Settle(node, DeliveryState.Unsent);
            foreach (RoomWait wait in _waiting)
                wait.Done.TrySetException(_end);
            _waiting.Clear();
            _timer?.Dispose();
            TellFlushed();
        }

        TellLost();
    }

    /// <summary>Completes when everything that is in the outbox now has been settled.</summary>
    public Task FlushAsync(CancellationToken token)
    {
        lock (_sync)
        {
            if (_messages.Count == 0)
                return Task.CompletedTask;
            // Who asks again before there is another message waits for the same: however often that is, there are no more than messages.
            if (_lastFlush.Number != _lastNumber)
            {
                _lastFlush = (_lastNumber, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                _flushes.Enqueue(_lastFlush);
            }

            return _lastFlush.Done.Task.WaitAsync(token);
        }
    }

    private bool IsTakenUpTo([NotNullWhen(true)] LinkedListNode<OutboxMessage>? node, OutboxMessage last) =>
        node is not null && node != _firstQueued && node.Value.Number <= last.Number;

    private bool HasRoom(OutboxMessage message) => HasRoom(message, _messages.Count, _bytes);

    private bool HasRoom(OutboxMessage message, int count, long bytes) => count == 0
        || (count < _options.MaxMessages && bytes + message.Payload.Length <= _options.MaxBytes);

    private void Append(OutboxMessage message)
    {
        message.Number = ++_lastNumber;
        _bytes += message.Payload.Length;
        LinkedListNode<OutboxMessage> node = _messages.AddLast(message);
        _firstQueued ??= node;
        WatchAge();
        _added();
    }

    private void AddOrDrop(OutboxMessage message)
    {
        if (_options.WhenFull == OutboxPolicy.DropOldest && TryDropFor(message))
        {
            Append(message);
            return;
        }

        message.Become(DeliveryState.Dropped);
        _untold.Add(message);
    }

    /// <summary>Drops the oldest messages that wait, as many as make room for another one.</summary>
    /// <returns>Whether there is room now; where all of them would make none, none is dropped.</returns>
    private bool TryDropFor(OutboxMessage message)
    {
        LinkedListNode<OutboxMessage>? kept = _firstQueued;
        long bytes = _bytes;
        for (int count = _messages.Count; !HasRoom(message, count, bytes); count--)
        {
            if (kept is null)
                return false;
            bytes -= kept.Value.Payload.Length;
            kept = kept.Next;
        }

        while (_firstQueued != kept)
            Settle(_firstQueued!, DeliveryState.Dropped);
        return true;
    }

    /// <summary>Takes a message out, whose fate is known.</summary>
    private void Settle(LinkedListNode<OutboxMessage> node, DeliveryState state)
    {
        if (_firstQueued == node)
            _firstQueued = node.Next;
        _messages.Remove(node);
        _bytes -= node.Value.Payload.Length;
        node.Value.Become(state);
        if (state != DeliveryState.Confirmed)
            _untold.Add(node.Value);
        TellFlushed();
    }

    private void MakeRoom()
    {
        while (_waiting.First is { } wait && HasRoom(wait.Value.Message))
        {
            _waiting.RemoveFirst();
            Append(wait.Value.Message);
            wait.Value.Done.TrySetResult();
        }
    }

    private async Task<OutboxMessage> WaitForRoomAsync(RoomWait wait, CancellationToken token)
    {
        await using CancellationTokenRegistration registration = token.UnsafeRegister(
            (_, cancelled) =>
            {
                lock (_sync)
                {
                    _waiting.Remove(wait);
                    wait.Done.TrySetCanceled(cancelled);
                    MakeRoom();
                }
            },
            null);
        await wait.Done.Task.ConfigureAwait(false);
        return wait.Message;
    }

    private void TellFlushed()
    {
        while (_flushes.TryPeek(out (long Number, TaskCompletionSource Done) flush)
            && (_messages.First is not { } first || first.Value.Number > flush.Number))
        {
            _flushes.Dequeue().Done.TrySetResult();
        }
    }

    private void Expire()
    {
        while (_firstQueued is { } node && _options.MaxAge is { } age && _time.GetElapsedTime(node.Value.SentAt) >= age)
            Settle(node, DeliveryState.Expired);
    }

    /// <summary>Lets the clock tell when the message that waits longest is too old.</summary>
    private void WatchAge()
    {
        if (_isTimerSet || _firstQueued is not { } oldest || _options.MaxAge is not { } age || _end is not null)
            return;
        TimeSpan rest = age - _time.GetElapsedTime(oldest.Value.SentAt);
        _isTimerSet = true;
        _timer ??= _time.CreateTimer(static state => ((ReconnectingOutbox)state!).OnAge(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(rest < TimeSpan.Zero ? TimeSpan.Zero : rest < LongestTimer ? rest : LongestTimer, Timeout.InfiniteTimeSpan);
    }

    private void OnAge()
    {
        lock (_sync)
        {
            _isTimerSet = false;
            Expire();
            WatchAge();
            MakeRoom();
        }

        TellLost();
    }

    private void TellLost()
    {
        OutboxMessage[] lost;
        lock (_sync)
        {
            if (_untold.Count == 0)
                return;
            lost = [.. _untold];
            _untold.Clear();
        }

        foreach (OutboxMessage message in lost)
            _lost(message);
    }

    private sealed class RoomWait(OutboxMessage message)
    {
        public OutboxMessage Message { get; } = message;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
