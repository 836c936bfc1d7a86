namespace Sockeye;

/// <content>The callback form (rule T4): the loop calls, and waits for an answer that is not there at once.</content>
internal sealed partial class ReceiveLoop : ICompletionObserver
{
    private CallbackRun? _callbacks;
    private bool _isCalling;

    /// <summary>Begins to receive, with every message given to a callback.</summary>
    public void Start(CallbackRun callbacks)
    {
        _callbacks = callbacks;
        _control = Observation.No;
        Start();
    }

    /// <summary>Gives a message to the callback.</summary>
    /// <returns>False where it has not completed: dispatch and receiving pause, and the lease stays valid.</returns>
    private bool Call(Incoming item)
    {
        if (Volatile.Read(ref _isCalling) || Volatile.Read(ref _result) is not null)
        {
            // The connection has ended, or the callback waits for the end that it began: nobody takes this any more (rule C2).
            Drop(item);
            return true;
        }

        Lease(item);
        try
        {
            ValueTask call = Invoke();
            if (!call.IsCompleted)
                return !WaitForCall(call);
            call.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            CallFailed(e);
        }

        EndLease();
        return true;
    }

    /// <summary>Lets the callback take its time; the loop pauses unless there is an end to be seen.</summary>
    private bool WaitForCall(ValueTask call)
    {
        bool pauses;
        // Before the state: from then on another thread may be on the loop, and what is corked is its own.
        _connection.Send.Flush();
        lock (_connection.Sync)
        {
            KeepLease();
            _isCalling = true;
            pauses = !_connection.IsClosing;
            if (pauses)
            {
                _connection.Deadlines.SuspendIdle();
                _state = State.Paused;
            }
        }

        (_callbacks!.Wait ??= new CompletionWait(this)).Begin(call);
        return pauses;
    }

    void ICompletionObserver.OnCompleted(ValueTask call)
    {
        try
        {
            call.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            CallFailed(e);
        }

        EndLease();
        bool resume;
        lock (_connection.Sync)
        {
            _isCalling = false;
            resume = !_isHeld && TryResume();
        }

        if (resume)
            Run();
        else
            TellCalled();
    }

    /// <summary>Waits until no callback runs any more. Called when the connection has ended.</summary>
    public Task WhenCalledAsync()
    {
        lock (_connection.Sync)
        {
            if (_callbacks is null || !IsCallbackRunning)
                return Task.CompletedTask;
            _callbacks!.Called ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _callbacks.Called.Task;
        }
    }

    // It is incomplete, or a thread runs the loop and may be inside of it: that thread will find the end and leave.
    private bool IsCallbackRunning => _isCalling || (_state == State.Active && !IsReceiving);

    private void TellCalled()
    {
        lock (_connection.Sync)
        {
            if (!IsCallbackRunning)
                _callbacks?.Called?.TrySetResult();
        }
    }

    /// <summary>Ends the connection of a callback that threw: it is not called again.</summary>
    private void CallFailed(Exception exception)
    {
        _isIgnoring = true;
        _connection.OnHandlerEnded(exception);
    }

    /// <summary>Calls in the context of the upgrade, whatever the thread that runs the loop was doing, and leaves the thread with
    /// its own (rule T2).</summary>
    private ValueTask Invoke()
    {
        ExecutionContext? outer = ExecutionContext.Capture();
        CallbackRun callbacks = _callbacks!;
        ExecutionContext? context = callbacks.Context;
        if (outer is null || context is null || ReferenceEquals(outer, context))
            return callbacks.Message(_connection, Message);

        ExecutionContext.Restore(context);
        try
        {
            return callbacks.Message(_connection, Message);
        }
        finally
        {
            ExecutionContext.Restore(outer);
        }
    }
}
