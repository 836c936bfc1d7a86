using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Sockeye.Protocol;

namespace Sockeye.Adapters;

/// <summary>Gathers what is written in a rented array and sends it at each flush as one binary message.</summary>
/// <remarks>One writer at a time. <see cref="CancelPendingFlush"/> alone may come from elsewhere.</remarks>
internal sealed class MessagePipeWriter(WebSocketConnection socket) : PipeWriter
{
    private const int Minimum = 4096;

    private byte[] _gathered = [];
    private int _count;
    private bool _isCompleted;
    private CancellationTokenSource _flushing = new();

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _count;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        ThrowIfCompleted();
        if (_gathered.Length - _count < Math.Max(sizeHint, 1))
            Grow(Math.Max(sizeHint, Minimum));
        return _gathered.AsMemory(_count);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _gathered.Length - _count);
        _count += bytes;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        cancellationToken.ThrowIfCancellationRequested();
        CancellationTokenSource flushing = _flushing;
        Task sent = SendAsync();
        try
        {
            if (!sent.IsCompleted || flushing.IsCancellationRequested)
                await sent.WaitAsync(cancellationToken).WaitAsync(flushing.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (flushing.IsCancellationRequested)
        {
            Interlocked.CompareExchange(ref _flushing, new CancellationTokenSource(), flushing);
            _ = sent.Observed();
            return new FlushResult(isCanceled: true, isCompleted: false);
        }
        catch (OperationCanceledException)
        {
            _ = sent.Observed();
            throw;
        }

        await sent.ConfigureAwait(false);
        return new FlushResult(isCanceled: false, isCompleted: false);
    }

    public override void CancelPendingFlush() => Volatile.Read(ref _flushing).Cancel();

    public override void Complete(Exception? exception = null) => _ = CompleteAsync(exception).AsTask().Observed();

    public override async ValueTask CompleteAsync(Exception? exception = null)
    {
        if (_isCompleted)
            return;
        _isCompleted = true;
        Task sent = exception is null ? SendAsync() : Task.CompletedTask;
        // Queued behind what was sent, in the order of the calls.
        _ = socket.CloseOutputAsync(exception is null ? CloseCode.Normal : CloseCode.InternalError, "");
        await sent.ConfigureAwait(false);
    }

    /// <summary>Sends what has been gathered, whose array goes back when it is no longer needed, whoever waits for that.</summary>
    private async Task SendAsync()
    {
        if (_count == 0)
            return;
        byte[] message = _gathered;
        int count = _count;
        _gathered = [];
        _count = 0;
        try
        {
            await socket.SendAsync(message.AsMemory(0, count)).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(message);
        }
    }

    private void Grow(int room)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_count + room, _gathered.Length));
        _gathered.AsSpan(0, _count).CopyTo(larger);
        if (_gathered.Length > 0)
            ArrayPool<byte>.Shared.Return(_gathered);
        _gathered = larger;
    }

    private void ThrowIfCompleted()
    {
        if (_isCompleted)
            throw new InvalidOperationException("The output has been completed: nothing more can be written.");
    }
}
