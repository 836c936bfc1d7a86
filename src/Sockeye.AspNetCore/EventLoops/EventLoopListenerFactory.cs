using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Lets Kestrel listen on event loops.</summary>
/// <param name="group">The loops.</param>
/// <param name="backlog">How many connections wait until they are accepted.</param>
/// <param name="pools">Where the memory of the connections comes from.</param>
internal sealed class EventLoopListenerFactory(EventLoopGroup group, int backlog, IMemoryPoolFactory<byte> pools)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint;

    /// <summary>Listens.</summary>
    /// <exception cref="AddressInUseException">Somebody else listens there.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(backlog);
            EndPoint bound = socket.LocalEndPoint!;
            return new ValueTask<IConnectionListener>(
                new EventLoopListener(bound, new EventLoopAcceptor(socket, group, own: null), pools.Create()));
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            if (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
                throw new AddressInUseException(e.Message, e);
            throw;
        }
    }
}

/// <summary>Accepts the connections of one end point for Kestrel.</summary>
internal sealed class EventLoopListener(EndPoint endPoint, EventLoopAcceptor acceptor, MemoryPool<byte> pool) : IConnectionListener
{
    // After a failure, so that a lack of descriptors does not become a busy loop. Kestrel itself would accept nothing any more.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly HttpPipes.Pool _pipes = new(pool);
    private bool _isUnbound;

    public EndPoint EndPoint => endPoint;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var socket = (EventLoopSocket)await acceptor.AcceptAsync().ConfigureAwait(false);
                return new EventLoopConnection(socket, _pipes);
            }
            catch (Exception) when (Volatile.Read(ref _isUnbound))
            {
                return null;
            }
            catch (SocketException e)
            {
                // Else that client went away again before it was accepted.
                if (e.SocketErrorCode is not (SocketError.ConnectionAborted or SocketError.ConnectionReset))
                    await Task.Delay(Pause, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _isUnbound, true);
        acceptor.Dispose();
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync(CancellationToken.None).ConfigureAwait(false);
        pool.Dispose();
    }
}
