using System.IO.Pipelines;

namespace Sockeye;

/// <summary>Reads from a pipe until that is detached, and finds the end from then on: whoever holds this on need not hold the pipe.</summary>
internal sealed class DetachableReader(Pipe pipe) : PipeReader
{
    private static readonly ReadResult End = new(default, isCanceled: false, isCompleted: true);

    private Pipe? _pipe = pipe;

    /// <summary>Ends both sides of the pipe and lets go of it. Nobody reads or writes meanwhile.</summary>
    public void Detach()
    {
        _pipe?.Writer.Complete();
        _pipe?.Reader.Complete();
        _pipe = null;
    }

    public override void AdvanceTo(SequencePosition consumed) => _pipe?.Reader.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _pipe?.Reader.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => _pipe?.Reader.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _pipe?.Reader.Complete(exception);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        _pipe?.Reader.ReadAsync(cancellationToken) ?? new ValueTask<ReadResult>(End);

    public override bool TryRead(out ReadResult result)
    {
        if (_pipe is not null)
            return _pipe.Reader.TryRead(out result);
        result = End;
        return true;
    }

    protected override ValueTask<ReadResult> ReadAtLeastAsyncCore(int minimumSize, CancellationToken cancellationToken) =>
        _pipe?.Reader.ReadAtLeastAsync(minimumSize, cancellationToken) ?? new ValueTask<ReadResult>(End);
}

/// <summary>Writes to a pipe until that is detached, and has nobody to write to from then on.</summary>
internal sealed class DetachableWriter(PipeWriter pipe) : PipeWriter
{
    private static readonly FlushResult End = new(isCanceled: false, isCompleted: true);

    private PipeWriter? _pipe = pipe;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _pipe?.UnflushedBytes ?? 0;

    /// <summary>Ends the pipe and lets go of it. Nobody writes meanwhile, and all that was written has been flushed.</summary>
    public void Detach()
    {
        _pipe?.Complete();
        _pipe = null;
    }

    public override void Advance(int bytes) => Attached.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => Attached.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => Attached.GetSpan(sizeHint);

    public override void CancelPendingFlush() => _pipe?.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _pipe?.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _pipe?.CompleteAsync(exception) ?? default;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        _pipe?.FlushAsync(cancellationToken) ?? new ValueTask<FlushResult>(End);

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        _pipe?.WriteAsync(source, cancellationToken) ?? new ValueTask<FlushResult>(End);

    private PipeWriter Attached =>
        _pipe ?? throw new InvalidOperationException("The connection has been upgraded: HTTP writes nothing there any more.");
}
