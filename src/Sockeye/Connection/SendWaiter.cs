using System.Threading.Tasks.Sources;

namespace Sockeye;

/// <summary>Someone who waits for a send: for room, for a large message to leave, or for the output to drain.</summary>
/// <remarks>Pooled: a waiter goes back when its result has been taken. Continuations never run on the stack of the sender or of
/// whoever completes it (rule T2).</remarks>
internal sealed class SendWaiter : IValueTaskSource
{
    private const int MaxSpares = 32;

    [ThreadStatic]
    private static SendWaiter? t_spare;
    [ThreadStatic]
    private static int t_spares;

    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private SendBuffer? _owner;

    public SendWaiter? Next { get; set; }

    public ValueTask Task => new(this, _core.Version);

    public static SendWaiter Rent()
    {
        SendWaiter? waiter = t_spare;
        if (waiter is null)
            return new SendWaiter();
        t_spare = waiter.Next;
        t_spares--;
        waiter.Next = null;
        return waiter;
    }

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

    /// <summary>Completes the wait. Called under the lock.</summary>
    public void Complete()
    {
        // Here and not when the result is taken: it may never be, and the token may live as long as the process.
        _registration.Unregister();
        _core.SetResult(true);
    }

    /// <summary>Fails the wait. Called under the lock.</summary>
    public void Fail(Exception exception)
    {
        _registration.Unregister();
        _core.SetException(exception);
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
            _core.Reset();
            if (t_spares < MaxSpares)
            {
                Next = t_spare;
                t_spare = this;
                t_spares++;
            }
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}

/// <summary>Senders that wait for room, first come first.</summary>
internal struct SendWaiterList
{
    private SendWaiter? _first;
    private SendWaiter? _last;

    public SendWaiter Add()
    {
        var waiter = SendWaiter.Rent();
        if (_last is null)
            _first = waiter;
        else
            _last.Next = waiter;
        return _last = waiter;
    }

    public void Complete()
    {
        while (Take() is { } waiter)
            waiter.Complete();
    }

    public void Fail(CloseResult result)
    {
        while (Take() is { } waiter)
            waiter.Fail(new WebSocketClosedException(result));
    }

    private SendWaiter? Take()
    {
        SendWaiter? waiter = _first;
        if (waiter is null)
            return null;
        _first = waiter.Next;
        waiter.Next = null;
        if (_first is null)
            _last = null;
        return waiter;
    }
}
