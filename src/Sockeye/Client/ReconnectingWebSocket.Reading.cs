namespace Sockeye;

/// <content>Reading: the messages of one connection after those of the one before.</content>
public sealed partial class ReconnectingWebSocket
{
    // The connection that was opened last: those before it are held by a reader that is behind, if at all. Guarded by the lock.
    private Session _latest = new(connection: null);

    /// <summary>Reads the messages of all connections, for <c>await foreach</c>. Each is leased until the next one is asked for.</summary>
    /// <param name="cancellationToken">Ends the wait for the next message with <see cref="OperationCanceledException"/>.</param>
    /// <returns>A sequence that reads each connection to its end, however it ended, and then the next one. It ends where this side closed,
    /// and throws <see cref="WebSocketReconnectException"/> where a failure was final. What came on connections that ended while nobody
    /// was reading is not seen.</returns>
    public ReconnectingSequence ReadAllAsync(CancellationToken cancellationToken = default) => new(this, cancellationToken);

    internal Session BeginReader()
    {
        lock (_sync)
        {
            _latest.Readers++;
            return _latest;
        }
    }

    internal void EndReader(Session session)
    {
        bool isOver;
        lock (_sync)
            isOver = --session.Readers == 0 && session != _latest;
        if (isOver)
            session.Discard();
    }

    /// <summary>Moves a reader to the next connection.</summary>
    internal void MoveReader(Session from, Session to)
    {
        lock (_sync)
            to.Readers++;
        EndReader(from);
    }

    private void BeginReading(WebSocketConnection connection) => Follow(new Session(connection));

    private void EndReading() => Follow(new Session(connection: null) { IsEnd = true });

    private void Follow(Session next)
    {
        Session before;
        bool isOver;
        lock (_sync)
        {
            before = _latest;
            _latest = next;
            isOver = before.Readers == 0;
        }

        before.SetNext(next);
        if (isOver)
            before.Discard();
    }

    /// <summary>One connection in the order of all.</summary>
    internal sealed class Session(WebSocketConnection? connection)
    {
        private readonly TaskCompletionSource<Session> _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Gets whether this stands behind the last one.</summary>
        public bool IsEnd { get; init; }

        /// <summary>Gets the connection; null before the first and behind the last.</summary>
        public WebSocketConnection? Connection => connection;

        /// <summary>Gets the one that follows, once it is there.</summary>
        public Task<Session> Next => _next.Task;

        /// <summary>Gets or sets how many readers are here. Guarded by the lock of the socket.</summary>
        public int Readers { get; set; }

        public void SetNext(Session next) => _next.TrySetResult(next);

        /// <summary>Lets go of what the connection, which has ended, still holds for a reader.</summary>
        public void Discard() => _ = connection?.DisposeAsync().AsTask().Observed();
    }
}

/// <summary>The messages of a <see cref="ReconnectingWebSocket"/>, for <c>await foreach</c>.</summary>
/// <remarks>It is no <see cref="IAsyncEnumerable{T}"/>, whose operators would keep messages beyond their lease.</remarks>
public readonly struct ReconnectingSequence
{
    private readonly ReconnectingWebSocket _socket;
    private readonly CancellationToken _token;

    internal ReconnectingSequence(ReconnectingWebSocket socket, CancellationToken token)
    {
        _socket = socket;
        _token = token;
    }

    /// <summary>Begins to read.</summary>
    public Enumerator GetAsyncEnumerator() => new(_socket, _token);

    /// <summary>Reads one message after the other.</summary>
    public sealed class Enumerator : IAsyncDisposable
    {
        private readonly ReconnectingWebSocket _socket;
        private readonly CancellationToken _token;
        private ReconnectingWebSocket.Session? _session;

        internal Enumerator(ReconnectingWebSocket socket, CancellationToken token)
        {
            _socket = socket;
            _token = token;
            _session = socket.BeginReader();
        }

        /// <summary>Gets the message, leased until the next one is asked for.</summary>
        public WebSocketMessage Current { get; private set; }

        /// <summary>Waits for the next message.</summary>
        /// <returns>False where this side has closed for good.</returns>
        /// <exception cref="WebSocketReconnectException">A failure was final.</exception>
        public async ValueTask<bool> MoveNextAsync()
        {
            ObjectDisposedException.ThrowIf(_session is null, this);
            while (!_session.IsEnd)
            {
                if (_session.Connection is { } connection && await ReceiveAsync(connection).ConfigureAwait(false))
                    return true;
                ReconnectingWebSocket.Session next = await _session.Next.WaitAsync(_token).ConfigureAwait(false);
                _socket.MoveReader(_session, next);
                _session = next;
            }

            return await _socket.Closed.ConfigureAwait(false) is { } failure ? throw new WebSocketReconnectException(failure) : false;
        }

        /// <summary>Ends reading; a connection that is open stays open.</summary>
        public ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _session, null) is { } session)
                _socket.EndReader(session);
            return default;
        }

        private async ValueTask<bool> ReceiveAsync(WebSocketConnection connection)
        {
            try
            {
                Current = await connection.ReceiveAsync(_token).ConfigureAwait(false);
                return !Current.IsEnd;
            }
            catch (WebSocketClosedException)
            {
                // One that Connect made may throw where it did not end cleanly.
                return false;
            }
        }
    }
}
