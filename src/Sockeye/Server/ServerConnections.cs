using System.Net;

namespace Sockeye;

/// <summary>Holds every connection of a server, from the accepted socket to the end: first as a handshake, then as the connection itself.
/// Keeps to the limits on their number.</summary>
/// <remarks>All state is guarded by the lock.</remarks>
internal sealed class ServerConnections : IConnectionOwner
{
    // So many are answered at a time where there are too many; what comes beyond them is reset.
    private const int MaxUnwelcome = 1024;

    private readonly int _limit;
    private readonly TrustedProxies _proxies;
    private readonly Lock _sync = new();
    private readonly HashSet<ServerConnection> _opening = [];
    private readonly AddressCounts? _addresses;

    // Ended, and nobody waits any longer for their handlers.
    private readonly HashSet<WebSocketConnection> _abandoned = [];
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _unwelcome;
    private DrainOptions? _draining;

    public ServerConnections(WebSocketServerOptions options)
    {
        _limit = options.MaxConnections == 0 ? int.MaxValue : options.MaxConnections;
        _proxies = options.Proxies;
        _addresses = options.MaxConnectionsPerAddress == 0 ? null : new AddressCounts(options.MaxConnectionsPerAddress);
    }

    /// <summary>Gets the WebSocket connections that are open, to be read without the lock.</summary>
    public ConnectionSet Opened { get; } = new();

    /// <summary>Completes once the server stops and nothing is left.</summary>
    public Task Empty => _empty.Task;

    /// <summary>Takes a new connection, be it only to tell it that there are too many (<see cref="ServerConnection.Limit"/>).</summary>
    /// <param name="opening">The connection.</param>
    /// <param name="peer">Where it comes from: a client, or a proxy, which does not count itself.</param>
    /// <returns>False where the server is stopping, or has told too many already.</returns>
    public bool TryAdd(ServerConnection opening, EndPoint? peer)
    {
        IPAddress? address = _addresses is null || _proxies.Trusts(peer) ? null : TrustedProxies.Plain((peer as IPEndPoint)?.Address);
        lock (_sync)
        {
            if (_draining is not null)
                return false;
            if (Opened.Count + _opening.Count - _unwelcome >= _limit)
                opening.Limit = nameof(WebSocketServerOptions.MaxConnections);
            else
                CountFor(opening, address);
            if (opening.Limit is not null)
            {
                if (_unwelcome == MaxUnwelcome)
                    return false;
                opening.IsUnwelcome = true;
                _unwelcome++;
            }

            return _opening.Add(opening);
        }
    }

    /// <summary>Counts a connection for the client that a trusted proxy has named.</summary>
    public void CountClient(ServerConnection opening, IPAddress client)
    {
        if (_addresses is null)
            return;
        lock (_sync)
            CountFor(opening, client);
    }

    /// <summary>Takes the connection to which a handshake has led.</summary>
    /// <returns>How it must close at once, since the server is stopping; null where it may stay.</returns>
    public DrainOptions? Open(ServerConnection opening, WebSocketConnection connection)
    {
        lock (_sync)
        {
            _opening.Remove(opening);
            Opened.Add(connection);
            return _draining;
        }
    }

    /// <summary>Forgets a handshake that has led to no connection.</summary>
    public void Remove(ServerConnection opening)
    {
        lock (_sync)
        {
            if (_opening.Remove(opening))
            {
                if (opening.IsUnwelcome)
                    _unwelcome--;
                if (opening.Counted is { } address)
                    _addresses!.Remove(address);
            }

            TellEmpty();
        }
    }

    /// <summary>Forgets a connection: it and its handler have ended.</summary>
    public void OnEnded(WebSocketConnection connection)
    {
        // Not kept with each connection: it says for itself where it came from.
        IPAddress? address = _addresses is null ? null : CountedOf(connection);
        lock (_sync)
        {
            if ((Opened.Remove(connection) || _abandoned.Remove(connection)) && address is not null)
                _addresses!.Remove(address);
            TellEmpty();
        }
    }

    /// <summary>Counts a connection as open no more; its handler may still run.</summary>
    public void Abandon(WebSocketConnection connection)
    {
        lock (_sync)
        {
            if (Opened.Remove(connection))
                _abandoned.Add(connection);
        }
    }

    /// <summary>Lets nothing more in, and tells every handshake.</summary>
    /// <returns>The connections that are open, to be told as the options say.</returns>
    public WebSocketConnection[] Stop(DrainOptions options)
    {
        lock (_sync)
        {
            _draining = options;
            TellEmpty();
        }

        (ServerConnection[] opening, WebSocketConnection[] open) = All();
        foreach (ServerConnection connection in opening)
            connection.Stop(options);
        return open;
    }

    /// <summary>Gets what is there now.</summary>
    public (ServerConnection[] Opening, WebSocketConnection[] Open) All()
    {
        lock (_sync)
            return ([.. _opening], [.. Opened]);
    }

    private void CountFor(ServerConnection opening, IPAddress? address)
    {
        if (address is null)
            return;
        if (_addresses!.TryAdd(address))
            opening.Counted = address;
        else
            opening.Limit = nameof(WebSocketServerOptions.MaxConnectionsPerAddress);
    }

    /// <summary>Gets the address that a connection is counted for: none where a proxy does not say whom it speaks for.</summary>
    private IPAddress? CountedOf(WebSocketConnection connection) =>
        connection.Details.ForwardedFor is null && _proxies.Trusts(connection.RemoteEndPoint) ? null : connection.ClientAddress;

    private void TellEmpty()
    {
        if (_draining is not null && _opening.Count == 0 && Opened.Count == 0 && _abandoned.Count == 0)
            _empty.TrySetResult();
    }
}
