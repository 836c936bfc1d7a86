using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Sockeye.Transports.Linux;

/// <summary>Accepts connections from a listening socket, on the thread of an event loop, and gives them to the loops.</summary>
internal sealed class EventLoopAcceptor : IDisposable
{
    // How many are accepted in a row before the other sockets of the loop have their turn.
    private const int AcceptsInARow = 64;

    private readonly EventLoopGroup _group;
    private readonly EventLoop? _own;
    private readonly Socket _listening;
    private readonly EventLoopSocket _socket;
    private readonly ReadinessSource _readiness;
    private readonly EndPoint? _local;
    private int _accepts;
    private uint _turn;
    private bool _isDisposed;

    /// <summary>Takes over a socket that is bound and listens.</summary>
    /// <param name="listening">The socket.</param>
    /// <param name="group">The loops.</param>
    /// <param name="own">The loop that keeps all that is accepted here; null where all take turns.</param>
    public EventLoopAcceptor(Socket listening, EventLoopGroup group, EventLoop? own)
    {
        _group = group;
        _own = own;
        _listening = listening;
        listening.Blocking = false;
        // What is accepted inherits it.
        if (listening.ProtocolType == ProtocolType.Tcp)
            listening.NoDelay = true;
        EndPoint local = listening.LocalEndPoint!;
        bool isOneAddress = local is not IPEndPoint { Address: var address }
            || (!address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any));
        _local = isOneAddress ? local : null;
        // A descriptor of its own, which the loop may close when nobody uses it any more.
        int descriptor = Libc.Duplicate((int)listening.Handle);
        if (descriptor < 0)
            throw SocketFault.ExceptionOf(Libc.Errno);
        _socket = new EventLoopSocket(own ?? group.Next(), descriptor);
        _readiness = new ReadinessSource(_socket);
        Register(_socket);
    }

    /// <summary>Waits for the next connection.</summary>
    /// <exception cref="SocketException">Accepting failed, for instance because there are too many descriptors.</exception>
    /// <exception cref="IOException">This was disposed.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ConnectedSocket> AcceptAsync()
    {
        if (++_accepts > AcceptsInARow)
        {
            _accepts = 0;
            await _readiness.WaitReadableAsync(again: true).ConfigureAwait(false);
        }

        EventLoopSocket? accepted;
        while ((accepted = TryAccept()) is null)
        {
            _accepts = 0;
            await _readiness.WaitReadableAsync().ConfigureAwait(false);
        }

        return accepted;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        // Closing alone would leave it listening as long as another thread is about to accept, or somebody else has a descriptor.
        _socket.StopListening();
        _listening.Dispose();
    }

    private unsafe EventLoopSocket? TryAccept()
    {
        byte* address = stackalloc byte[Libc.MaxAddress];
        int length = Libc.MaxAddress;
        int descriptor = _socket.Accept(address, &length);
        if (descriptor < 0)
            return null;
        var addresses = new SocketAddresses(new ReadOnlySpan<byte>(address, Math.Min(length, Libc.MaxAddress)), _local);
        // Counted here and not for the group: where each connection leads to another one, those would all come to the same loops.
        EventLoop loop = _own ?? _group.Loops[(int)(_turn++ % (uint)_group.Loops.Count)];
        var socket = new EventLoopSocket(loop, descriptor, addresses);
        Register(socket);
        return socket;
    }

    private static void Register(EventLoopSocket socket)
    {
        try
        {
            socket.Register();
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }
}
