using System.Threading.Tasks.Sources;

namespace Sockeye;

/// <content>The wait of a reader: who resumes it, with which outcome, and where it goes on.</content>
/// <remarks>A wait begins with <see cref="Wait"/>, when a reader asks, and is published with its continuation, when it awaits. From
/// then on whoever takes the continuation answers: the loop with an item, a token, or the end of the connection.</remarks>
internal sealed partial class ReceiveLoop : IValueTaskSource<bool>, IValueTaskSource<WebSocketMessage>
{
    private bool _isWaiting;
    private bool _throws;
    private short _token;
    private Outcome _outcome;
    private Action<object?>? _continuation;
    private object? _continuationState;
    private WaitToken? _cancellation;

    private enum Outcome : byte
    {
        Pending,
        Item,
        End,
        Canceled,
    }

    /// <summary>Gets whether a reader waits.</summary>
    public bool IsReaderWaiting => Volatile.Read(ref _continuation) is not null;

    /// <summary>Gets whether a reader has asked and has not been answered, be it that it waits already or is about to.</summary>
    private bool IsAsking => _isWaiting && _outcome == Outcome.Pending;

    private ValueTask<bool> Wait(CancellationToken token)
    {
        _isWaiting = true;
        _outcome = Outcome.Pending;
        // That of the handler does not end the wait, the end of the connection does.
        if (token.CanBeCanceled && token != _connection.HandlerToken)
            (_cancellation ??= new WaitToken(this)).Token = token;
        else if (_cancellation is not null)
            _cancellation.Token = default;
        _token++;
        return new ValueTask<bool>(this, _token);
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
    private void Resume(Action<object?> continuation) => continuation(_continuationState);

    /// <summary>Resumes the reader on a thread of the pool: whoever found the end has other things to do.</summary>
    private void ResumeLater(Action<object?> continuation)
    {
        if (_continuationState is Resumption { IsPosted: true })
            continuation(_continuationState);
        else
            ThreadPool.UnsafeQueueUserWorkItem(continuation, _continuationState, preferLocal: false);
    }

    /// <summary>Ends the wait of a reader whose token has fired. A message that comes stays for the next one (rule R5).</summary>
    private void CancelWait()
    {
        Action<object?>? continuation;
        lock (_connection.Sync)
        {
            if (!_cancellation!.Token.IsCancellationRequested)
                return;
            continuation = TakeContinuation(Outcome.Canceled);
        }

        if (continuation is not null)
            ResumeLater(continuation);
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
        _continuationState = null;
        switch (outcome)
        {
            case Outcome.Item:
                return true;
            case Outcome.Canceled:
                throw new OperationCanceledException(_cancellation!.Token);
            default:
                return _throws && !_result!.IsClean ? throw new WebSocketClosedException(_result) : false;
        }
    }

    private void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        CheckToken(token);
        Resumption.Capture(flags, ref continuation, ref state);
        _continuationState = state;
        CancellationToken cancellation = _cancellation?.Token ?? default;
        _cancellation?.Watch();
        if (t_running == this && !HasAhead)
        {
            // The loop looks at it as soon as this thread is back there.
            Interlocked.Exchange(ref _continuation, continuation);
        }
        else if (!TryWait(continuation, out bool resume, out bool act))
        {
            ResumeLater(continuation);
            if (resume)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }
        else
        {
            _connection.Send.Flush();
            // Behind pings that were read ahead and that this reader does not want, the input may have stopped. Where it stops only now,
            // the loop sees to it: this reader may have been given something, and more may have been read ahead.
            if (act)
                ActOnEnd();
        }

        // It may have fired before there was a wait to end.
        if (cancellation.IsCancellationRequested)
            CancelWait();
    }

    /// <summary>Lets the reader wait, unless what it waits for has come in the meantime.</summary>
    /// <param name="continuation">What resumes the reader.</param>
    /// <param name="resume">Whether the loop is to go on receiving.</param>
    /// <param name="act">Whether what ended the input is to act: its turn has come.</param>
    private bool TryWait(Action<object?> continuation, out bool resume, out bool act)
    {
        resume = act = false;
        lock (_connection.Sync)
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

            act = IsStopped;
            Interlocked.Exchange(ref _continuation, continuation);
            return true;
        }
    }

    private void CheckToken(short token)
    {
        if (token != _token)
            throw new InvalidOperationException("A read was awaited twice: await the task of each read once.");
    }

    /// <summary>What can end a wait from outside: there once a reader has come with a token. A registration is kept while the same token
    /// comes again.</summary>
    private sealed class WaitToken(ReceiveLoop loop)
    {
        private CancellationToken _registered;
        private CancellationTokenRegistration _registration;

        /// <summary>Gets or sets the token of the wait; none where it cannot be ended.</summary>
        public CancellationToken Token { get; set; }

        /// <summary>Registers with the token, before the wait can end.</summary>
        public void Watch()
        {
            if (!Token.CanBeCanceled || Token == _registered)
                return;
            lock (loop._connection.Sync)
            {
                _registration.Unregister();
                _registered = Token;
                _registration = Token.UnsafeRegister(static loop => ((ReceiveLoop)loop!).CancelWait(), loop);
            }
        }

        /// <summary>Lets go of the token. Called under the lock.</summary>
        public void Unregister()
        {
            _registration.Unregister();
            _registration = default;
            _registered = default;
        }
    }

    /// <summary>A reader that is to be resumed in its context, or where a scheduler says.</summary>
    private sealed class Resumption(Action<object?> continuation, object? state, ExecutionContext? context, object? scheduler)
    {
        /// <summary>Gets whether a scheduler says where.</summary>
        public bool IsPosted => scheduler is not null;

        /// <summary>Replaces the continuation of a reader that minds where it runs.</summary>
        public static void Capture(ValueTaskSourceOnCompletedFlags flags, ref Action<object?> continuation, ref object? state)
        {
            ExecutionContext? context =
                (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0 ? ExecutionContext.Capture() : null;
            object? scheduler = (flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0 ? CurrentScheduler() : null;
            if (context is null && scheduler is null)
                return;
            state = new Resumption(continuation, state, context, scheduler);
            continuation = static resumption => ((Resumption)resumption!).Begin();
        }

        private static object? CurrentScheduler()
        {
            SynchronizationContext? context = SynchronizationContext.Current;
            if (context is not null && context.GetType() != typeof(SynchronizationContext))
                return context;
            return TaskScheduler.Current == TaskScheduler.Default ? null : TaskScheduler.Current;
        }

        private void Begin()
        {
            if (scheduler is null)
            {
                Run();
            }
            else if (scheduler is SynchronizationContext foreign)
            {
                foreign.Post(static s => ((Resumption)s!).Run(), this);
            }
            else
            {
                _ = Task.Factory.StartNew(
                    static s => ((Resumption)s!).Run(), this, CancellationToken.None, TaskCreationOptions.DenyChildAttach, (TaskScheduler)scheduler);
            }
        }

        private void Run()
        {
            if (context is null)
                Continue();
            else
                ExecutionContext.Run(context, static s => ((Resumption)s!).Continue(), this);
        }

        private void Continue() => continuation(state);
    }
}
