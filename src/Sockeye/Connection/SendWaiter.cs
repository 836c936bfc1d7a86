using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Someone who waits for a send: for room, for a large message to leave, or for the output to drain.</summary>
/// <remarks>Pooled: a waiter goes back when its result has been taken. Continuations never run on the stack of the sender or of
/// whoever completes it (rule T2): who began to wait on an event loop goes on there, once it has served what is at hand, and
/// anybody else on the thread pool.</remarks>
internal sealed class SendWaiter : IValueTaskSource, IThreadPoolWorkItem, ISpare<SendWaiter>
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private SendBuffer? _owner;
    private Exception? _failure;

    // Whoever waits does so in no context of scheduling: the waiter itself is queued then, where the core would allocate what is queued
    // for a continuation that is none of an async method, as that of the callback form.
    private bool _isWork;

    // Where the wait began, if on a loop.
    private EventLoop? _loop;

    public SendWaiter? Next { get; set; }

    public ValueTask Task => new(this, _core.Version);

    public static SendWaiter Rent() => Spares<SendWaiter>.Take() ?? new SendWaiter();

    /// <summary>Lets a token withdraw what is waited for, if that is still possible when it fires. Called under the lock.</summary>
    public void CancelBy(SendBuffer owner, CancellationToken token)
    {
        if (!token.CanBeCanceled)
            return;
        _owner = owner;
        _registration = token.UnsafeRegister(
            static (state, token) =>
            {
                var waiter = (SendWaiter)state!;
                waiter._owner?.Withdraw(waiter, token);
            },
            this);
    }

    /// <summary>Settles the wait: nothing can withdraw it any more. Called under the lock; <see cref="Tell"/> follows outside it.</summary>
    /// <param name="failure">Why it fails; null where it succeeds.</param>
    public void Settle(Exception? failure)
    {
        // Here and not when the result is taken: it may never be, and the token may live as long as the process.
        _registration.Unregister();
        _failure = failure;
    }

    /// <summary>Tells whoever waits. Never called under a lock: a context that it was captured in may run foreign code.</summary>
    public void Tell()
    {
        if (!Volatile.Read(ref _isWork))
            Complete();
        else if (_loop?.TryContinue(this) != true)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        _core.RunContinuationsAsynchronously = false;
        Complete();
    }

    void IValueTaskSource.GetResult(short token)
    {
        // A task that is awaited twice, or not waited for, is a mistake of who holds it: it must not put back what others use.
        if (_core.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("The send has not completed: await its task, or turn it into one with AsTask.");

        // Waits for a token callback that is running: the waiter must not be in use again while it does.
        _registration.Dispose();
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            _registration = default;
            _owner = null;
            _failure = null;
            _isWork = false;
            _loop = null;
            _core.Reset();
            _core.RunContinuationsAsynchronously = true;
            Spares<SendWaiter>.Give(this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if ((flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) == 0 || !HasSchedulingContext)
        {
            _loop = EventLoop.LedHere;
            Volatile.Write(ref _isWork, true);
        }

        _core.OnCompleted(continuation, state, token, flags);
    }

    private static bool HasSchedulingContext => SynchronizationContext.Current is not null || TaskScheduler.Current != TaskScheduler.Default;

    private void Complete()
    {
        if (_failure is null)
            _core.SetResult(true);
        else
            _core.SetException(_failure);
    }
}

/// <summary>Senders that wait, first come first: a ring, of which the last one is known.</summary>
internal struct SendWaiterList
{
    private SendWaiter? _last;

    public SendWaiter Add() => Append(SendWaiter.Rent());

    /// <summary>Settles those who wait and moves them to the end of a list of those who are to be told.</summary>
    /// <param name="told">The list.</param>
    /// <param name="end">The end of the connection, where they fail for it; null where they succeed.</param>
    public void Settle(ref SendWaiterList told, CloseResult? end = null)
    {
        for (SendWaiter? waiter = TakeAll(); waiter is not null;)
        {
            SendWaiter? next = waiter.Next;
            told.Settle(waiter, end is null ? null : new WebSocketClosedException(end));
            waiter = next;
        }
    }

    /// <summary>Settles one that waits in no list, and appends it to this list of those who are to be told.</summary>
    public void Settle(SendWaiter waiter, Exception? failure)
    {
        waiter.Settle(failure);
        Append(waiter);
    }

    /// <summary>Takes all out.</summary>
    /// <returns>The first one, linked to the others; null where there are none.</returns>
    public SendWaiter? TakeAll()
    {
        if (_last is not { } last)
            return null;
        SendWaiter? first = last.Next;
        last.Next = null;
        _last = null;
        return first;
    }

    /// <summary>Tells those who were taken out, also those behind one whose context throws. Never called under a lock.</summary>
    public static void Tell(SendWaiter? settled)
    {
        Exception? failure = null;
        while (settled is not null)
        {
            // Once it has been told, it may be in use again.
            SendWaiter? next = settled.Next;
            settled.Next = null;
            try
            {
                settled.Tell();
            }
            catch (Exception e)
            {
                failure ??= e;
            }

            settled = next;
        }

        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    private SendWaiter Append(SendWaiter waiter)
    {
        waiter.Next = _last is null ? waiter : _last.Next;
        if (_last is not null)
            _last.Next = waiter;
        return _last = waiter;
    }
}
