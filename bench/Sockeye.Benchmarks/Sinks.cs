using Sockeye.Transports;

namespace Sockeye.Benchmarks;

/// <summary>Counts the subscribers that have got a publication, each in one write, while the publisher waits for all of them.</summary>
internal sealed class Arrivals
{
    private int _missing;

    /// <summary>Begins a publication.</summary>
    public void Begin(int subscribers) => Volatile.Write(ref _missing, subscribers);

    public void Add() => Interlocked.Decrement(ref _missing);

    /// <summary>Waits without an event, whose allocations would be counted.</summary>
    public void Wait()
    {
        var spinner = default(SpinWait);
        while (Volatile.Read(ref _missing) > 0)
            spinner.SpinOnce(sleep1Threshold: -1);
    }
}

/// <summary>Takes everything at once and brings nothing: the fastest peer there can be.</summary>
internal sealed class SinkTransport(Arrivals arrivals) : Transport
{
    private readonly TaskCompletionSource<ReceivedBlock> _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytesSent;

    public override long BytesSent => Volatile.Read(ref _bytesSent);

    public override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct) => new(_received.Task);

    public override void Advance(int consumed)
    {
    }

    public override void Unread(ReadOnlySpan<byte> bytes)
    {
    }

    public override SharedMemory Retain() => throw new NotSupportedException();

    public override void ReleaseBlock()
    {
    }

    public override ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        Interlocked.Add(ref _bytesSent, first.Length + second.Length);
        arrivals.Add();
        return ValueTask.CompletedTask;
    }

    public override ValueTask ShutdownAsync() => ValueTask.CompletedTask;

    public override void Abort() => _received.TrySetException(new IOException("The connection was closed."));

    public override ValueTask DisposeAsync()
    {
        Abort();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The same as a stream.</summary>
internal sealed class SinkStream(Arrivals arrivals) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        arrivals.Add();
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => arrivals.Add();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
