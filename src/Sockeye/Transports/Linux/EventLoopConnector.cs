using System.Net;
using System.Net.Sockets;

namespace Sockeye.Transports.Linux;

/// <summary>Connects sockets that an event loop watches from the beginning.</summary>
internal static class EventLoopConnector
{
    /// <summary>Connects by TCP.</summary>
    /// <exception cref="SocketException">That failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<EventLoopSocket> ConnectAsync(EventLoopGroup group, IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EventLoopSocket socket = Create(group, endPoint, out ReadOnlyMemory<byte> address);
        try
        {
            using (cancellationToken.UnsafeRegister(static closed => ((EventLoopSocket)closed!).Dispose(), socket))
            {
                var readiness = new ReadinessSource(socket);
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

    private static EventLoopSocket Create(EventLoopGroup group, IPEndPoint endPoint, out ReadOnlyMemory<byte> address)
    {
        SocketAddress serialized = endPoint.Serialize();
        address = serialized.Buffer[..serialized.Size];
        bool isInet6 = endPoint.AddressFamily == AddressFamily.InterNetworkV6;
        int descriptor = Libc.CreateTcp(isInet6 ? Libc.FamilyInet6 : Libc.FamilyInet);
        if (descriptor < 0)
            throw SocketFault.ExceptionOf(Libc.Errno);
        return new EventLoopSocket(group.Next(), descriptor, new SocketAddresses(address.Span, listener: null));
    }
}
