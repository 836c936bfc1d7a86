namespace Sockeye;

/// <content>The callback form (rule T4): the loop calls, and waits for an answer that is not there at once.</content>
internal sealed partial class ReceiveLoop
{
    private MessageCallback? _callback;
    private Action? _onCalled;
    private ValueTask _call;

    /// <summary>Begins to receive, with every message given to a callback.</summary>
    public void Start(MessageCallback callback)
    {
        _callback = callback;
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
            ValueTask call = _callback!(_connection, Message);
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
            CallFailed(e);
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
            CallFailed(e);
        }

        EndLease();
        _connection.Deadlines.ResumeIdle();
        Run();
    }

    /// <summary>Ends the connection of a callback that threw: it is not called again.</summary>
    private void CallFailed(Exception exception)
    {
        _isIgnoring = true;
        _connection.OnHandlerFailed(exception);
    }
}
