using System.Net.Sockets;
using System.Net.WebSockets;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Adapters;

/// <summary>A <see cref="WebSocket"/> under test, of the framework or of Sockeye, and a peer that is always the framework's, over TCP.</summary>
internal sealed class FrameworkPair : IDisposable
{
    private readonly Socket _own;
    private readonly Socket _peer;
    private readonly Role _role;

    private FrameworkPair(Socket own, Socket peer, bool isSockeye, Role role)
    {
        _own = own;
        _peer = peer;
        _role = role;
        bool isServer = role == Role.Server;
        var stream = new NetworkStream(own, ownsSocket: true);
        Connection = isSockeye ? WebSocketConnection.CreateFromStream(stream, role, subprotocol: "chat") : null;
        Subject = Connection?.AsWebSocket() ?? Create(stream, isServer);
        Peer = Create(new NetworkStream(peer, ownsSocket: true), !isServer);
    }

    public WebSocket Subject { get; }

    public WebSocket Peer { get; }

    /// <summary>Gets the connection behind the subject, if it is Sockeye's.</summary>
    public WebSocketConnection? Connection { get; }

    public static async Task<FrameworkPair> OpenAsync(bool isSockeye, Role role)
    {
        (Socket own, Socket peer) = await Carriers.ConnectSocketsAsync();
        return new FrameworkPair(own, peer, isSockeye, role);
    }

    /// <summary>Ends the peer's direction of the transport, unless the peer has: it does when both have closed.</summary>
    public void EndTransport()
    {
        try
        {
            _peer.Shutdown(SocketShutdown.Send);
        }
        catch (ObjectDisposedException)
        {
            // It is a race with the peer.
        }
    }

    /// <summary>Sends a Close frame without a code, as the framework never does.</summary>
    public async Task SendEmptyCloseAsync() =>
        await _peer.SendAsync((byte[])(_role == Role.Server ? [0x88, 0x80, 0, 0, 0, 0] : [0x88, 0x00]));

    public void Dispose()
    {
        Connection?.Abort();
        Subject.Dispose();
        Peer.Dispose();
        _own.Dispose();
        _peer.Dispose();
    }

    private static WebSocket Create(Stream stream, bool isServer) => WebSocket.CreateFromStream(
        stream, new WebSocketCreationOptions { IsServer = isServer, SubProtocol = "chat", KeepAliveInterval = TimeSpan.Zero });
}
