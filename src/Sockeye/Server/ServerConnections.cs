namespace Sockeye;

/// <summary>Holds every connection of a server, from the accepted socket to the end.</summary>
/// <remarks>All state is guarded by the lock on the set.</remarks>
internal sealed class ServerConnections
{
    private readonly HashSet<ServerConnection> _all = [];
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebSocketConnection[]? _openConnections;
    private int _open;
    private bool _isStopping;

    /// <summary>Gets how many WebSocket connections are open.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Completes once the server stops and nothing is left.</summary>
    public Task Empty => _empty.Task;

    /// <summary>Takes a new connection; false where the server is stopping.</summary>
    public bool TryAdd(ServerConnection connection)
    {
        lock (_all)
            return !_isStopping && _all.Add(connection);
    }

    /// <summary>Counts a connection as open; false where it must close at once, since the server is stopping.</summary>
    public bool MarkOpen()
    {
        lock (_all)
        {
            _open++;
            _openConnections = null;
            return !_isStopping;
        }
    }

    /// <summary>Counts a connection as open no more.</summary>
    public void MarkClosed()
    {
        lock (_all)
        {
            _open--;
            _openConnections = null;
        }
    }

    public void Remove(ServerConnection connection)
    {
        lock (_all)
        {
            _all.Remove(connection);
            if (_isStopping && _all.Count == 0)
                _empty.TrySetResult();
        }
    }

    /// <summary>Lets nothing more in and tells every connection to close.</summary>
    public void Stop()
    {
        lock (_all)
        {
            _isStopping = true;
            if (_all.Count == 0)
                _empty.TrySetResult();
        }

        foreach (ServerConnection connection in All())
            connection.Stop();
    }

    /// <summary>Gets the connections that are open now. The array is not changed; it is made anew when one has come or gone.</summary>
    public WebSocketConnection[] OpenConnections()
    {
        lock (_all)
            return _openConnections ??= [.. _all.Select(connection => connection.Connection).OfType<WebSocketConnection>()];
    }

    /// <summary>Gets what is there now.</summary>
    public ServerConnection[] All()
    {
        lock (_all)
            return [.. _all];
    }
}
