namespace Sockeye.Tests.Server;

/// <summary>A stream that reads what a test says and keeps what is written to it. Afterwards it ends, or stays silent until it is
/// disposed, which it counts.</summary>
internal class ScriptedStream(ReadOnlyMemory<byte> input, int atMost = int.MaxValue, bool endsAfterwards = false) : TestStream
{
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReadOnlyMemory<byte> _input = input;
    private int _disposals;

    public MemoryStream Sent { get; } = new();

    public Task Disposed => _disposed.Task;

    public int Disposals => Volatile.Read(ref _disposals);

    public bool ThrowsOnDispose { get; init; }

    public bool IsDisposed => _disposed.Task.IsCompleted;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_input.IsEmpty && !endsAfterwards)
            await _disposed.Task;
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        int count = Math.Min(Math.Min(buffer.Length, _input.Length), atMost);
        _input[..count].CopyTo(buffer);
        _input = _input[count..];
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        Sent.WriteAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        Interlocked.Increment(ref _disposals);
        _disposed.TrySetResult();
        base.Dispose(disposing);
        if (ThrowsOnDispose)
            throw new FormatException("a stream may throw anything");
    }
}

/// <summary>A stream whose first read into memory stays under way, disposed or not, until the test ends it.</summary>
internal sealed class HeldStream() : ScriptedStream(default)
{
    private readonly TaskCompletionSource<Memory<byte>> _reading = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the memory that is read into.</summary>
    public Task<Memory<byte>> Reading => _reading.Task;

    public void Complete(int count) => _read.SetResult(count);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty && !Reading.IsCompleted)
            return 0; // there is something to read
        return _reading.TrySetResult(buffer) ? await _read.Task : await base.ReadAsync(buffer, cancellationToken);
    }
}
