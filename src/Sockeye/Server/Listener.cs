using System.Net;
using System.Net.Sockets;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Accepts connections on one bound socket until it is disposed; nothing but that ends its loop.</summary>
internal sealed class Listener : IDisposable
{
    /// <summary>The pause after a failure, so that a lack of descriptors does not become a busy loop.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Func<CancellationToken, ValueTask<ConnectedSocket>> _accept;
    private readonly IDisposable? _socket;
    private readonly CancellationTokenSource _stop = new();

    internal Listener(EndPoint endPoint, Func<CancellationToken, ValueTask<ConnectedSocket>> accept, IDisposable? socket = null)
    {
        EndPoint = endPoint;
        _accept = accept;
        _socket = socket;
    }

    /// <summary>Gets the end point that is listened on, its port known.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>Binds and listens, once or once for each event loop.</summary>
    /// <param name="endPoint">Where.</param>
    /// <param name="backlog">How many connections wait until they are accepted.</param>
    /// <param name="group">The event loops that accept; null where the runtime does.</param>
    /// <param name="distribution">How connections come to the loops.</param>
    /// <exception cref="IOException">That is not possible; the message names the end point and the reason.</exception>
    public static Listener[] BindAll(EndPoint endPoint, int backlog, EventLoopGroup? group, AcceptDistribution distribution)
    {
        if (group is null || distribution != AcceptDistribution.ReusePort || endPoint is not IPEndPoint)
            return [Bind(endPoint, backlog, group)];

        var listeners = new List<Listener>();
        try
        {
            foreach (EventLoop loop in group.Loops)
            {
                listeners.Add(Bind(endPoint, backlog, group, loop));
                endPoint = listeners[0].EndPoint; // where any port was asked for, it is the same one for all
            }
        }
        catch (IOException)
        {
            foreach (Listener listener in listeners)
                listener.Dispose();
            throw;
        }

        return [.. listeners];
    }

    /// <summary>Binds and listens.</summary>
    /// <param name="endPoint">Where.</param>
    /// <param name="backlog">How many connections wait until they are accepted.</param>
    /// <param name="group">The event loops that accept; null where the runtime does.</param>
    /// <param name="own">The loop that keeps what is accepted, and shares the port with others; null where all take turns.</param>
    /// <exception cref="IOException">That is not possible; the message names the end point and the reason.</exception>
    public static Listener Bind(EndPoint endPoint, int backlog, EventLoopGroup? group, EventLoop? own = null)
    {
        Socket? socket = null;
        if (endPoint is PipeEndPoint pipe)
            return Bind(pipe);
        try
        {
            ProtocolType protocol = endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified;
            socket = new Socket(endPoint.AddressFamily, SocketType.Stream, protocol);
            if (endPoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            if (own is not null && Libc.SetReusePort((int)socket.Handle) < 0)
                throw SocketFault.ExceptionOf(Libc.Errno);
            socket.Bind(endPoint);
            socket.Listen(backlog);
            return Listen(socket, group, own);
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            string reason = e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse when endPoint is UnixDomainSocketEndPoint =>
                    "there is such a file; another server listens there, or one that was killed has left it: delete it then",
                SocketError.AddressAlreadyInUse => "another socket listens there; choose another port, or 0 for a free one",
                SocketError.AccessDenied => "this user may not listen there; choose a port above 1023",
                SocketError.AddressNotAvailable => "this machine has no such address",
                _ => e.Message,
            };
            throw new IOException($"Cannot listen on {endPoint}: {reason}.", e);
        }
    }

    /// <summary>Listens on a socket that somebody else has bound.</summary>
    /// <exception cref="InvalidOperationException">The socket is not bound, or is no stream socket.</exception>
    /// <exception cref="IOException">It cannot listen.</exception>
    public static Listener Adopt(Socket socket, int backlog, EventLoopGroup? group)
    {
        if (socket.SocketType != SocketType.Stream || !socket.IsBound)
            throw new InvalidOperationException("A socket in ListeningSockets is not bound, or no stream socket: bind it to an end point first.");
        try
        {
            socket.Listen(backlog); // one that listens already goes on
            return Listen(socket, group, own: null);
        }
        catch (SocketException e)
        {
            throw new IOException($"Cannot listen on the socket at {socket.LocalEndPoint}: {e.Message}.", e);
        }
    }

    private static Listener Bind(PipeEndPoint endPoint)
    {
        try
        {
            var acceptor = new PipeAcceptor(endPoint);
            return new Listener(endPoint, acceptor.AcceptAsync, acceptor);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Cannot listen on {endPoint}: another process does; choose another name.", e);
        }
    }

    private static Listener Listen(Socket socket, EventLoopGroup? group, EventLoop? own)
    {
        EndPoint endPoint = socket.LocalEndPoint!;
        if (group is null)
            return new Listener(endPoint, async stop => new RuntimeSocket(await socket.AcceptAsync(stop).ConfigureAwait(false)), socket);
        var acceptor = new EventLoopAcceptor(socket, group, own);
        return new Listener(endPoint, _ => acceptor.AcceptAsync(), acceptor);
    }

    /// <summary>Accepts until the listener is disposed.</summary>
    /// <param name="accepted">Takes each socket; it must not throw and not block.</param>
    /// <param name="failed">Is told each failure; it must not throw.</param>
    /// <param name="time">The clock of the pause after a failure.</param>
    public async Task RunAsync(Action<ConnectedSocket> accepted, Action<Listener, Exception> failed, TimeProvider time)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                accepted(await _accept(_stop.Token).ConfigureAwait(false));
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (e is SocketException { SocketErrorCode: SocketError.ConnectionAborted or SocketError.ConnectionReset })
                    continue; // that client went away again before it was accepted
                failed(this, e);
                await PauseAsync(time).ConfigureAwait(false);
            }
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _socket?.Dispose();
    }

    private async Task PauseAsync(TimeProvider time)
    {
        try
        {
            await Task.Delay(Pause, time, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The listener is being disposed: the loop sees it.
        }
    }
}
