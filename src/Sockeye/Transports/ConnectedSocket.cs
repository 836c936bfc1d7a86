using System.Net;
using System.Net.Sockets;

namespace Sockeye.Transports;

/// <summary>A socket that is connected to a peer, whoever waits for its bytes: the runtime or an event loop of ours.</summary>
internal abstract class ConnectedSocket : IDisposable
{
    public abstract EndPoint? LocalEndPoint { get; }

    public abstract EndPoint? RemoteEndPoint { get; }

    /// <summary>Carries bytes over the socket, which belongs to the transport from here on.</summary>
    public abstract Transport CreateTransport(BufferPool buffers);

    /// <summary>Makes a stream, for TLS. Disposing it closes the socket.</summary>
    public abstract Stream CreateStream();

    /// <summary>Says that nothing more will be sent (FIN).</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public abstract void ShutdownSend();

    /// <summary>Closes at once, with RST. Never throws.</summary>
    public abstract void Reset();

    /// <summary>Closes in the ordinary way; whoever waits for the socket fails.</summary>
    public abstract void Dispose();

    /// <summary>Names who is told when the code that took what was received holds its thread for long.</summary>
    /// <returns>Whether the thread that calls is watched, or need not be.</returns>
    public virtual bool WatchStalls(IStallObserver observer) => true;
}

/// <summary>Learns that the application has held the thread on which its connection was received for so long that others need another one.</summary>
internal interface IStallObserver
{
    /// <summary>Is called on another thread, while the application goes on: what it has sent so far is not held back any longer.</summary>
    void OnStalled();
}

/// <summary>A socket that the runtime waits for.</summary>
internal sealed class RuntimeSocket(Socket socket) : ConnectedSocket
{
    public override EndPoint? LocalEndPoint { get; } = socket.LocalEndPoint;

    public override EndPoint? RemoteEndPoint { get; } = PeerOf(socket);

    public Socket Socket => socket;

    /// <summary>Connects.</summary>
    /// <param name="endPoint">Where to.</param>
    /// <param name="configure">Sees the socket before; null for none.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="SocketException">That failed.</exception>
    public static async Task<ConnectedSocket> ConnectAsync(EndPoint endPoint, Action<Socket>? configure, CancellationToken cancellationToken)
    {
        Socket socket = Create(endPoint);
        try
        {
            configure?.Invoke(socket);
            await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return new RuntimeSocket(socket);
        }
        catch (Exception)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Gets the address of the peer; null where it has reset the connection already, as the first receive will tell.</summary>
    public static EndPoint? PeerOf(Socket socket)
    {
        try
        {
            return socket.RemoteEndPoint;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>Makes a socket that can be connected to an end point.</summary>
    public static Socket Create(EndPoint endPoint) => endPoint.AddressFamily == AddressFamily.Unix
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public override Transport CreateTransport(BufferPool buffers) => socket.ProtocolType == ProtocolType.Tcp
        ? new SocketTransport(socket, buffers)
        : new StreamTransport(CreateStream(), buffers, this);

    public override Stream CreateStream()
    {
        if (socket.ProtocolType == ProtocolType.Tcp)
            socket.NoDelay = true;
        return new NetworkStream(socket, ownsSocket: true);
    }

    public override void ShutdownSend() => socket.Shutdown(SocketShutdown.Send);

    public override void Reset()
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer has reset the connection already: closing is all that is left to do.
        }

        socket.Dispose();
    }

    public override void Dispose() => socket.Dispose();
}
