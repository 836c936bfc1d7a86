namespace Sockeye;

/// <summary>Holds every connection of a server, from the accepted socket to the end: first as a handshake, then as the connection itself.</summary>
/// <remarks>All state is guarded by the lock.</remarks>
internal sealed class ServerConnections : IConnectionOwner
{
    private readonly Lock _sync = new();
    private readonly HashSet<ServerConnection> _opening = [];
    private readonly HashSet<WebSocketConnection> _open = [];

    // Ended, and nobody waits any longer for their handlers.
    private readonly HashSet<WebSocketConnection> _abandoned = [];
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebSocketConnection[]? _openConnections;
    private bool _isStopping;

    /// <summary>Gets how many WebSocket connections are open.</summary>
    public int Open
    {
        get
        {
            lock (_sync)
                return _open.Count;
        }
    }

    /// <summary>Completes once the server stops and nothing is left.</summary>
    public Task Empty => _empty.Task;

    /// <summary>Takes a new connection; false where the server is stopping.</summary>
    public bool TryAdd(ServerConnection opening)
    {
        lock (_sync)
            return !_isStopping && _opening.Add(opening);
    }

    /// <summary>Takes the connection to which a handshake has led; false where it must close at once, since the server is stopping.</summary>
    public bool TryOpen(ServerConnection opening, WebSocketConnection connection)
    {
        lock (_sync)
        {
            _opening.Remove(opening);
            _open.Add(connection);
            _openConnections = null;
            return !_isStopping;
        }
    }

    /// <summary>Forgets a handshake that has led to no connection.</summary>
    public void Remove(ServerConnection opening)
    {
        lock (_sync)
        {
            _opening.Remove(opening);
            TellEmpty();
        }
    }

    /// <summary>Forgets a connection: it and its handler have ended.</summary>
    public void OnEnded(WebSocketConnection connection)
    {
        lock (_sync)
        {
            _open.Remove(connection);
            _abandoned.Remove(connection);
            _openConnections = null;
            TellEmpty();
        }
    }

    /// <summary>Counts a connection as open no more; its handler may still run.</summary>
    public void Abandon(WebSocketConnection connection)
    {
        lock (_sync)
        {
            if (_open.Remove(connection))
                _abandoned.Add(connection);
            _openConnections = null;
        }
    }

    /// <summary>Lets nothing more in and tells every connection to close.</summary>
    public void Stop()
    {
        lock (_sync)
        {
            _isStopping = true;
            TellEmpty();
        }

        (ServerConnection[] opening, WebSocketConnection[] open) = All();
        foreach (ServerConnection connection in opening)
            connection.Stop();
        foreach (WebSocketConnection connection in open)
            ServerConnection.Stop(connection);
    }

    /// <summary>Gets the connections that are open now. The array is not changed; it is made anew when one has come or gone.</summary>
    public WebSocketConnection[] OpenConnections()
    {
        lock (_sync)
            return _openConnections ??= [.. _open];
    }

    /// <summary>Gets what is there now.</summary>
    public (ServerConnection[] Opening, WebSocketConnection[] Open) All()
    {
        lock (_sync)
            return ([.. _opening], [.. _open]);
    }

    private void TellEmpty()
    {
        if (_isStopping && _opening.Count == 0 && _open.Count == 0 && _abandoned.Count == 0)
            _empty.TrySetResult();
    }
}
