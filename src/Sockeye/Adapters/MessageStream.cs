using System.Runtime.CompilerServices;
using Sockeye.Protocol;

namespace Sockeye.Adapters;

/// <summary>A connection as a stream.</summary>
/// <remarks>The reader owns the lease on a message and how far it has been taken; the writer owns the beginning of a character that waits
/// for its rest.</remarks>
internal class MessageStream(WebSocketConnection socket, WebSocketStreamOptions options) : Stream
{
    // The reader's.
    private WebSocketMessage _message;
    private int _taken;
    private int _length;

    // The writer's.
    private byte[] _begun = [];

    private volatile bool _isDisposed;

    public override bool CanRead => !_isDisposed;

    public override bool CanWrite => !_isDisposed;

    public override bool CanSeek => false;

    public override long Length => throw NotSeekable();

    public override long Position
    {
        get => throw NotSeekable();
        set => throw NotSeekable();
    }

    protected WebSocketConnection Socket => socket;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        await FillAsync(cancellationToken).ConfigureAwait(false) ? Take(buffer.Span) : 0;

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override int Read(Span<byte> buffer)
    {
        if (_taken == _length && socket.Receive.IsRunningHere)
        {
            throw new InvalidOperationException(
                "A synchronous read here would wait for itself: this thread receives for the connection. Use ReadAsync.");
        }

        ValueTask<bool> filled = FillAsync(CancellationToken.None);
        return (filled.IsCompleted ? filled.GetAwaiter().GetResult() : filled.AsTask().GetAwaiter().GetResult()) ? Take(buffer) : 0;
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    public override int ReadByte()
    {
        Span<byte> one = stackalloc byte[1];
        return Read(one) == 0 ? -1 : one[0];
    }

    public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        ValidateCopyToArguments(destination, bufferSize);
        while (await FillAsync(cancellationToken).ConfigureAwait(false))
        {
            await destination.WriteAsync(_message.Memory[_taken..], cancellationToken).ConfigureAwait(false);
            _taken = _length;
        }
    }

    public override IAsyncResult BeginRead(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state) =>
        TaskToAsyncResult.Begin(ReadAsync(buffer, offset, count, CancellationToken.None), callback, state);

    public override int EndRead(IAsyncResult asyncResult) => TaskToAsyncResult.End<int>(asyncResult);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (options.MessageKind == WebSocketMessageKind.Text)
            buffer = TakeWholeCharacters(buffer);
        return buffer.IsEmpty ? default : socket.SendAsync(buffer, options.MessageKind, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ValueTask sent = options.MessageKind == WebSocketMessageKind.Binary && !buffer.IsEmpty
            ? socket.SendSpanAsync(buffer)
            : WriteAsync(buffer.ToArray());
        if (sent.IsCompleted)
            sent.GetAwaiter().GetResult();
        else if (socket.Receive.IsRunningHere)
            _ = sent.AsTask().Observed(); // what was sent is a copy: nobody needs to wait
        else
            sent.AsTask().GetAwaiter().GetResult();
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        Write(buffer.AsSpan(offset, count));
    }

    public override void WriteByte(byte value) => Write([value]);

    public override IAsyncResult BeginWrite(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state) =>
        TaskToAsyncResult.Begin(WriteAsync(buffer, offset, count, CancellationToken.None), callback, state);

    public override void EndWrite(IAsyncResult asyncResult) => TaskToAsyncResult.End(asyncResult);

    public override void Flush()
    {
        // What has been written leaves by itself.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;

    public override long Seek(long offset, SeekOrigin origin) => throw NotSeekable();

    public override void SetLength(long value) => throw NotSeekable();

    public override async ValueTask DisposeAsync()
    {
        await EndAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _ = EndAsync();
        base.Dispose(disposing);
    }

    private async Task EndAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await EndConnectionAsync().ConfigureAwait(false);
    }

    /// <summary>Does to the connection what disposing the stream means.</summary>
    protected virtual async ValueTask EndConnectionAsync()
    {
        if (options.LeaveOpen)
            return;
        if (_begun.Length > 0)
            await socket.CloseAsync(CloseCode.InternalError, "The text ended inside a character.").ConfigureAwait(false);
        await socket.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Waits until there is something to take; false at the end.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        while (_taken == _length)
        {
            WebSocketMessage message = await socket.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (message.IsEnd)
                return false;
            _message = message;
            _taken = 0;
            _length = message.Length;
        }

        return true;
    }

    private int Take(Span<byte> buffer)
    {
        ReadOnlySpan<byte> rest = _message.Span[_taken..];
        if (options.WholeMessages && buffer.Length < rest.Length && !buffer.IsEmpty)
        {
            throw new ArgumentException(
                $"The message has {rest.Length} bytes and the memory {buffer.Length}: read it with more memory, or without WholeMessages in pieces.",
                nameof(buffer));
        }

        int count = Math.Min(rest.Length, buffer.Length);
        rest[..count].CopyTo(buffer);
        _taken += count;
        return count;
    }

    /// <summary>Takes what can be sent as text: a message of text holds whole characters, and a write may break inside one.</summary>
    private ReadOnlyMemory<byte> TakeWholeCharacters(ReadOnlyMemory<byte> written)
    {
        if (_begun.Length > 0)
            written = (byte[])[.. _begun, .. written.Span];
        int begun = BegunCharacter(written.Span);
        _begun = begun == 0 ? [] : written[^begun..].ToArray();
        return written[..^begun];
    }

    /// <summary>Counts the bytes at the end that begin a character and are not all of it.</summary>
    private static int BegunCharacter(ReadOnlySpan<byte> utf8)
    {
        for (int count = 1; count <= Math.Min(3, utf8.Length); count++)
        {
            byte value = utf8[^count];
            if ((value & 0xC0) == 0x80)
                continue;
            int length = value switch { >= 0xF0 => 4, >= 0xE0 => 3, >= 0xC0 => 2, _ => 1 };
            return length > count ? count : 0;
        }

        return 0;
    }

    private static NotSupportedException NotSeekable() => new("A WebSocket connection has no length and no position.");
}
