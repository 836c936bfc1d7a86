using System.Net;
using System.Net.Sockets;

namespace Sockeye.Transports;

/// <summary>Carries bytes over a connected socket, on every platform.</summary>
/// <remarks>It waits with a receive of zero bytes, so that an idle connection owns no buffer, and then receives without blocking.</remarks>
internal sealed class SocketTransport : BufferedTransport
{
    private readonly Socket _socket;
    private bool _likelyMore;
    private int _ended;

    public SocketTransport(Socket socket, BufferPool buffers)
        : base(buffers)
    {
        _socket = socket;
        _socket.NoDelay = socket.ProtocolType == ProtocolType.Tcp || socket.NoDelay;
        _socket.Blocking = false;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    protected override ValueTask<ReceivedBlock> ReceiveMoreAsync(ArraySegment<byte> direct)
    {
        if (_likelyMore && TryReceive(direct, out ReceivedBlock block))
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
        if (!TrySend(ref first) || !TrySend(ref second))
            return SendRestAsync(first, second);
        return default;
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

    /// <summary>Receives what is there, without waiting.</summary>
    private bool TryReceive(ArraySegment<byte> direct, out ReceivedBlock block)
    {
        ArraySegment<byte> room = RoomFor(direct, out bool isDirect);
        int received = _socket.Receive(room, SocketFlags.None, out SocketError error);
        if (error != SocketError.Success)
        {
            _likelyMore = false;
            if (!isDirect)
                Buffer.Rest();
            block = default;
            if (error is SocketError.WouldBlock or SocketError.IOPending or SocketError.Interrupted)
                return false;
            throw new IOException(new SocketException((int)error).Message, new SocketException((int)error));
        }

        _likelyMore = received == room.Count;
        block = Received(received, isDirect);
        return true;
    }

    private bool TrySend(ref ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int sent = _socket.Send(bytes.Span, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
                return false;
            if (error != SocketError.Success)
                throw new IOException(new SocketException((int)error).Message, new SocketException((int)error));
            Sent(sent);
            bytes = bytes[sent..];
        }

        return true;
    }

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
                if (TrySend(ref first))
                    TrySend(ref second);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new IOException(e.Message, e);
        }
    }
}
