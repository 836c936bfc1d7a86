using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;
using Sockeye.Transports;

namespace Sockeye;

/// <content>The reader's side: the lease, what was read ahead, and the wait.</content>
internal sealed partial class ReceiveLoop : IValueTaskSource<bool>, IValueTaskSource<WebSocketMessage>
{
    private readonly bool _throwOnAbnormalClose;

    // The lease: what the application was given last.
    private Incoming _lease;
    private int _version;
    private bool _isLeased;

    // What was read ahead: guarded by the lock.
    private Queue<Incoming>? _ahead;
    private int _aheadCost;
    private bool _isIgnoring;
    private bool _isDiscarded;
    private Observation _control;

    // The reader that waits.
    private bool _isWaiting;
    private bool _throws;
    private short _token;
    private Outcome _outcome;
    private Action<object?>? _continuation;
    private object? _continuationState;
    private object? _scheduler;
    private ExecutionContext? _context;
    private CancellationToken _waitToken;
    private CancellationToken _registeredToken;
    private CancellationTokenRegistration _registration;

    private enum Outcome : byte
    {
        Pending,
        Item,
        End,
        Canceled,
    }

    /// <summary>Whether pings and pongs are for the application to see: not known before its first read.</summary>
    private enum Observation : byte
    {
        Unknown,
        Yes,
        No,
    }

    /// <summary>Gets whether messages are discarded.</summary>
    public bool IsIgnoring => _isIgnoring;

    /// <summary>Gets the account of the end, once there is one.</summary>
    public CloseResult? Result => _result;

    /// <summary>Gets whether a reader waits.</summary>
    public bool IsReaderWaiting => Volatile.Read(ref _continuation) is not null;

    private bool HasAhead => _ahead is { Count: > 0 };

    /// <summary>Gets whether a reader has asked and has not been answered, be it that it waits already or is about to.</summary>
    private bool IsAsking => _isWaiting && _outcome == Outcome.Pending;

    private bool ObservesControl => _control switch
    {
        Observation.Yes => true,
        Observation.No => false,
        // Kept for a reader of events that has not come yet, as long as there is room; never at the price of a pause.
        _ => !_isIgnoring && Volatile.Read(ref _aheadCost) < _readAhead / 2,
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
        lock (_sync)
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
        lock (_sync)
        {
            _isIgnoring = true;
            DropAhead();
            resume = TryResume();
        }

        // There is nothing left to read before what ended the input.
        ActOnEnd();
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
        if (_callback is not null)
            ThrowCallback();
        if (_isWaiting)
            ThrowSecondReader();

        _control = events ? Observation.Yes : Observation.No;
        _throws = throws && _throwOnAbnormalClose;
        if (t_running != this || _isDiscarded)
            return NextElsewhere(token);

        EndLease();
        if (HasAhead)
        {
            lock (_sync)
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

    public ValueTask<WebSocketMessage> ReceiveAsync(CancellationToken token)
    {
        ValueTask<bool> next = NextAsync(events: false, throws: true, token);
        if (next.IsCompletedSuccessfully)
            return new ValueTask<WebSocketMessage>(next.Result ? Message : default);
        return next.IsCompleted
            ? new ValueTask<WebSocketMessage>(Rethrow(next))
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
        lock (_sync)
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
        ? ValueTask.FromException<bool>(new WebSocketClosedException(_result))
        : new ValueTask<bool>(false);

    private ValueTask<bool> Wait(CancellationToken token)
    {
        _isWaiting = true;
        _outcome = Outcome.Pending;
        _waitToken = token;
        _token++;
        return new ValueTask<bool>(this, _token);
    }

    /// <summary>Gives an item to the reader, if one waits; else keeps it.</summary>
    /// <returns>False where a callback is busy with it: the loop goes on when it is done.</returns>
    private bool Deliver(Incoming item)
    {
        if (_callback is not null)
            return Call(item);
        // Behind messages read ahead that IgnoreMessages has just dropped, it must not be delivered: the lock tells.
        Action<object?>? continuation = HasAhead || _isIgnoring ? null : TakeContinuation(Outcome.Item);
        if (continuation is null)
        {
            item = Keep(item);
            lock (_sync)
            {
                bool isDropped = _isIgnoring && item.IsMessage;
                // A reader may have come in the meantime.
                continuation = isDropped ? null : TakeContinuation(Outcome.Item);
                if (continuation is null)
                {
                    if (_isIgnoring || _connection.Close.HasBegun || _result is not null)
                    {
                        item.Hold!.Release();
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

    /// <summary>Copies what lies in the block, or keeps the block where the payload is a good part of it.</summary>
    private Incoming Keep(Incoming item)
    {
        if (item.Hold is not null)
            return item;
        if (item.Length >= DirectMinimum)
            return item with { Hold = _transport.Retain() };
        PooledArray copy = PooledArray.Copy(item.Payload, _buffers.Arrays);
        return item with { Array = copy.Array, Start = 0, Hold = copy };
    }

    /// <summary>The handler has suspended with a message in its hands: what it sent leaves, and its lease outlives the block.</summary>
    private void OnReaderAway()
    {
        _connection.Send.Flush();
        lock (_sync)
            KeepLease();
    }

    /// <summary>Stops receiving once enough has been read ahead.</summary>
    private bool Pause()
    {
        if (Volatile.Read(ref _aheadCost) < _readAhead)
            return false;
        lock (_sync)
        {
            if (_aheadCost < _readAhead || IsReaderWaiting || _connection.Close.HasBegun || _result is not null)
                return false;
            // Before the state: whoever resumes starts the clock again.
            _connection.Deadlines.SuspendIdle();
            _state = State.Paused;
        }

        _connection.Send.Flush();
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
    private bool TryResumeForReader() => _aheadCost <= _readAhead / 2 && TryResume();

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
        lock (_sync)
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
            _lease = _lease with { Hold = _transport.Retain() };
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
        _aheadCost = 0;
    }

    /// <summary>Drops what has not been read, after the end of the connection: the application has aborted or disposed it.</summary>
    /// <param name="endLease">Whether the lease ends too: not by an abort, which may come from anywhere while a message is in use.</param>
    public void Discard(bool endLease)
    {
        lock (_sync)
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
        lock (_sync)
        {
            if (HasAhead)
                return;
            continuation = TakeContinuation(Outcome.End);
        }

        AllRead();
        if (continuation is not null)
            ResumeLater(continuation);
    }

    /// <summary>Notes that the connection has ended and that nothing is left to read.</summary>
    private void AllRead()
    {
        lock (_sync)
        {
            _registration.Unregister();
            _registration = default;
            _registeredToken = default;
        }

        _connection.OnAllRead();
    }

    /// <summary>Takes the reader that waits, to resume it with an outcome: only one gets it.</summary>
    private Action<object?>? TakeContinuation(Outcome outcome)
    {
        if (Volatile.Read(ref _continuation) is null || Interlocked.Exchange(ref _continuation, null) is not { } continuation)
            return null;
        _outcome = outcome;
        return continuation;
    }

    /// <summary>Resumes the reader right here, unless it must run elsewhere.</summary>
    private void Resume(Action<object?> continuation)
    {
        if (_scheduler is null && _context is null)
            continuation(_continuationState);
        else if (_scheduler is null)
            new Resumption(continuation, _continuationState, _context).Run();
        else
            Post(_scheduler, new Resumption(continuation, _continuationState, _context));
    }

    /// <summary>Resumes the reader on a thread of the pool: whoever found the end has other things to do.</summary>
    private void ResumeLater(Action<object?> continuation)
    {
        var reader = new Resumption(continuation, _continuationState, _context);
        if (_scheduler is null)
            ThreadPool.UnsafeQueueUserWorkItem(reader, preferLocal: false);
        else
            Post(_scheduler, reader);
    }

    private static void Post(object scheduler, Resumption reader)
    {
        if (scheduler is SynchronizationContext context)
        {
            context.Post(static s => ((Resumption)s!).Run(), reader);
        }
        else
        {
            _ = Task.Factory.StartNew(
                static s => ((Resumption)s!).Run(), reader, CancellationToken.None, TaskCreationOptions.DenyChildAttach, (TaskScheduler)scheduler);
        }
    }

    /// <summary>Ends the wait of a reader whose token has fired. A message that comes stays for the next one (rule R5).</summary>
    private void CancelWait()
    {
        Action<object?>? continuation;
        lock (_sync)
        {
            if (!_waitToken.IsCancellationRequested)
                return;
            continuation = TakeContinuation(Outcome.Canceled);
        }

        if (continuation is not null)
            ResumeLater(continuation);
    }

    /// <summary>Registers with the token of a wait, before the wait can end. A registration is kept while the same token comes
    /// again.</summary>
    /// <returns>Whether the token can end the wait: that of the handler does not, the end of the connection does.</returns>
    private bool WatchToken(CancellationToken token)
    {
        if (!token.CanBeCanceled || token == _connection.HandlerToken)
            return false;
        if (token == _registeredToken)
            return true;
        lock (_sync)
        {
            _registration.Unregister();
            _registeredToken = token;
            _registration = token.UnsafeRegister(static loop => ((ReceiveLoop)loop!).CancelWait(), this);
        }

        return true;
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource<WebSocketMessage>.GetStatus(short token) => GetStatus(token);

    bool IValueTaskSource<bool>.GetResult(short token) => GetResult(token);

    WebSocketMessage IValueTaskSource<WebSocketMessage>.GetResult(short token) => GetResult(token) ? Message : default;

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        OnCompleted(continuation, state, token, flags);

    void IValueTaskSource<WebSocketMessage>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        OnCompleted(continuation, state, token, flags);

    private ValueTaskSourceStatus GetStatus(short token)
    {
        CheckToken(token);
        return _outcome switch
        {
            Outcome.Pending => ValueTaskSourceStatus.Pending,
            Outcome.Canceled => ValueTaskSourceStatus.Canceled,
            Outcome.End when _throws && !_result!.IsClean => ValueTaskSourceStatus.Faulted,
            _ => ValueTaskSourceStatus.Succeeded,
        };
    }

    private bool GetResult(short token)
    {
        CheckToken(token);
        Outcome outcome = _outcome;
        if (outcome == Outcome.Pending)
            throw new InvalidOperationException("The read has not completed: await it.");
        _isWaiting = false;
        _continuationState = _scheduler = null;
        _context = null;
        switch (outcome)
        {
            case Outcome.Item:
                return true;
            case Outcome.Canceled:
                throw new OperationCanceledException(_waitToken);
            default:
                return _throws && !_result!.IsClean ? throw new WebSocketClosedException(_result) : false;
        }
    }

    private void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        CheckToken(token);
        CaptureContext(flags);
        _continuationState = state;
        CancellationToken cancellation = _waitToken;
        bool isWatched = WatchToken(cancellation);
        if (t_running == this && !HasAhead)
        {
            // The loop looks at it as soon as this thread is back there.
            Interlocked.Exchange(ref _continuation, continuation);
        }
        else if (!TryWait(continuation, out bool resume))
        {
            ResumeLater(continuation);
            if (resume)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }
        else
        {
            _connection.Send.Flush();
            // Behind pings that were read ahead and that this reader does not want, the input may have stopped.
            ActOnEnd();
        }

        // It may have fired before there was a wait to end.
        if (isWatched && cancellation.IsCancellationRequested)
            CancelWait();
    }

    /// <summary>Lets the reader wait, unless what it waits for has come in the meantime.</summary>
    private bool TryWait(Action<object?> continuation, out bool resume)
    {
        resume = false;
        lock (_sync)
        {
            if (TakeAhead())
            {
                _outcome = Outcome.Item;
                resume = TryResumeForReader();
                return false;
            }

            if (_result is not null)
            {
                _outcome = Outcome.End;
                return false;
            }

            Interlocked.Exchange(ref _continuation, continuation);
            return true;
        }
    }

    private void CaptureContext(ValueTaskSourceOnCompletedFlags flags)
    {
        if ((flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0)
            _context = ExecutionContext.Capture();
        if ((flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) == 0)
            return;
        SynchronizationContext? context = SynchronizationContext.Current;
        if (context is not null && context.GetType() != typeof(SynchronizationContext))
            _scheduler = context;
        else if (TaskScheduler.Current != TaskScheduler.Default)
            _scheduler = TaskScheduler.Current;
    }

    private void CheckToken(short token)
    {
        if (token != _token)
            throw new InvalidOperationException("A read was awaited twice: await the task of each read once.");
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

    /// <summary>A reader that is to be resumed in its context, or on another thread.</summary>
    private sealed class Resumption(Action<object?> continuation, object? state, ExecutionContext? context) : IThreadPoolWorkItem
    {
        public void Run()
        {
            if (context is null)
                Continue();
            else
                ExecutionContext.Run(context, static s => ((Resumption)s!).Continue(), this);
        }

        void IThreadPoolWorkItem.Execute() => Run();

        private void Continue() => continuation(state);
    }
}
