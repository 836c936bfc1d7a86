using System.Collections;

namespace Sockeye;

/// <summary>Holds the open connections of a server. Who enumerates sees those that were there when he began.</summary>
/// <remarks>Safe from any thread.</remarks>
internal sealed class ConnectionSet : IReadOnlyCollection<WebSocketConnection>
{
    private readonly Lock _sync = new();
    private readonly HashSet<WebSocketConnection> _connections = [];
    private WebSocketConnection[]? _array;

    public int Count
    {
        get
        {
            lock (_sync)
                return _connections.Count;
        }
    }

    public void Add(WebSocketConnection connection)
    {
        lock (_sync)
        {
            _connections.Add(connection);
            _array = null;
        }
    }

    /// <summary>Removes a connection; false where it was not there.</summary>
    public bool Remove(WebSocketConnection connection)
    {
        lock (_sync)
        {
            _array = null;
            return _connections.Remove(connection);
        }
    }

    /// <summary>Gets the connections that are there now. The array is not changed; it is made anew when one has come or gone.</summary>
    public WebSocketConnection[] ToArray()
    {
        lock (_sync)
            return _array ??= [.. _connections];
    }

    public IEnumerator<WebSocketConnection> GetEnumerator() => ((IEnumerable<WebSocketConnection>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
