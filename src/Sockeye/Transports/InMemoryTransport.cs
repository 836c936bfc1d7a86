using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Sockeye.Transports;

/// <summary>Carries bytes within the process: two ends of one connection, for tests.</summary>
/// <remarks>It behaves as TCP does: each direction holds a bounded number of bytes and ends by itself; an abort breaks both.
/// Continuations run on the thread pool, never on the stack of the other end.</remarks>
internal sealed class InMemoryTransport : Transport
{
    // The array pool holds only so many of a size: a large message needs few of these.
    private const int SegmentSize = 64 * 1024;

    private readonly Pipe _incoming;
    private readonly Pipe _outgoing;
    private ReceiveBuffer _buffer;
    private long _bytesSent;
    private int _ended;
    private volatile bool _isReleased;

    private InMemoryTransport(Pipe incoming, Pipe outgoing, BufferPool buffers)
    {
        _incoming = incoming;
        _outgoing = outgoing;
        _buffer = new ReceiveBuffer(buffers);
    }

    public override long BytesSent => Volatile.Read(ref _bytesSent);

    /// <summary>Makes the two ends of a connection.</summary>
    /// <param name="buffers">Where the first end rents memory.</param>
    /// <param name="peerBuffers">Where the second end does.</param>
    /// <param name="capacity">How many bytes each direction holds before a send waits.</param>
    public static (InMemoryTransport First, InMemoryTransport Second) CreatePair(
        BufferPool buffers, BufferPool peerBuffers, int capacity = 256 * 1024)
    {
        var options = new PipeOptions(
            pauseWriterThreshold: capacity,
            resumeWriterThreshold: (capacity / 2) + 1,
            minimumSegmentSize: SegmentSize,
            useSynchronizationContext: false);
        var forth = new Pipe(options);
        var back = new Pipe(options);
        return (new InMemoryTransport(back, forth, buffers), new InMemoryTransport(forth, back, peerBuffers));
    }

    public override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct)
    {
        if (_buffer.HasUnread)
        {
            _buffer.Prepare();
            return new ValueTask<ReceivedBlock>(new ReceivedBlock(_buffer.Block, 0, IsEnd: false));
        }

        _isReleased = false;
        _buffer.Rest();
        return ReadAsync(direct);
    }

    public override void Advance(int consumed) => _buffer.Advance(consumed);

    public override void Unread(ReadOnlySpan<byte> bytes) => _buffer.Unread(bytes);

    public override SharedMemory Retain() => _buffer.Retain();

    public override void ReleaseBlock()
    {
        _buffer.Release();
        _isReleased = true;
        EndReading();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        await WriteAsync(first).ConfigureAwait(false);
        if (second.Length > 0)
            await WriteAsync(second).ConfigureAwait(false);
    }

    public override ValueTask ShutdownAsync() => _outgoing.Writer.CompleteAsync();

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        // Writers only: either side may be in the middle of a read, whose memory must stay.
        var reset = new IOException("The connection was reset.");
        _outgoing.Writer.CancelPendingFlush();
        _outgoing.Writer.Complete(reset);
        _incoming.Writer.CancelPendingFlush();
        _incoming.Writer.Complete(reset);
        _incoming.Reader.CancelPendingRead();
        EndReading();
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        _outgoing.Writer.CancelPendingFlush();
        await _outgoing.Writer.CompleteAsync().ConfigureAwait(false);
        _incoming.Reader.CancelPendingRead();
        EndReading();
    }

    /// <summary>Once the connection has ended and its memory is back, nobody reads here: what the peer still sends, it sends to nobody.</summary>
    private void EndReading()
    {
        if (_isReleased && Volatile.Read(ref _ended) != 0)
            _incoming.Reader.Complete();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReceivedBlock> ReadAsync(ArraySegment<byte> direct)
    {
        ReadResult result = await _incoming.Reader.ReadAsync(CancellationToken.None).ConfigureAwait(false);
        if (result.IsCanceled || Volatile.Read(ref _ended) != 0)
            throw new IOException("The connection was closed.");

        bool straight = direct.Count > 0 && _buffer.IsEmpty;
        ArraySegment<byte> room = straight ? direct : _buffer.Prepare();
        ReadOnlySequence<byte> taken = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, room.Count));
        int received = (int)taken.Length;
        taken.CopyTo(room);
        _incoming.Reader.AdvanceTo(taken.End);
        if (straight)
            return new ReceivedBlock(default, received, received == 0);
        _buffer.Commit(received);
        return new ReceivedBlock(_buffer.Block, 0, received == 0);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        FlushResult result;
        try
        {
            result = await _outgoing.Writer.WriteAsync(bytes, CancellationToken.None).ConfigureAwait(false);
        }
        catch (InvalidOperationException e)
        {
            throw new IOException("The connection was closed.", e);
        }

        if (result.IsCompleted || result.IsCanceled || Volatile.Read(ref _ended) != 0)
            throw new IOException("The peer closed the connection.");
        Interlocked.Add(ref _bytesSent, bytes.Length);
    }
}
