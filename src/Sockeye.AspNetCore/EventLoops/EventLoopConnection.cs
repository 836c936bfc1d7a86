using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>A connection of Kestrel on an event loop: pipes for as long as it speaks HTTP, until an upgrade takes the socket over.</summary>
/// <remarks>What is received goes on at once, on the thread that leads the loop. As Kestrel's own transport does, it receives ahead of
/// whoever reads, within a bound, so that the end of the connection is seen while a request is served.</remarks>
internal sealed class EventLoopConnection : DefaultConnectionContext, IDuplexPipe, IMemoryPoolFeature
{
    // Together no more than a transport takes back.
    private const int ReadAhead = 32 * 1024;
    private const int MostPerReceive = 16 * 1024;

    // How many receives one connection makes before the others have their turn.
    private const int ReceivesInARow = 8;

    private readonly EventLoopSocket _socket;
    private readonly SocketStream _stream;
    private readonly Pipe _input;
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _sync = new();
    private Task _receiving = Task.CompletedTask;
    private int _receivingThread;
    private bool _isTakenOver;
    private int _hasClosed;

    private EventLoopConnection(EventLoopSocket socket, MemoryPool<byte> pool)
    {
        _socket = socket;
        _stream = new SocketStream(this, socket);
        _input = new Pipe(new PipeOptions(
            pool, PipeScheduler.Inline, PipeScheduler.Inline, ReadAhead, ReadAhead / 2, pool.MaxBufferSize, useSynchronizationContext: false));
        Output = PipeWriter.Create(_stream, new StreamPipeWriterOptions(pool, leaveOpen: true));
        MemoryPool = pool;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
        ConnectionClosed = _closed.Token;
        Transport = this;
        Features.Set<IMemoryPoolFeature>(this);
    }

    public MemoryPool<byte> MemoryPool { get; }

    public PipeReader Input => _input.Reader;

    public PipeWriter Output { get; }

    /// <summary>Takes over a socket that was accepted, and begins to receive.</summary>
    public static EventLoopConnection Start(EventLoopSocket socket, MemoryPool<byte> pool)
    {
        var connection = new EventLoopConnection(socket, pool);
        connection._receiving = connection.ReceiveAsync();
        return connection;
    }

    /// <summary>Ends the pipes: what has been received and not been read, and all that comes, goes to a transport.</summary>
    /// <remarks>Called once, while nobody reads or writes, and when all that was written has left.</remarks>
    public async ValueTask<Transport> TakeOverAsync(BufferPool buffers)
    {
        lock (_sync)
            _isTakenOver = true;
        // From here on nothing is received into the pipe.
        byte[] unread = [];
        try
        {
            if (_input.Reader.TryRead(out ReadResult received))
            {
                unread = received.Buffer.ToArray();
                _input.Reader.AdvanceTo(received.Buffer.End);
            }
        }
        catch (ConnectionResetException)
        {
            // The client has gone meanwhile: whoever receives from the socket finds its end.
        }

        // Whoever receives is about to go, or to wait for bytes, which goes on for good. If it runs below this very call, it goes when that
        // returns.
        while (_receivingThread != Environment.CurrentManagedThreadId && !_receiving.IsCompleted && !_socket.TryForgetReadable())
            await Task.Yield();

        var transport = new EventLoopTransport(_socket, buffers, isUnderWay: true);
        transport.Unread(unread);
        return transport;
    }

    /// <summary>Tells who watches the connection that it has ended.</summary>
    public void FireClosed()
    {
        if (Interlocked.Exchange(ref _hasClosed, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static closed => closed.Cancel(), _closed, preferLocal: false);
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        _socket.Reset();
        FireClosed();
    }

    public override async ValueTask DisposeAsync()
    {
        await _input.Reader.CompleteAsync().ConfigureAwait(false);
        await Output.CompleteAsync().ConfigureAwait(false);
        _socket.Dispose();
        if (!_isTakenOver)
            await _receiving.ConfigureAwait(false);
        FireClosed();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ReceiveAsync()
    {
        Exception? failure = null;
        try
        {
            bool isMoreLikely = false;
            for (int receives = ReceivesInARow; ; receives++)
            {
                if (!isMoreLikely || receives >= ReceivesInARow || EventLoop.LedHere is null)
                {
                    await _stream.WaitReadableAsync(again: isMoreLikely).ConfigureAwait(false);
                    receives = 0;
                }

                if (!TryReceive(out isMoreLikely, out ValueTask<FlushResult> flushing))
                    continue;
                FlushResult flushed = await flushing.ConfigureAwait(false);
                if (flushed.IsCompleted || flushed.IsCanceled || Volatile.Read(ref _isTakenOver))
                    break;
            }
        }
        catch (IOException e)
        {
            failure = new ConnectionResetException(e.Message, e);
        }

        if (Volatile.Read(ref _isTakenOver))
            return;
        await _input.Writer.CompleteAsync(failure).ConfigureAwait(false);
        FireClosed();
    }

    /// <summary>Receives what is there into the pipe, and runs who reads it.</summary>
    /// <returns>False where nothing is there.</returns>
    private bool TryReceive(out bool isMoreLikely, out ValueTask<FlushResult> flushing)
    {
        // Under the lock, so that whoever takes over finds in the pipe what was received last.
        lock (_sync)
        {
            isMoreLikely = false;
            flushing = new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: true));
            if (_isTakenOver)
                return true;
            Memory<byte> room = _input.Writer.GetMemory();
            room = room[..Math.Min(room.Length, MostPerReceive)];
            int received = _socket.Receive(room.Span);
            if (received < 0)
                return false;
            if (received == 0)
                return true;
            isMoreLikely = received == room.Length;
            _input.Writer.Advance(received);
            Volatile.Write(ref _receivingThread, Environment.CurrentManagedThreadId);
            flushing = _input.Writer.FlushAsync(CancellationToken.None);
            Volatile.Write(ref _receivingThread, 0);
            return true;
        }
    }

    /// <summary>The socket as a stream. What can no longer be written is dropped: that the connection has broken shows where it is read.</summary>
    private sealed class SocketStream(EventLoopConnection connection, EventLoopSocket socket) : EventLoopStream(socket)
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                await base.WriteAsync(buffer, CancellationToken.None).ConfigureAwait(false);
            }
            catch (IOException)
            {
                connection.FireClosed();
            }
        }
    }
}
