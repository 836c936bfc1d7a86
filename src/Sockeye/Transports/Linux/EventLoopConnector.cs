using System.Net;
using System.Net.Sockets;

namespace Sockeye.Transports.Linux;

/// <summary>Connects sockets that an event loop watches from the beginning.</summary>
internal static class EventLoopConnector
{
    /// <summary>Connects.</summary>
    /// <param name="group">The loops.</param>
    /// <param name="endPoint">Where to.</param>
    /// <param name="configure">Sees the socket before; null for none.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="SocketException">That failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<ConnectedSocket> ConnectAsync(
        EventLoopGroup group, EndPoint endPoint, Action<Socket>? configure, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EventLoopSocket socket = Create(group, endPoint, configure, out ReadOnlyMemory<byte> address);
        try
        {
            using (cancellationToken.UnsafeRegister(static closed => ((EventLoopSocket)closed!).Dispose(), socket))
            {
                var readiness = new ReadinessSource(socket);
                if (endPoint.AddressFamily != AddressFamily.Unix)
                    socket.SetNoDelay();
                int error = socket.Connect(address.Span);
                if (error == Libc.InProgress)
                {
                    // Watched only now: a socket that is not connected is reported as one that was hung up.
                    socket.Register();
                    await readiness.WaitWritableAsync().ConfigureAwait(false);
                    error = socket.TakeError();
                }
                else if (error == 0)
                {
                    socket.Register();
                }

                return error == 0 ? socket : throw SocketFault.ExceptionOf(error);
            }
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is IOException && cancellationToken.IsCancellationRequested)
                throw new OperationCanceledException(cancellationToken);
            throw;
        }
    }

    private static EventLoopSocket Create(
        EventLoopGroup group, EndPoint endPoint, Action<Socket>? configure, out ReadOnlyMemory<byte> address)
    {
        SocketAddress serialized = endPoint.Serialize();
        address = serialized.Buffer[..serialized.Size];
        int descriptor = configure is null ? Libc.CreateStream(FamilyOf(endPoint)) : CreateConfigured(endPoint, configure);
        if (descriptor < 0)
            throw SocketFault.ExceptionOf(Libc.Errno);
        return new EventLoopSocket(group.Next(), descriptor, new SocketAddresses(address.Span, listener: null));
    }

    /// <summary>Makes a socket that the user has seen as one of the runtime.</summary>
    private static int CreateConfigured(EndPoint endPoint, Action<Socket> configure)
    {
        using Socket socket = RuntimeSocket.Create(endPoint);
        configure(socket);
        socket.Blocking = false;
        // A descriptor of its own, since the runtime closes the other one.
        return Libc.Duplicate((int)socket.Handle);
    }

    private static int FamilyOf(EndPoint endPoint) => endPoint.AddressFamily switch
    {
        AddressFamily.Unix => Libc.FamilyUnix,
        AddressFamily.InterNetworkV6 => Libc.FamilyInet6,
        _ => Libc.FamilyInet,
    };
}
