using System.Diagnostics.CodeAnalysis;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <content>The reader's side: the lease, and what was read ahead.</content>
internal sealed partial class ReceiveLoop
{
    // What reading ahead costs while the application wants nothing more: as if there were no room.
    private const long HeldCost = 1L << 40;

    // The lease: what the application was given last.
    private Incoming _lease;
    private int _version;
    private bool _isLeased;

    // What was read ahead: guarded by the lock.
    private Queue<Incoming>? _ahead;
    private long _aheadCost;
    private bool _isHeld;
    private bool _isIgnoring;
    private bool _isDiscarded;
    private Observation _control;

    /// <summary>Whether pings and pongs are for the application to see: not known before its first read.</summary>
    private enum Observation : byte
    {
        Unknown,
        Yes,
        No,
    }

    /// <summary>Gets whether messages are discarded.</summary>
    public bool IsIgnoring => _isIgnoring;

    /// <summary>Gets whether the application wants nothing more for the time being.</summary>
    public bool IsHeld => _isHeld;

    /// <summary>Gets the account of the end, once there is one.</summary>
    public CloseResult? Result => _result;

    /// <summary>Gets or sets whether what comes behind our Close is kept for a reader that is away. Guarded by the lock.</summary>
    public bool ReadsOn { get; set; }

    /// <summary>Gets whether what comes while no reader waits is discarded (rule C2).</summary>
    private bool DiscardsUnread => _connection.IsClosing && !ReadsOn;

    private bool HasAhead => _ahead is { Count: > 0 };

    private bool ObservesControl => _control switch
    {
        Observation.Yes => true,
        Observation.No => false,
        // Kept for a reader of events that has not come yet, as long as there is room; never at the price of a pause.
        _ => !_isIgnoring && Volatile.Read(ref _aheadCost) < Options.ReadAhead / 2,
    };

    /// <summary>Gets what is leased, if it still is.</summary>
    /// <exception cref="InvalidOperationException">The lease has ended.</exception>
    public Incoming Leased(int version)
    {
        if (version != _version || !_isLeased)
            ThrowStale();
        return _lease;
    }

    /// <summary>Gets the message that was read last.</summary>
    public WebSocketMessage Message => new(this, _version);

    /// <summary>Gets the event that was read last.</summary>
    public WebSocketEvent Event => new(this, _version);

    /// <summary>Keeps what is leased valid beyond the lease, for a send that needs it longer.</summary>
    /// <returns>What the caller releases once.</returns>
    public SharedMemory HoldLease(int version)
    {
        lock (_connection.Sync)
        {
            Leased(version);
            KeepLease();
            _lease.Hold!.AddReference();
            return _lease.Hold;
        }
    }

    /// <summary>Discards messages from here on, and keeps everything else alive, for handlers that only send.</summary>
    public void IgnoreMessages()
    {
        bool resume;
        lock (_connection.Sync)
        {
            _isIgnoring = true;
            _isHeld = false;
            DropAhead();
            resume = TryResume();
        }

        // There is nothing left to read before what ended the input.
        ActOnEnd();
        if (resume)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Stops receiving, as if enough had been read ahead.</summary>
    public void Hold()
    {
        lock (_connection.Sync)
        {
            if (_isHeld || _isIgnoring)
                return;
            _isHeld = true;
            _aheadCost += HeldCost;
        }
    }

    /// <summary>Receives again.</summary>
    public void ReleaseHold()
    {
        bool resume;
        lock (_connection.Sync)
        {
            if (!_isHeld)
                return;
            _isHeld = false;
            _aheadCost -= HeldCost;
            // A callback that is incomplete goes on by itself.
            resume = !_isCalling && TryResumeForReader();
        }

        if (resume)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Ends the lease and asks for the next message or event.</summary>
    /// <param name="events">Whether pings and pongs count.</param>
    /// <param name="throws">Whether an end that is not clean throws.</param>
    /// <param name="token">Ends the wait; nothing is lost.</param>
    /// <returns>Whether there is one: false at the end of the connection.</returns>
    public ValueTask<bool> NextAsync(bool events, bool throws, CancellationToken token)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<bool>(token);
        ThrowIfCalled();
        if (_isWaiting)
            ThrowSecondReader();

        _control = events ? Observation.Yes : Observation.No;
        _throws = throws && Options.ThrowOnAbnormalClose;
        if (t_running != this || _isDiscarded || _result is not null)
            return NextElsewhere(token);

        EndLease();
        if (HasAhead)
        {
            lock (_connection.Sync)
            {
                if (TakeAhead())
                    return new ValueTask<bool>(true);
            }
        }

        if (Parse(out Incoming item))
        {
            Lease(item);
            return new ValueTask<bool>(true);
        }

        return Wait(token);
    }

    /// <summary>Throws where messages go to a callback, and cannot be read.</summary>
    public void ThrowIfCalled()
    {
        if (_callbacks is not null)
            ThrowCallback();
    }

    public ValueTask<WebSocketMessage> ReceiveAsync(CancellationToken token)
    {
        ValueTask<bool> next = NextAsync(events: false, throws: true, token);
        if (next.IsCompletedSuccessfully)
            return new ValueTask<WebSocketMessage>(next.Result ? Message : default);
        return next.IsCompleted
            ? new ValueTask<WebSocketMessage>(Rethrow(next).Observed())
            : new ValueTask<WebSocketMessage>(this, _token);

        static async Task<WebSocketMessage> Rethrow(ValueTask<bool> failed)
        {
            await failed.ConfigureAwait(false);
            return default;
        }
    }

    /// <summary>Reads on a thread that does not run the loop: from what was read ahead, else by waiting.</summary>
    private ValueTask<bool> NextElsewhere(CancellationToken token)
    {
        bool resume;
        bool act = false;
        bool isEnd = false;
        ValueTask<bool> next = new(true);
        lock (_connection.Sync)
        {
            if (_isWaiting)
                ThrowSecondReader();
            EndLease();
            bool taken = TakeAhead();
            resume = TryResumeForReader();
            if (!taken)
            {
                act = IsStopped;
                isEnd = _result is not null;
                next = isEnd ? AtEnd() : Wait(token);
            }
        }

        if (isEnd)
            AllRead();
        if (act)
            ActOnEnd();
        if (resume)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return next;
    }

    private ValueTask<bool> AtEnd() => _throws && !_result!.IsClean
        ? new ValueTask<bool>(Task.FromException<bool>(new WebSocketClosedException(_result)).Observed())
        : new ValueTask<bool>(false);

    /// <summary>Gives an item to the reader, if one waits; else keeps it.</summary>
    /// <returns>False where a callback is busy with it: the loop goes on when it is done.</returns>
    private bool Deliver(Incoming item)
    {
        if (_callbacks is not null)
            return Call(item);
        // Behind messages read ahead that IgnoreMessages has just dropped, it must not be delivered: the lock tells. Likewise whether a
        // ping or pong is for a reader that has come since it was parsed.
        Action<object?>? continuation = HasAhead || _isIgnoring || !item.IsMessage ? null : TakeContinuation(Outcome.Item);
        if (continuation is null)
        {
            item = Keep(item);
            lock (_connection.Sync)
            {
                bool isDropped = item.IsMessage ? _isIgnoring : _control == Observation.No;
                // A reader may have come in the meantime.
                continuation = isDropped ? null : TakeContinuation(Outcome.Item);
                if (continuation is null)
                {
                    if (isDropped || _isIgnoring || DiscardsUnread || _result is not null)
                    {
                        Drop(item);
                        return true;
                    }

                    (_ahead ??= new Queue<Incoming>()).Enqueue(item);
                    _aheadCost += item.Cost;
                    return true;
                }
            }
        }

        Lease(item);
        Resume(continuation);
        if (!IsReaderWaiting)
            OnReaderAway();
        return true;
    }

    /// <summary>Lets go of what nobody takes, and where it is a piece, of all that comes behind it: a message must not have a hole.</summary>
    private void Drop(Incoming item)
    {
        item.Hold?.Release();
        _isIgnoring |= item.Part != MessagePart.Whole;
    }

    /// <summary>Copies what lies in the block, or keeps the block where the payload is a good part of it.</summary>
    private Incoming Keep(Incoming item)
    {
        if (item.Hold is not null)
            return item;
        if (item.Length >= DirectMinimum)
            return item with { Hold = Transport.Retain() };
        PooledArray copy = PooledArray.Copy(item.Payload, Arrays);
        return item with { Array = copy.Array, Start = 0, Hold = copy };
    }

    /// <summary>The handler has suspended with a message in its hands: what it sent leaves, and its lease outlives the block.</summary>
    private void OnReaderAway()
    {
        _connection.Send.Flush();
        lock (_connection.Sync)
            KeepLease();
    }

    /// <summary>Stops receiving once enough has been read ahead.</summary>
    private bool Pause()
    {
        if (Volatile.Read(ref _aheadCost) < Options.ReadAhead)
            return false;
        // Before the state: from then on another thread may be on the loop, and what is corked is its own.
        _connection.Send.Flush();
        lock (_connection.Sync)
        {
            if (_aheadCost < Options.ReadAhead || (IsReaderWaiting && !_isHeld) || DiscardsUnread || _result is not null)
                return false;
            // Before the state: whoever resumes starts the clock again.
            _connection.Deadlines.SuspendIdle();
            _state = State.Paused;
        }

        return true;
    }

    private bool TryResume()
    {
        if (_state != State.Paused)
            return false;
        _state = State.Active;
        _connection.Deadlines.ResumeIdle();
        return true;
    }

    /// <summary>Goes on receiving once a reader has taken half of what may be read ahead.</summary>
    private bool TryResumeForReader() => _aheadCost <= Options.ReadAhead / 2 && TryResume();

    private void Lease(Incoming item)
    {
        _lease = item;
        _version++;
        _isLeased = true;
    }

    private void EndLease()
    {
        PoisonLease();
        _isLeased = false;
        if (_lease.Hold is null)
            return;
        SharedMemory? hold;
        lock (_connection.Sync)
        {
            // A send on another thread may be about to hold it too.
            hold = _lease.Hold;
            _lease = default;
        }

        hold?.Release();
    }

    /// <summary>Makes a use of memory after its lease has ended show, in debug builds.</summary>
    [System.Diagnostics.Conditional("DEBUG")]
    private void PoisonLease()
    {
        if (_isLeased && _lease.Hold is null)
            _lease.Array.AsSpan(_lease.Start, _lease.Length).Fill(0xA5);
    }

    /// <summary>Makes a lease on the current block outlive it. Under the lock.</summary>
    private void KeepLease()
    {
        if (_isLeased && _lease.Hold is null)
            _lease = _lease with { Hold = Transport.Retain() };
    }

    private bool TakeAhead()
    {
        while (HasAhead)
        {
            Incoming item = _ahead!.Dequeue();
            _aheadCost -= item.Cost;
            if (item.IsMessage || _control == Observation.Yes)
            {
                Lease(item);
                return true;
            }

            item.Hold?.Release();
        }

        return false;
    }

    private void DropAhead()
    {
        while (HasAhead)
            _ahead!.Dequeue().Hold?.Release();
        _aheadCost = _isHeld ? HeldCost : 0;
    }

    /// <summary>Drops what has not been read, after the end of the connection: the application has aborted or disposed it.</summary>
    /// <param name="endLease">Whether the lease ends too: not by an abort, which may come from anywhere while a message is in use.</param>
    public void Discard(bool endLease)
    {
        lock (_connection.Sync)
        {
            _isDiscarded = true;
            DropAhead();
            if (endLease)
                EndLease();
        }
    }

    /// <summary>Resumes a reader that waits at the end of the connection, once it has read what was read ahead.</summary>
    private void EndReading()
    {
        Action<object?>? continuation;
        lock (_connection.Sync)
        {
            if (HasAhead)
                return;
            continuation = TakeContinuation(Outcome.End);
        }

        AllRead();
        if (continuation is null)
            return;
        // The loop has nothing else to do any more; whoever else found the end has.
        if (IsRunningHere)
            Resume(continuation);
        else
            ResumeLater(continuation);
    }

    /// <summary>Notes that the connection has ended and that nothing is left to read.</summary>
    private void AllRead()
    {
        lock (_connection.Sync)
        {
            _cancellation?.Unregister();
        }

        _connection.OnAllRead();
    }

    [DoesNotReturn]
    private static void ThrowStale() => throw new InvalidOperationException(
        "The message is no longer valid: it was leased until the next read. Use ToOwned, ToArray or GetText to keep it.");

    [DoesNotReturn]
    private static void ThrowSecondReader() => throw new InvalidOperationException(
        "Another read is waiting on this connection: only one reader at a time.");

    [DoesNotReturn]
    private static void ThrowCallback() => throw new InvalidOperationException(
        "The messages of this connection go to a callback (WebSocketHandler): it cannot be read.");
}
