using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>The state machine: one loop, the only place where the state changes and where messages pass from the outbox to a connection.</content>
public sealed partial class ReconnectingWebSocket
{
    private async Task RunAsync()
    {
        ReconnectFailure? final = null;
        try
        {
            while (final is null && !IsClosing)
                final = await LiveAsync(_reconnector.Next()).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Code of the application has thrown that must not: IsFatal.
            final = new ReconnectFailure { Attempt = _reconnector.Next(), Exception = e };
        }

        if (final is not null)
            ReconnectLog.GaveUp(_logger, final.Exception);
        _outbox.End(final);
        Become(ReconnectState.Closed, failure: final);
        EndReading();
        _closed.TrySetResult(final);
    }

    /// <summary>Makes an attempt, lives on the connection that comes of it, and waits for the next attempt.</summary>
    /// <returns>The failure, where it is final.</returns>
    private async Task<ReconnectFailure?> LiveAsync(ConnectAttempt attempt)
    {
        ReconnectFailure failure;
        Become(ReconnectState.Connecting, attempt);
        try
        {
            WebSocketConnection connection = await _reconnector.ConnectAsync(attempt, _closing.Token).ConfigureAwait(false);
            failure = await LiveAsync(attempt, connection).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failure = new ReconnectFailure { Attempt = attempt, Exception = e };
        }

        if (IsClosing)
            return null;
        if (_reconnector.Fail(failure) is not { } delay)
            return failure;
        ReconnectLog.Waiting(_logger, delay, failure.Exception.Message);
        Become(ReconnectState.Waiting, failure: failure, delay: delay);
        await Task.Delay(delay, _options.Reconnect.TimeProvider, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return null;
    }

    /// <summary>Lives on a connection until it has ended.</summary>
    /// <returns>How it was lost.</returns>
    private async Task<ReconnectFailure> LiveAsync(ConnectAttempt attempt, WebSocketConnection connection)
    {
        TimeProvider time = _options.Reconnect.TimeProvider;
        long opened = time.GetTimestamp();
        Exception? gaveUp = await SubscribeAsync(attempt, connection).ConfigureAwait(false);
        if (gaveUp is null && !IsClosing)
        {
            // Until here Subscribe may have read.
            if (_options.IgnoreMessages)
                connection.IgnoreMessages();
            BeginReading(connection);
            Become(ReconnectState.Open, attempt, connection);
            try
            {
                await ServeAsync(attempt, connection).ConfigureAwait(false);
            }
            finally
            {
                if (!connection.Closed.IsCompleted)
                    connection.Abort();
                _outbox.Lost(connection.Send.HandedOver);
            }
        }
        else
        {
            // What has ended by itself says more than what the application threw when it did.
            bool isGivenUp = connection.IsOpen;
            (CloseCode code, string reason) = IsClosing ? _close : (CloseCode.Normal, "");
            await connection.CloseAsync(code, reason).ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
            if (isGivenUp)
                return new ReconnectFailure { Attempt = attempt, Exception = gaveUp ?? new OperationCanceledException(_closing.Token) };
        }

        return ReconnectFailure.Of(attempt, await connection.Closed.ConfigureAwait(false), time.GetElapsedTime(opened));
    }

    /// <summary>Lets the application prepare the connection.</summary>
    /// <returns>Why it could not; null where it could.</returns>
    private async Task<Exception?> SubscribeAsync(ConnectAttempt attempt, WebSocketConnection connection)
    {
        if (_options.Subscribe is not { } subscribe)
            return null;
        Become(ReconnectState.Subscribing, attempt, connection);
        try
        {
            using var deadline = new HandshakeDeadline(_options.Reconnect.AttemptTimeout, _options.Reconnect.TimeProvider, _closing.Token);
            using var lost = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
            try
            {
                // Not all code looks at its token.
                Task subscribing = subscribe(connection, lost.Token).Observed();
                await Task.WhenAny(subscribing, connection.Closed).WaitAsync(deadline.Token).ConfigureAwait(false);
                if (!subscribing.IsCompleted)
                    return new WebSocketClosedException(await connection.Closed.ConfigureAwait(false));
                await subscribing.ConfigureAwait(false);
                return null;
            }
            catch (Exception e) when (deadline.IsOver)
            {
                return deadline.Explain(e, "Subscribe");
            }
            finally
            {
                await lost.CancelAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            return e;
        }
    }

    /// <summary>Hands messages to the connection and learns what becomes of them, until it has ended; closes it when that is asked for.</summary>
    private async Task ServeAsync(ConnectAttempt attempt, WebSocketConnection connection)
    {
        Task check = Task.CompletedTask;
        connection.Writable += WakeFor;
        WakeAfter(connection.Closed);
        while (!connection.Closed.IsCompleted && !IsClosing)
        {
            HandOver(connection, all: false);
            // One that is closing answers no more questions; its end is near.
            if (check.IsCompleted && connection.IsOpen && _outbox.LastTaken is { } last)
                WakeAfter(check = CheckAsync(connection, last));
            await _changes.Reader.ReadAsync().ConfigureAwait(false);
        }

        connection.Writable -= WakeFor;
        if (connection.IsOpen)
        {
            Become(ReconnectState.Closing, attempt, connection);
            HandOver(connection, all: true);
            // Its ping leaves before our Close frame, and the pong comes before the peer's.
            if (_outbox.LastTaken is { } last)
                check = Task.WhenAll(check, CheckAsync(connection, last));
            await connection.CloseAsync(_close.Code, _close.Reason).ConfigureAwait(false);
        }

        await connection.Closed.ConfigureAwait(false);
        await check.ConfigureAwait(false);
    }

    /// <summary>Hands messages to the connection: while there is room, or all that there are.</summary>
    private void HandOver(WebSocketConnection connection, bool all)
    {
        while ((all || !connection.Send.HoldsBack()) && _outbox.TakeNext() is { } message)
        {
            if (!connection.Send.TrySendNumbered(message.Opcode, message.Payload, message.Options, out int number))
            {
                _outbox.GiveBack();
                return;
            }

            message.NumberThere = number;
        }
    }

    /// <summary>Learns how far the messages have come that the connection has taken up to now.</summary>
    private async Task CheckAsync(WebSocketConnection connection, OutboxMessage last)
    {
        Task written = connection.DrainAsync().AsTask();
        Task confirmed = connection.ConfirmAsync();
        try
        {
            await written.ConfigureAwait(false);
            _outbox.Written(last);
            await confirmed.ConfigureAwait(false);
            _outbox.Confirmed(last);
        }
        catch (Exception e) when (e is WebSocketClosedException or TimeoutException)
        {
            // The end of the connection settles them; where nobody reads, so that no pong is seen, they are asked about again.
        }
    }

    private void Become(
        ReconnectState state,
        ConnectAttempt? attempt = null,
        WebSocketConnection? connection = null,
        ReconnectFailure? failure = null,
        TimeSpan delay = default)
    {
        ReconnectStateEventArgs e;
        lock (_sync)
        {
            e = new ReconnectStateEventArgs(_state, state) { Attempt = attempt, Connection = connection, Failure = failure, Delay = delay };
            _state = state;
            _connection = state is ReconnectState.Open or ReconnectState.Closing ? connection : null;
        }

        Raise(() => _handlers.Call(StateChanged, this, e));
    }

    private void Raise(Action raise)
    {
        try
        {
            _handlers.Post(raise);
        }
        catch (Exception e)
        {
            // The context of the application takes no more work.
            ReconnectLog.EventContextFailed(_logger, e);
        }
    }

    private void WakeFor(WebSocketConnection connection) => Wake();

    private void WakeAfter(Task task) => task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(Wake);
}
