using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Sockeye.Diagnostics;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>A connection of Kestrel on an event loop: pipes for as long as it speaks HTTP, until an upgrade takes the socket over.</summary>
/// <remarks>What is received goes on at once, on the thread that leads the loop. As Kestrel's own transport does, it receives ahead of
/// whoever reads, within a bound, so that the end of the connection is seen while a request is served.</remarks>
internal sealed class EventLoopConnection : LeanConnectionContext, IDuplexPipe, IThreadPoolWorkItem
{
    // With what may be read ahead, no more than a transport takes back.
    private const int MostPerReceive = 16 * 1024;

    // How many receives one connection makes before the others have their turn.
    private const int ReceivesInARow = 8;

    private readonly EventLoopSocket _socket;
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _sync = new();
    private readonly DetachableReader _input;
    private readonly DetachableWriter _output;
    private HttpPipes? _pipes;
    private Task _receiving;
    private bool _isServing;
    private bool _isFlushed = true;

    // Whether the last receive may have left something behind that nobody reports again.
    private bool _isMoreLikely;
    private bool _isTakenOver;
    private int _hasClosed;

    /// <summary>Takes over a socket that was accepted, and begins to receive.</summary>
    [SetsRequiredMembers]
    public EventLoopConnection(EventLoopSocket socket, HttpPipes.Pool pool)
        : base(pool.Options.Pool)
    {
        _socket = socket;
        _pipes = pool.Rent(this, socket);
        _input = new DetachableReader(_pipes);
        _output = new DetachableWriter(_pipes);
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
        ConnectionClosed = _closed.Token;
        Transport = this;
        _receiving = ReceiveAsync(_pipes);
    }

    public PipeReader Input => _input;

    public PipeWriter Output => _output;

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
            if (_input.TryRead(out ReadResult received))
            {
                unread = received.Buffer.ToArray();
                _input.AdvanceTo(received.Buffer.End);
            }
        }
        catch (ConnectionResetException)
        {
            // The client has gone meanwhile: whoever receives from the socket finds its end.
        }

        // Whoever receives is about to go, or to wait for bytes: then it is told to go, since it may not wait yet on what another connection
        // waits on next. If it serves, which may be this very call, it goes when that returns.
        bool hasWaited = false;
        while (!_receiving.IsCompleted && !Volatile.Read(ref _isServing))
        {
            hasWaited = _pipes!.TryEndWait();
            if (!hasWaited)
                await Task.Yield();
        }

        // The request holds this connection for as long as the transport lives: what served HTTP goes.
        var transport = new EventLoopTransport(_socket, buffers, isMoreLikely: _isMoreLikely && !hasWaited);
        transport.Unread(unread);
        _input.Detach();
        _output.Detach();
        _pipes!.End(mayServeAgain: _receiving.IsCompleted || _isFlushed);
        _pipes = null;
        _receiving = Task.CompletedTask;
        return transport;
    }

    /// <summary>Names who is told when a handler holds the thread of the loop for long.</summary>
    public bool WatchStalls(IStallObserver observer) => _socket.WatchStalls(observer);

    /// <summary>Tells who watches the connection that it has ended, elsewhere or later: on an event loop when the events at hand have been
    /// served, by when most requests have ended of themselves. Whom it tells may hold that thread, as a handler may.</summary>
    public void FireClosed()
    {
        if (Interlocked.Exchange(ref _hasClosed, 1) == 0 && !EventLoop.TryDefer(this))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            _closed.Cancel();
        }
        catch (AggregateException e)
        {
            // Code of others threw, which nobody waits for: here it would end the process.
            _socket.Logger?.ConnectionClosedThrew(e);
        }
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        _socket.Reset();
        FireClosed();
    }

    public override async ValueTask DisposeAsync()
    {
        await _input.CompleteAsync().ConfigureAwait(false);
        await _output.CompleteAsync().ConfigureAwait(false);
        _socket.Dispose();
        if (!_isTakenOver)
            await _receiving.ConfigureAwait(false);
        FireClosed();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ReceiveAsync(HttpPipes pipes)
    {
        Exception? failure = null;
        try
        {
            for (int receives = ReceivesInARow; ; receives++)
            {
                if (!_isMoreLikely || receives >= ReceivesInARow || EventLoop.LedHere is null)
                {
                    await pipes.WaitReadableAsync(again: _isMoreLikely).ConfigureAwait(false);
                    receives = 0;
                }

                if (!TryReceive(pipes.Received, out ValueTask<FlushResult> flushing))
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
        await pipes.Received.CompleteAsync(failure).ConfigureAwait(false);
        FireClosed();
    }

    /// <summary>Receives what is there into the pipe, and serves who reads it: outside the lock, since that is the application.</summary>
    /// <returns>False where nothing is there.</returns>
    private bool TryReceive(PipeWriter pipe, out ValueTask<FlushResult> flushing)
    {
        flushing = new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: true));
        try
        {
            // Under the lock, so that whoever takes over finds in the pipe what was received last.
            lock (_sync)
            {
                // Until it is known better: who goes now leaves what was reported, and an end or a failure is found once more.
                _isMoreLikely = true;
                if (_isTakenOver)
                    return true;
                Memory<byte> room = pipe.GetMemory();
                room = room[..Math.Min(room.Length, MostPerReceive)];
                int received = _socket.Receive(room.Span);
                if (received == 0)
                    return true;
                // The end comes with the last bytes, maybe: nobody reports it again.
                _isMoreLikely = received == room.Length || (received > 0 && _socket.IsWorthReceiving);
                if (received < 0)
                    return false;
                pipe.Advance(received);
                PutOff.Begin();
                flushing = pipe.FlushAsync(CancellationToken.None);
                _isFlushed = flushing.IsCompleted;
                Volatile.Write(ref _isServing, true);
                return true;
            }
        }
        finally
        {
            PutOff.Run();
            // Seen by others before this thread looks whether they have taken over.
            Interlocked.Exchange(ref _isServing, false);
        }
    }
}
