using System.IO.Pipelines;

namespace Sockeye.Tests.Connection;

/// <summary>Two streams in memory, each of which reads what the other writes, and counts what is done with it.</summary>
internal static class StreamPair
{
    public static (DuplexStream One, DuplexStream Other) Create()
    {
        var forth = new Pipe(new PipeOptions(useSynchronizationContext: false));
        var back = new Pipe(new PipeOptions(useSynchronizationContext: false));
        return (new DuplexStream(back.Reader, forth.Writer), new DuplexStream(forth.Reader, back.Writer));
    }
}

/// <summary>A stream made of the ends of two pipes. Disposing it ends a write that waits, but no read.</summary>
internal sealed class DuplexStream(PipeReader reader, PipeWriter writer) : TestStream
{
    private readonly Stream _input = reader.AsStream();
    private readonly Stream _output = writer.AsStream();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Gets how many reads and writes have begun.</summary>
    public int Calls { get; private set; }

    public Task Disposed => _disposed.Task;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Calls++;
        return _input.ReadAsync(buffer, cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Calls++;
        return _output.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

    public override void Flush() => _output.Flush();

    protected override void Dispose(bool disposing)
    {
        writer.CancelPendingFlush();
        _input.Dispose();
        _output.Dispose();
        _disposed.TrySetResult();
        base.Dispose(disposing);
    }
}
