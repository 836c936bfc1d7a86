using Sockeye.Protocol;

namespace Sockeye.Testing;

/// <summary>Two WebSocket connections in memory, each of which is the peer of the other: no server, no port, no handshake.</summary>
/// <remarks>They are what a server and a client hand out, with all that they do. Disposing the pair aborts both.</remarks>
public sealed class WebSocketPair : IAsyncDisposable
{
    private WebSocketPair(TestLink link, WebSocketConnection client, WebSocketConnection server)
    {
        Link = link;
        Client = client;
        Server = server;
    }

    /// <summary>Gets the client's connection.</summary>
    public WebSocketConnection Client { get; }

    /// <summary>Gets the server's connection.</summary>
    public WebSocketConnection Server { get; }

    /// <summary>Gets what lies between them.</summary>
    public TestLink Link { get; }

    /// <summary>Makes two connections, which receive from now on.</summary>
    /// <param name="client">The options of the client's end; <see cref="WebSocketConnectionOptions.Default"/> where null.</param>
    /// <param name="server">The options of the server's end; those of the client's where null.</param>
    /// <param name="link">What lies between them, not in use yet; a new one where null.</param>
    /// <param name="subprotocol">The subprotocol that both have agreed on; null (the default) for none.</param>
    /// <returns>The pair.</returns>
    /// <exception cref="ArgumentException">The subprotocol is no token.</exception>
    public static WebSocketPair Create(
        WebSocketConnectionOptions? client = null, WebSocketConnectionOptions? server = null, TestLink? link = null, string? subprotocol = null)
    {
        link ??= new TestLink();
        return new WebSocketPair(
            link,
            WebSocketConnection.CreateFromStream(link.Client, Role.Client, client, subprotocol: subprotocol),
            WebSocketConnection.CreateFromStream(link.Server, Role.Server, server ?? client, subprotocol: subprotocol));
    }

    /// <summary>Aborts both connections and waits until they have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        Client.Abort();
        Server.Abort();
        await Task.WhenAll(Client.Closed, Server.Closed).ConfigureAwait(false);
    }
}
