using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Sockeye.Transports;

/// <summary>Carries bytes over a connected socket, on every platform.</summary>
/// <remarks>It waits with a receive of zero bytes, so that an idle connection owns no buffer, and then receives without blocking.</remarks>
internal sealed class SocketTransport : NonBlockingTransport
{
    // For calls with two pieces of memory: the runtime takes them in a list.
    [ThreadStatic]
    private static ArraySegment<byte>[]? t_pair;

    private readonly Socket _socket;
    private int _ended;

    public SocketTransport(Socket socket, BufferPool buffers)
        : base(buffers)
    {
        _socket = socket;
        _socket.NoDelay = socket.ProtocolType == ProtocolType.Tcp || socket.NoDelay;
        _socket.Blocking = false;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = RuntimeSocket.PeerOf(socket);
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    protected override ValueTask<ReceivedBlock> ReceiveMoreAsync(ArraySegment<byte> direct)
    {
        if (IsMoreLikely && TryReceive(direct, out ReceivedBlock block))
            return new ValueTask<ReceivedBlock>(block);

        ValueTask<int> readable;
        try
        {
            readable = _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);
            if (readable.IsCompletedSuccessfully)
            {
                _ = readable.Result;
                if (TryReceive(direct, out block))
                    return new ValueTask<ReceivedBlock>(block);
                readable = _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was closed meanwhile.
            return ValueTask.FromException<ReceivedBlock>(new IOException(e.Message, e));
        }

        return WaitAsync(readable, direct);
    }

    public override ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        // What the kernel takes at once costs no state machine.
        return TrySend(ref first, ref second) ? default : SendRestAsync(first, second);
    }

    public override ValueTask ShutdownAsync()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException e)
        {
            return ValueTask.FromException(new IOException(e.Message, e));
        }
        catch (ObjectDisposedException)
        {
            return default;
        }

        return default;
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        try
        {
            _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The peer has reset the connection already: closing is all that is left to do.
        }

        _socket.Dispose();
    }

    public override ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
            _socket.Dispose();
        return default;
    }

    [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedBlock> WaitAsync(ValueTask<int> readable, ArraySegment<byte> direct)
    {
        try
        {
            while (true)
            {
                await readable.ConfigureAwait(false);
                if (TryReceive(direct, out ReceivedBlock block))
                    return block;
                readable = _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new IOException(e.Message, e);
        }
    }

    protected override int ReceiveNow(ArraySegment<byte> first, ArraySegment<byte> second)
    {
        SocketError error;
        int received;
        if (second.Count == 0)
        {
            received = _socket.Receive(first, SocketFlags.None, out error);
        }
        else
        {
            ArraySegment<byte>[] pair = Pair(first, second);
            received = _socket.Receive(pair, SocketFlags.None, out error);
            Array.Clear(pair);
        }

        return NoneOrThrow(received, error);
    }

    protected override int SendNow(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        SocketError error;
        int sent;
        if (!second.IsEmpty && MemoryMarshal.TryGetArray(first, out ArraySegment<byte> one) && MemoryMarshal.TryGetArray(second, out ArraySegment<byte> two))
        {
            ArraySegment<byte>[] pair = Pair(one, two);
            sent = _socket.Send(pair, SocketFlags.None, out error);
            Array.Clear(pair);
        }
        else
        {
            sent = _socket.Send(first.Span, SocketFlags.None, out error);
        }

        return NoneOrThrow(sent, error);
    }

    private static ArraySegment<byte>[] Pair(ArraySegment<byte> first, ArraySegment<byte> second)
    {
        ArraySegment<byte>[] pair = t_pair ??= new ArraySegment<byte>[2];
        (pair[0], pair[1]) = (first, second);
        return pair;
    }

    private static int NoneOrThrow(int count, SocketError error) => error switch
    {
        SocketError.Success => count,
        SocketError.WouldBlock or SocketError.IOPending or SocketError.Interrupted => -1,
        _ => throw new IOException(new SocketException((int)error).Message, new SocketException((int)error)),
    };

    [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendRestAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        // In slices, so that a slow peer is seen to make progress.
        const int Slice = 64 * 1024;
        try
        {
            while (first.Length + second.Length > 0)
            {
                ReadOnlyMemory<byte> next = first.Length > 0 ? first : second;
                next = next[..Math.Min(next.Length, Slice)];
                int sent = await _socket.SendAsync(next, SocketFlags.None).ConfigureAwait(false);
                Sent(sent);
                if (first.Length > 0)
                    first = first[sent..];
                else
                    second = second[sent..];
                TrySend(ref first, ref second);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new IOException(e.Message, e);
        }
    }
}
