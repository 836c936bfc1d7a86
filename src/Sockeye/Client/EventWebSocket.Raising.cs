using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>The events, and the one loop that raises them.</content>
public sealed partial class EventWebSocket
{
    private readonly HandlerQueue _handlers;
    private readonly RememberedEvent<WebSocketRedirectEventArgs> _redirect;
    private readonly RememberedEvent<WebSocketUpgradeEventArgs> _upgrade;
    private readonly RememberedEvent<WebSocketResponseEventArgs> _unexpectedResponse;
    private readonly RememberedEvent<EventArgs> _opened;
    private readonly RememberedEvent<WebSocketErrorEventArgs> _errors;
    private readonly RememberedEvent<WebSocketCloseEventArgs> _closed;

    // Changed in the queue alone, as the subscribers of the events above are.
    private volatile EventHandler<WebSocketMessageEventArgs>? _message;
    private EventHandler<WebSocketControlEventArgs>? _ping;
    private EventHandler<WebSocketControlEventArgs>? _pong;

    // Completed and replaced with whatever may let an event be raised that waits; guarded by the lock.
    private TaskCompletionSource? _change;

    /// <summary>Raised for each redirect, before it is followed (<see cref="WebSocketClientOptions.MaxRedirects"/>): a handler may
    /// look at it, and close.</summary>
    public event EventHandler<WebSocketRedirectEventArgs>? Redirect
    {
        add => _redirect.Add(value);
        remove => _redirect.Remove(value);
    }

    /// <summary>Raised when the server has switched protocols, before its answer is judged: a handler may look at its headers, and close.
    /// <see cref="Opened"/> comes next, or <see cref="Error"/> where the answer breaks the rules.</summary>
    public event EventHandler<WebSocketUpgradeEventArgs>? Upgrade
    {
        add => _upgrade.Add(value);
        remove => _upgrade.Remove(value);
    }

    /// <summary>Raised when the server has answered with another status than 101, before <see cref="Error"/>.</summary>
    public event EventHandler<WebSocketResponseEventArgs>? UnexpectedResponse
    {
        add => _unexpectedResponse.Add(value);
        remove => _unexpectedResponse.Remove(value);
    }

    /// <summary>Raised when the connection has opened.</summary>
    public event EventHandler<EventArgs>? Opened
    {
        add => _opened.Add(value);
        remove => _opened.Remove(value);
    }

    /// <summary>Raised for each message.</summary>
    public event EventHandler<WebSocketMessageEventArgs>? Message
    {
        add => _handlers.Post(() =>
        {
            _message += value;
            Signal();
        });
        remove => _handlers.Post(() => _message -= value);
    }

    /// <summary>Raised for each ping, in its place among the messages; it has been answered already, unless
    /// <see cref="WebSocketConnectionOptions.AutoPong"/> is off.</summary>
    public event EventHandler<WebSocketControlEventArgs>? Ping
    {
        add => _handlers.Post(() => _ping += value);
        remove => _handlers.Post(() => _ping -= value);
    }

    /// <summary>Raised for each pong, in its place among the messages.</summary>
    public event EventHandler<WebSocketControlEventArgs>? Pong
    {
        add => _handlers.Post(() => _pong += value);
        remove => _handlers.Post(() => _pong -= value);
    }

    /// <summary>Raised at most once, right before <see cref="Closed"/>, where the connection did not come about or broke.</summary>
    public event EventHandler<WebSocketErrorEventArgs>? Error
    {
        add
        {
            _errors.Add(value);
            _handlers.Post(Signal);
        }

        remove => _errors.Remove(value);
    }

    /// <summary>Raised once, as the last event, however it ended.</summary>
    public event EventHandler<WebSocketCloseEventArgs>? Closed
    {
        add
        {
            _closed.Add(value);
            _handlers.Post(Signal);
        }

        remove => _closed.Remove(value);
    }

    private async Task RunAsync(Task<WebSocketConnection?> opening)
    {
        try
        {
            WebSocketConnection? connection = await opening.ConfigureAwait(false);
            CloseResult? result = null;
            if (connection is not null)
            {
                _ = SignalEndAsync(connection);
                await RaiseMessagesAsync(connection).ConfigureAwait(false);
                result = await connection.Closed.ConfigureAwait(false);
            }

            await _handlers.RunAsync(() => RaiseEnd(result)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The context of the application takes no more work.
            _logger.EventContextFailed(e);
            _connection?.Abort();
        }
    }

    /// <summary>Connects, and raises what belongs to it.</summary>
    /// <returns>The connection; null where none came about, or none was wanted any more.</returns>
    private async Task<WebSocketConnection?> DialAsync(Uri uri)
    {
        WebSocketConnection connection;
        try
        {
            WebSocketClientOptions options = _options with { ResponseCallback = RaiseUpgrade };
            if (options.MaxRedirects > 0)
                options = options with { RedirectCallback = RaiseRedirectAsync };
            connection = await WebSocketClient.ConnectAsync(uri, options, _dialing.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (!_dialing.IsCancellationRequested)
                _error = e;
            if (e is WebSocketHandshakeException { Cause: HandshakeFailure.Status } answered)
                await _handlers.RunAsync(() => _unexpectedResponse.Raise(new(answered))).ConfigureAwait(false);
            return null;
        }

        bool isOpen = false;
        try
        {
            await _handlers.RunAsync(() => isOpen = Open(connection)).ConfigureAwait(false);
        }
        finally
        {
            if (!isOpen)
                connection.Abort();
        }

        return isOpen ? connection : null;
    }

    /// <summary>Raises what belongs to a connection that is open.</summary>
    private async Task<WebSocketConnection?> TakeAsync(WebSocketConnection connection)
    {
        await _handlers.RunAsync(() => _opened.Raise(EventArgs.Empty)).ConfigureAwait(false);
        return connection;
    }

    private async ValueTask RaiseRedirectAsync(WebSocketRedirectEventArgs redirect, CancellationToken cancellationToken)
    {
        if (_options.RedirectCallback is { } callback)
            await callback(redirect, cancellationToken).ConfigureAwait(false);
        await _handlers.RunAsync(() => _redirect.Raise(redirect)).ConfigureAwait(false);
    }

    /// <summary>Has it told that the server switches protocols, before all that follows from its answer.</summary>
    private void RaiseUpgrade(ResponseHead response)
    {
        _options.ResponseCallback?.Invoke(response);
        // RFC 8441, section 4: HTTP/2 has 200 where HTTP/1.1 has 101.
        if (response.StatusCode == (_options.Http2 is null ? 101 : 200))
            _handlers.Post(() => _upgrade.Raise(new(response.Headers)));
    }

    /// <summary>Opens, unless it has been closed meanwhile. Runs in the queue.</summary>
    private bool Open(WebSocketConnection connection)
    {
        lock (_sync)
        {
            if (_state != EventWebSocketState.Connecting)
                return false;
            _connection = connection;
            _state = EventWebSocketState.Open;
        }

        _opened.Raise(EventArgs.Empty);
        return true;
    }

    private async Task RaiseMessagesAsync(WebSocketConnection connection)
    {
        EventSequence.Enumerator events = connection.ReadEventsAsync().GetAsyncEnumerator();
        while (await events.MoveNextAsync().ConfigureAwait(false))
        {
            bool isRaised = false;
            while (!isRaised)
            {
                await WaitUntilWantedAsync(events.Current.Kind, connection).ConfigureAwait(false);
                isRaised = events.Current.Kind == WebSocketEventKind.Close;
                if (!isRaised)
                    await _handlers.RunAsync(() => isRaised = TryRaise(events.Current, connection)).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Raises a message, a ping or a pong. Runs in the queue.</summary>
    /// <returns>False where it has to wait: the handler that was there has gone meanwhile, or it was paused.</returns>
    private bool TryRaise(WebSocketEvent e, WebSocketConnection connection)
    {
        lock (_sync)
        {
            if (!IsWanted(e.Kind, connection))
                return false;
            // As in the standard: what comes after Close was called is nobody's.
            if (_state != EventWebSocketState.Open)
                return true;
        }

        switch (e.Kind)
        {
            case WebSocketEventKind.Text:
                _handlers.Call(_message, this, new(e.Text, default));
                break;
            case WebSocketEventKind.Binary:
                _handlers.Call(_message, this, new(text: null, BinaryType == WebSocketBinaryType.Leased ? e.Message.Memory : e.ToArray()));
                break;
            case WebSocketEventKind.Ping:
                _handlers.Call(_ping, this, new(e.ToArray()));
                break;
            case WebSocketEventKind.Pong:
                _handlers.Call(_pong, this, new(e.ToArray()));
                break;
        }

        return true;
    }

    /// <summary>Raises the end. Runs in the queue.</summary>
    private void RaiseEnd(CloseResult? result)
    {
        Exception? error;
        lock (_sync)
        {
            // WHATWG: an error is what failed the connection, and not a close from this side that the peer did not answer.
            bool isFailure = result is null || (!result.IsClean && result.Cause is not (CloseCause.Local or CloseCause.Aborted));
            error = _error ?? (isFailure ? FailureOf(result) : null);
            _state = EventWebSocketState.Closed;
        }

        if (error is not null)
            _errors.Raise(new(error));
        _closed.Raise(new(result));
    }

    private static Exception FailureOf(CloseResult? result) => result is null
        ? new OperationCanceledException("The WebSocket was closed before the connection was established.")
        : new WebSocketClosedException(result);

    /// <summary>Tells whether the next event need not wait, as it does while events are paused, and a message while it has no handler. The
    /// lock is held.</summary>
    private bool IsWanted(WebSocketEventKind kind, WebSocketConnection connection)
    {
        bool hasHandler = kind is not (WebSocketEventKind.Text or WebSocketEventKind.Binary)
            || _message is not null
            || (connection.Closed.IsCompleted && (_errors.IsAwaited || _closed.IsAwaited));
        return _state != EventWebSocketState.Open || (!_isPaused && hasHandler);
    }

    private async Task WaitUntilWantedAsync(WebSocketEventKind kind, WebSocketConnection connection)
    {
        while (true)
        {
            Task change;
            lock (_sync)
            {
                if (IsWanted(kind, connection))
                    return;
                change = (_change ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await change.ConfigureAwait(false);
        }
    }

    private async Task SignalEndAsync(WebSocketConnection connection)
    {
        await connection.Closed.ConfigureAwait(false);
        Signal();
    }

    private void Signal()
    {
        TaskCompletionSource? change;
        lock (_sync)
        {
            change = _change;
            _change = null;
        }

        change?.SetResult();
    }
}
