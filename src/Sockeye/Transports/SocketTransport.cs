using System.Net;
using System.Net.Sockets;

namespace Sockeye.Transports;

/// <summary>Carries bytes over a connected socket, on every platform.</summary>
/// <remarks>It waits with a receive of zero bytes, so that an idle connection owns no buffer, and then receives without blocking.</remarks>
internal sealed class SocketTransport : Transport
{
    private readonly Socket _socket;
    private ReceiveBuffer _buffer;
    private bool _likelyMore;
    private long _bytesSent;
    private int _ended;

    public SocketTransport(Socket socket, BufferPool buffers)
    {
        _socket = socket;
        _socket.NoDelay = socket.ProtocolType == ProtocolType.Tcp || socket.NoDelay;
        _socket.Blocking = false;
        _buffer = new ReceiveBuffer(buffers);
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    public override long BytesSent => Volatile.Read(ref _bytesSent);

    public override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct)
    {
        if (_buffer.HasUnread)
        {
            _buffer.Prepare();
            return new ValueTask<ReceivedBlock>(new ReceivedBlock(_buffer.Block, 0, IsEnd: false));
        }

        _buffer.Rest();
        if (_likelyMore && TryReceive(direct, out ReceivedBlock block))
            return new ValueTask<ReceivedBlock>(block);

        ValueTask<int> readable = _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);
        if (readable.IsCompletedSuccessfully)
        {
            _ = readable.Result;
            if (TryReceive(direct, out block))
                return new ValueTask<ReceivedBlock>(block);
            readable = _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);
        }

        return WaitAsync(readable, direct);
    }

    public override void Advance(int consumed) => _buffer.Advance(consumed);

    public override void Unread(ReadOnlySpan<byte> bytes) => _buffer.Unread(bytes);

    public override SharedMemory Retain() => _buffer.Retain();

    public override void ReleaseBlock() => _buffer.Release();

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
        bool straight = direct.Count > 0 && _buffer.IsEmpty;
        ArraySegment<byte> room = straight ? direct : _buffer.Prepare();
        int received = _socket.Receive(room, SocketFlags.None, out SocketError error);
        if (error != SocketError.Success)
        {
            _likelyMore = false;
            if (!straight)
                _buffer.Rest();
            block = default;
            if (error is SocketError.WouldBlock or SocketError.IOPending or SocketError.Interrupted)
                return false;
            throw new IOException(new SocketException((int)error).Message, new SocketException((int)error));
        }

        _likelyMore = received == room.Count;
        if (straight)
        {
            block = new ReceivedBlock(default, received, received == 0);
            return true;
        }

        _buffer.Commit(received);
        block = new ReceivedBlock(_buffer.Block, 0, received == 0);
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
            Interlocked.Add(ref _bytesSent, sent);
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
                Interlocked.Add(ref _bytesSent, sent);
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
