namespace Sockeye;

/// <content>The callback form (rule T4): the loop calls, and waits for an answer that is not there at once.</content>
internal sealed partial class ReceiveLoop
{
    private MessageCallback? _callback;
    private Action? _onCalled;
    private ValueTask _call;
    private ExecutionContext? _upgradeContext;

    /// <summary>Begins to receive, with every message given to a callback.</summary>
    public void Start(MessageCallback callback)
    {
        _callback = callback;
        _upgradeContext = ExecutionContext.Capture();
        _control = Observation.No;
        Start();
    }

    /// <summary>Gives a message to the callback.</summary>
    /// <returns>False where it has not completed: dispatch and receiving pause, and the lease stays valid.</returns>
    private bool Call(Incoming item)
    {
        Lease(item);
        try
        {
            ValueTask call = Invoke();
            if (!call.IsCompleted)
            {
                _call = call;
                _connection.Send.Flush();
                _connection.Deadlines.SuspendIdle();
                call.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onCalled ??= OnCalled);
                return false;
            }

            call.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            OnCallFailed(e);
        }

        EndLease();
        return true;
    }

    private void OnCalled()
    {
        try
        {
            _call.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            OnCallFailed(e);
        }

        EndLease();
        _connection.Deadlines.ResumeIdle();
        Run();
    }

    /// <summary>Calls in the context of the upgrade, whatever the thread that runs the loop was doing, and leaves the thread with
    /// its own (rule T2).</summary>
    private ValueTask Invoke()
    {
        ExecutionContext? outer = ExecutionContext.Capture();
        if (outer is null || _upgradeContext is null)
            return _callback!(_connection, Message);

        ExecutionContext.Restore(_upgradeContext);
        try
        {
            return _callback!(_connection, Message);
        }
        finally
        {
            ExecutionContext.Restore(outer);
        }
    }

    /// <summary>Closes with 1011. A callback that has failed is not called again.</summary>
    private void OnCallFailed(Exception exception)
    {
        IgnoreMessages();
        _connection.OnHandlerFailed(exception);
    }
}
