using Sockeye.Protocol;

namespace Sockeye;

/// <content>The way out: what follows once both sides have had their say, and the one place where the connection ends.</content>
internal sealed partial class CloseHandshake
{
    /// <summary>Gets whether this side ends the transport: the server ends TCP first and the client waits for it (RFC 6455, section 7.1.1);
    /// who fails the connection ends it.</summary>
    private bool EndsTransport => _role == Role.Server || IsInputBroken;

    private void AnswerPeer()
    {
        if (_isSendBroken)
        {
            Finish(abort: true);
            return;
        }

        // Where a streamed message is to be finished before, that may take its time.
        if (EndsTransport && !_connection.Send.HasOpenStreams)
            _transport.ExpectShutdown();
        _connection.Send.Flush();
        Proceed();
    }

    /// <summary>Goes on when both sides have had their say.</summary>
    private void Proceed()
    {
        bool shutDown;
        bool isDone;
        lock (_connection.Sync)
        {
            if (!IsSettled || _isEnded || _isShutDown)
                return;
            _isShutDown = true;
            shutDown = EndsTransport;
            // Behind its Close a peer sends nothing that closing could destroy: what cannot be shut down is closed at once, since the
            // peer waits for that.
            isDone = _isPeerDone || (shutDown && !IsInputBroken && !_transport.CanShutdown);
        }

        if (isDone)
            Finish(abort: false);
        else if (shutDown)
            ShutDown();
        else
            _connection.Receive.DrainToEnd();
    }

    private void ShutDown()
    {
        _isTransportShutDown = true;
        ValueTask shutdown = _transport.ShutdownAsync();
        if (shutdown.IsCompletedSuccessfully)
            _connection.Receive.DrainToEnd();
        else
            _ = ShutDownSlowly(shutdown);
    }

    private async Task ShutDownSlowly(ValueTask shutdown)
    {
        try
        {
            await shutdown.ConfigureAwait(false);
            _connection.Receive.DrainToEnd();
        }
        catch (Exception e)
        {
            OnReceiveFailed(e);
        }
    }

    /// <summary>Ends the connection: the only place where it ends.</summary>
    private void Finish(bool abort)
    {
        CloseResult result;
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            _hasBegun = true;
            _isEnded = true;
            _connection.Send.Refuse();
            _result = result = MakeResult();
        }

        try
        {
            _connection.Deadlines.End();
            _connection.Send.End(result);
        }
        finally
        {
            // Whatever a foreign context does: the transport goes, who reads is told, and so is everybody else (rule C5).
            if (abort)
                AbortTransport();
            else
                _ = DisposeTransport();
            try
            {
                _connection.OnEnded(result);
            }
            finally
            {
                TellEnd(result);
            }
        }
    }

    private void TellEnd(CloseResult result)
    {
        TaskCompletionSource<CloseResult>? closed;
        IThreadPoolWorkItem? told;
        lock (_connection.Sync)
        {
            _isTold = true;
            closed = _closed;
            told = _connection.ToldOfEnd;
        }

        closed?.TrySetResult(result);
        _connection.TellCompanions();
        if (told is not null)
            ThreadPool.UnsafeQueueUserWorkItem(told, preferLocal: false);
    }

    private void AbortTransport()
    {
        try
        {
            _transport.Abort();
        }
        catch (Exception e)
        {
            // It must not throw, but what it carries may be somebody else's: nobody above could do anything about it.
            _connection.LogTransportDisposeFailed(e);
        }
    }

    private async Task DisposeTransport()
    {
        // TLS says farewell also where the peer ended first, if it can; but nobody waits long for a peer that takes nothing.
        if (!_isTransportShutDown)
            await Quietly(_transport.ShutdownAsync).ConfigureAwait(false);
        await Quietly(_transport.DisposeAsync).ConfigureAwait(false);
    }

    private async Task Quietly(Func<ValueTask> operation)
    {
        try
        {
            ValueTask done = operation();
            if (done.IsCompleted)
                await done.ConfigureAwait(false);
            else
                await done.AsTask().Observed().WaitAsync(_options.CloseTimeout, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The account is closed; a transport that fails while it is put away changes nothing in it.
            _connection.LogTransportDisposeFailed(e);
        }
    }

    private CloseResult MakeResult()
    {
        (long messages, long bytes) = _connection.Send.CountUnsent();
        return new CloseResult
        {
            ReceivedCode = _receivedCode,
            ReceivedReason = _receivedReason,
            SentCode = _isCloseWritten ? _sentCode : null,
            SentReason = _isCloseWritten ? _sentReason : null,
            Initiator = _initiator,
            IsClean = _receivedCode is not null && _isCloseWritten && _violation is null && !_isMessageLost,
            Cause = _cause,
            Violation = _violation,
            Exception = _exception,
            UnsentMessages = messages,
            UnsentBytes = bytes,
        };
    }
}
