using System.IO.Pipelines;

namespace Sockeye;

/// <summary>Reads from pipes until it is detached, and finds the end from then on: they serve another connection then.</summary>
internal sealed class DetachableReader(HttpPipes pipes) : PipeReader
{
    private static readonly ReadResult End = new(default, isCanceled: false, isCompleted: true);

    private HttpPipes? _pipes = pipes;

    /// <summary>Lets go of the pipes. Nobody reads meanwhile.</summary>
    public void Detach()
    {
        lock (_pipes!.Sync)
            _pipes = null;
    }

    public override void AdvanceTo(SequencePosition consumed) => _pipes?.Input.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _pipes?.Input.AdvanceTo(consumed, examined);

    public override void CancelPendingRead()
    {
        if (_pipes is not { } pipes)
            return;
        // Any thread cancels: never what another connection reads.
        lock (pipes.Sync)
        {
            PutOff.Begin();
            if (_pipes is not null)
                pipes.Input.CancelPendingRead();
        }

        PutOff.Run();
    }

    public override void Complete(Exception? exception = null) => _pipes?.Input.Complete(exception);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        _pipes?.Input.ReadAsync(cancellationToken) ?? new ValueTask<ReadResult>(End);

    public override bool TryRead(out ReadResult result)
    {
        if (_pipes is not null)
            return _pipes.Input.TryRead(out result);
        result = End;
        return true;
    }

    protected override ValueTask<ReadResult> ReadAtLeastAsyncCore(int minimumSize, CancellationToken cancellationToken) =>
        _pipes?.Input.ReadAtLeastAsync(minimumSize, cancellationToken) ?? new ValueTask<ReadResult>(End);
}

/// <summary>Writes to pipes until it is detached, and has nobody to write to from then on.</summary>
internal sealed class DetachableWriter(HttpPipes pipes) : PipeWriter
{
    private static readonly FlushResult End = new(isCanceled: false, isCompleted: true);

    private HttpPipes? _pipes = pipes;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _pipes?.Output.UnflushedBytes ?? 0;

    private PipeWriter Attached =>
        _pipes?.Output ?? throw new InvalidOperationException("The connection has been upgraded: HTTP writes nothing there any more.");

    /// <summary>Lets go of the pipes. Nobody writes meanwhile, and all that was written has been flushed.</summary>
    public void Detach()
    {
        lock (_pipes!.Sync)
            _pipes = null;
    }

    public override void Advance(int bytes) => Attached.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => Attached.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => Attached.GetSpan(sizeHint);

    public override void CancelPendingFlush()
    {
        if (_pipes is not { } pipes)
            return;
        lock (pipes.Sync)
            _pipes?.Output.CancelPendingFlush();
    }

    public override void Complete(Exception? exception = null) => _pipes?.Output.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _pipes?.Output.CompleteAsync(exception) ?? default;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        _pipes?.Output.FlushAsync(cancellationToken) ?? new ValueTask<FlushResult>(End);

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        _pipes?.Output.WriteAsync(source, cancellationToken) ?? new ValueTask<FlushResult>(End);
}
