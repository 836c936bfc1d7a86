using System.Runtime.CompilerServices;

namespace Sockeye.Transports.Linux;

/// <summary>A socket of an event loop as a stream, for TLS to run over.</summary>
/// <remarks>One read and one write at a time. A token that is cancelled closes the socket: it serves the handshake, in which nothing
/// could go on.</remarks>
internal class EventLoopStream : Stream
{
    private readonly ReadinessSource _readiness;
    private EventLoopSocket _socket;
    private bool _hasWaited;
    private bool _likelyMore;

    public EventLoopStream(EventLoopSocket socket)
    {
        _socket = socket;
        _readiness = new ReadinessSource(socket);
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Waits for bytes or the end, for whoever receives from the socket itself.</summary>
    /// <param name="again">Whether there may be something that has been reported already.</param>
    public ValueTask WaitReadableAsync(bool again) => _readiness.WaitReadableAsync(again);

    /// <inheritdoc cref="ReadinessSource.TryEndRead"/>
    public bool TryEndWait() => _readiness.TryEndRead();

    /// <summary>Reads what is there, and waits where that is nothing; with no memory it waits only.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.CanBeCanceled ? CancelableReadAsync(buffer, cancellationToken) : PlainReadAsync(buffer);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (TrySend(ref buffer))
            return default;
        return cancellationToken.CanBeCanceled ? CancelableSendRestAsync(buffer, cancellationToken) : SendRestAsync(buffer);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Only asynchronous reads wait.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Only asynchronous writes wait.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Goes over to another socket, while nobody reads or writes.</summary>
    protected void Use(EventLoopSocket socket)
    {
        _socket = socket;
        _hasWaited = false;
        _likelyMore = false;
        _readiness.Use(socket);
    }

    protected override void Dispose(bool disposing)
    {
        _socket.Dispose();
        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> PlainReadAsync(Memory<byte> buffer)
    {
        bool isWorthReading = _likelyMore || _socket.IsWorthReceiving;
        if (!_hasWaited || (buffer.IsEmpty && !(isWorthReading && EventLoop.LedHere is not null)))
        {
            // The first one in any case: from then on the loop of this very socket runs what is read, and knows whom it runs. On a
            // thread that leads none nobody would see that what comes of it holds the thread.
            _hasWaited = true;
            await _readiness.WaitReadableAsync(again: isWorthReading).ConfigureAwait(false);
        }

        if (buffer.IsEmpty)
            return 0;

        int received;
        while ((received = _socket.Receive(buffer.Span)) < 0)
            await _readiness.WaitReadableAsync().ConfigureAwait(false);
        _likelyMore = received == buffer.Length;
        return received;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendRestAsync(ReadOnlyMemory<byte> rest)
    {
        while (true)
        {
            // From here on an edge is noted, so that the attempt, or the wait, finds it.
            _socket.ForgetWritable();
            if (TrySend(ref rest))
                return;
            await _readiness.WaitWritableAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<int> CancelableReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using CancellationTokenRegistration registration = CloseOn(cancellationToken);
        try
        {
            return await PlainReadAsync(buffer).ConfigureAwait(false);
        }
        catch (IOException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private async ValueTask CancelableSendRestAsync(ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using CancellationTokenRegistration registration = CloseOn(cancellationToken);
        try
        {
            await SendRestAsync(rest).ConfigureAwait(false);
        }
        catch (IOException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private CancellationTokenRegistration CloseOn(CancellationToken cancellationToken) =>
        cancellationToken.UnsafeRegister(static closed => ((EventLoopSocket)closed!).Dispose(), _socket);

    private bool TrySend(ref ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int sent = _socket.Send(bytes.Span);
            if (sent < 0)
                return false;
            bytes = bytes[sent..];
        }

        return true;
    }
}
