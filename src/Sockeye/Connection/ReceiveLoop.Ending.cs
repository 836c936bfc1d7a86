using Sockeye.Protocol;

namespace Sockeye;

/// <content>The end of the input: what ended it acts when its turn in the stream has come, and the loop is left.</content>
internal sealed partial class ReceiveLoop
{
    /// <summary>Lets what ended the input act: its time in the queue is over.</summary>
    public void ActOnEnd()
    {
        lock (_connection.Sync)
        {
            if (_state != State.Stopped || _inputEnd is null || _hasActed)
                return;
            _hasActed = true;
        }

        Act();
    }

    /// <summary>Notes that the handler has returned: nobody will read.</summary>
    public void OnHandlerReturned()
    {
        lock (_connection.Sync)
            _hasHandlerReturned = true;
        ActOnEnd();
    }

    /// <summary>Notes that our Close is queued: reading ahead no longer limits (rule C2).</summary>
    public void OnCloseBegun()
    {
        ActOnEnd();
        bool resume;
        lock (_connection.Sync)
        {
            resume = TryResume();
        }

        if (resume)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Discards what still comes, until the peer ends its side of the transport.</summary>
    public void DrainToEnd()
    {
        bool run;
        lock (_connection.Sync)
        {
            _isDraining = true;
            run = _state is State.Stopped or State.Paused && _result is null;
            if (run)
                _state = State.Active;
        }

        if (run)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Gets whether it has ever begun to receive. Does not change once the connection has ended.</summary>
    public bool HasStarted => _isStarted;

    /// <summary>Notes that the connection has ended. What was read ahead can still be read.</summary>
    public void OnEnded(CloseResult result)
    {
        bool cleanUp;
        lock (_connection.Sync)
        {
            _result = result;
            cleanUp = _state is State.Stopped or State.Paused;
            if (cleanUp)
                _state = State.Ended;
        }

        if (cleanUp)
            CleanUp();
        // Where the loop has found the end itself, it does this when it leaves; but nobody waits for another thread to do so.
        if (cleanUp || (IsReaderWaiting && !(_isAtEnd && IsRunningHere)))
            EndReading();
    }

    /// <summary>Waits with what ended the input until its turn has come.</summary>
    private bool Stop()
    {
        bool act;
        // Before the state: from then on another thread may be on the loop, and what is corked is its own.
        _connection.Send.Flush();
        lock (_connection.Sync)
        {
            act = !_hasActed
                && ((IsAsking && !HasAhead) || _callbacks is not null || _isIgnoring || _hasHandlerReturned || _connection.IsClosing);
            _hasActed |= act;
            if (!act)
            {
                _connection.Deadlines.SuspendIdle();
                _connection.Deadlines.SetGrace(Options.CloseGrace);
                _state = State.Stopped;
            }
        }

        if (act)
        {
            _isAtEnd = true;
            Act();
            _isAtEnd = false;
            lock (_connection.Sync)
            {
                if (_isDraining)
                    return true;
                _state = _result is null ? State.Stopped : State.Active;
                if (_result is null)
                    return false;
            }

            return Leave();
        }

        return false;
    }

    private void Act()
    {
        if (_inflater?.Fault is { } fault)
            _connection.Close.OnInflatingFailed(fault);
        else if (_inputEnd!.Violation is { } violation)
            _connection.Close.OnViolation(violation);
        else
            _connection.Close.OnPeerClose(_inputEnd.Code, _inputEnd.Reason);
    }

    /// <summary>What ended the input: a violation, or the Close frame of the peer.</summary>
    private sealed record InputEnd(CloseCode Code, string Reason, Violation? Violation);

    /// <summary>Leaves the loop: for good where the connection has ended, else until it does.</summary>
    private bool Leave()
    {
        bool hasEnded;
        bool cleanUp;
        lock (_connection.Sync)
        {
            hasEnded = _result is not null;
            cleanUp = hasEnded && _state != State.Ended;
            _state = hasEnded ? State.Ended : State.Stopped;
        }

        if (cleanUp)
            CleanUp();
        if (hasEnded)
        {
            EndReading();
            TellCalled();
        }

        return false;
    }

    private void CleanUp()
    {
        Count(bytes: 0);
        _assembler?.Assembler.Dispose();
        _inflater?.Dispose();
        lock (_connection.Sync)
            KeepLease();
        Transport.ReleaseBlock();
        _connection.Send.ReleaseCork();
        _block = [];
        _position = _end = _blockStart = 0;
    }
}
