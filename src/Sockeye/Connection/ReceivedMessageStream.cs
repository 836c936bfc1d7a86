using System.Runtime.CompilerServices;

namespace Sockeye;

/// <summary>One received message, read as a stream: <see cref="WebSocketConnection.ReceiveStreamAsync"/> gives it.</summary>
/// <remarks>
/// <para>It is the one reader of its connection until it has been read or another message is asked for: that ends it, and passes over
/// what has not been read of it. Disposing it does nothing to the connection. A token that is cancelled ends the wait alone.</para>
/// <para>A read of 0 bytes is the end of the message, and nothing else is: a message that does not come to its end, because the
/// connection does, throws <see cref="WebSocketClosedException"/>, also where that end is a clean close.</para>
/// <para>A synchronous read that has to wait throws <see cref="InvalidOperationException"/> on the thread that receives for the
/// connection, as that of its handler is until it awaits something else: it would wait for itself.</para>
/// </remarks>
public sealed class ReceivedMessageStream : Stream
{
    private readonly WebSocketConnection _socket;
    private WebSocketMessage _piece;
    private int _length;
    private int _taken;
    private bool _isLast;
    private bool _isDisposed;

    internal ReceivedMessageStream(WebSocketConnection socket, WebSocketMessage first)
    {
        _socket = socket;
        Kind = first.Kind;
        Take(first);
    }

    /// <summary>Gets what the message carries. Text has been checked as far as it has come.</summary>
    public WebSocketMessageKind Kind { get; }

    /// <summary>Gets whether the message is text.</summary>
    public bool IsText => Kind == WebSocketMessageKind.Text;

    /// <summary>Gets whether the stream has not been disposed.</summary>
    public override bool CanRead => !_isDisposed;

    /// <summary>Gets false: a received message cannot be written to.</summary>
    public override bool CanWrite => false;

    /// <summary>Gets false: what has been read is gone.</summary>
    public override bool CanSeek => false;

    /// <summary>Not known before the end of the message has come.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Length => throw NotSupported();

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Position
    {
        get => throw NotSupported();
        set => throw NotSupported();
    }

    /// <summary>Reads what fits of what has come, and waits where nothing has.</summary>
    /// <param name="buffer">Where it is copied to.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is lost.</param>
    /// <returns>How many bytes were read; 0 at the end of the message, and where there is no room.</returns>
    /// <exception cref="InvalidOperationException">Another message has been asked for since.</exception>
    /// <exception cref="WebSocketClosedException">The connection ended in the midst of the message.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        await FillAsync(cancellationToken).ConfigureAwait(false) ? CopyTo(buffer.Span) : 0;

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        if (_taken == _length && !_isLast && _socket.Receive.IsRunningHere)
        {
            throw new InvalidOperationException(
                "A synchronous read here would wait for itself: this thread receives for the connection. Use ReadAsync.");
        }

        ValueTask<bool> filled = FillAsync(CancellationToken.None);
        return (filled.IsCompleted ? filled.GetAwaiter().GetResult() : filled.AsTask().GetAwaiter().GetResult()) ? CopyTo(buffer) : 0;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    /// <summary>Writes the rest of the message to another stream, each piece from where it was received.</summary>
    /// <param name="destination">The other stream.</param>
    /// <param name="bufferSize">Not used: there is no buffer.</param>
    /// <param name="cancellationToken">Ends the wait, and what the other stream makes of it.</param>
    public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        ValidateCopyToArguments(destination, bufferSize);
        while (await FillAsync(cancellationToken).ConfigureAwait(false))
        {
            await destination.WriteAsync(_piece.Memory[_taken..], cancellationToken).ConfigureAwait(false);
            _taken = _length;
        }
    }

    /// <summary>Does nothing.</summary>
    public override void Flush()
    {
        // There is nothing to flush: it is only read.
    }

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Seek(long offset, SeekOrigin origin) => throw NotSupported();

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void SetLength(long value) => throw NotSupported();

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void Write(byte[] buffer, int offset, int count) => throw NotSupported();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        base.Dispose(disposing);
    }

    /// <summary>Waits until there is something to take; false at the end of the message.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        while (_taken == _length)
        {
            if (_isLast)
                return false;
            if (!_piece.IsLatest)
            {
                throw new InvalidOperationException(
                    "The connection has been read otherwise since: what was left of this message has been passed over.");
            }

            WebSocketMessage next = await _socket.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (next.IsEnd)
                throw _socket.ClosedException();
            Take(next);
        }

        return true;
    }

    private void Take(WebSocketMessage piece)
    {
        _piece = piece;
        _length = piece.Length;
        _taken = 0;
        _isLast = piece.EndsMessage;
    }

    private int CopyTo(Span<byte> buffer)
    {
        ReadOnlySpan<byte> rest = _piece.Span[_taken..];
        int count = Math.Min(rest.Length, buffer.Length);
        rest[..count].CopyTo(buffer);
        _taken += count;
        return count;
    }

    private static NotSupportedException NotSupported() =>
        new("A received message is only read, from its beginning to its end, and its length is not known before that.");
}
