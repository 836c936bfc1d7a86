namespace Sockeye.Tests.Faults;

/// <summary>How an operation of a <see cref="FaultyStream"/> fails.</summary>
public enum StreamFault
{
    /// <summary>The call itself throws.</summary>
    Throw,

    /// <summary>The task fails, later.</summary>
    ThrowLater,

    /// <summary>A read gives zero bytes, and a write takes none without saying so.</summary>
    Zero,

    /// <summary>A write takes half of its bytes, then fails; a read gives one byte, and the next one fails.</summary>
    Short,

    /// <summary>The task is cancelled, though nobody gave it a token.</summary>
    Canceled,

    /// <summary>Nothing fails: the token of whoever uses the library fires at that moment.</summary>
    Token,
}

/// <summary>Stands between the library and its peer: counts the operations and fails the one that the sweep says; from then on the stream
/// is broken.</summary>
/// <param name="inner">The stream.</param>
/// <param name="failAt">Which operation fails, counted over reads, writes and flushes.</param>
/// <param name="fault">How it fails.</param>
/// <param name="token">What fires for <see cref="StreamFault.Token"/>.</param>
internal sealed class FaultyStream(Stream inner, int failAt, StreamFault fault, CancellationTokenSource? token = null) : TestStream
{
    private int _operations;
    private volatile bool _isBroken;
    private volatile bool _isDisposed;

    /// <summary>Gets whether the operation that fails has come.</summary>
    public bool IsReached => Volatile.Read(ref _operations) > failAt;

    /// <summary>Gets whether its owner has put it away.</summary>
    public bool IsDisposed => _isDisposed;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isBroken)
            return fault == StreamFault.Zero ? 0 : throw Broken();
        if (!IsDue())
            return await inner.ReadAsync(buffer, cancellationToken);
        if (fault == StreamFault.Zero)
            return 0;
        if (fault == StreamFault.Short)
            return await inner.ReadAsync(buffer[..Math.Min(1, buffer.Length)], cancellationToken);
        await FailAsync();
        return await inner.ReadAsync(buffer, cancellationToken);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isBroken)
            throw Broken();
        if (IsDue())
        {
            if (fault == StreamFault.Zero)
                return;
            if (fault == StreamFault.Short)
            {
                await inner.WriteAsync(buffer[..(buffer.Length / 2)], cancellationToken);
                throw Broken();
            }

            await FailAsync();
        }

        await inner.WriteAsync(buffer, cancellationToken);
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_isBroken)
            throw Broken();
        if (IsDue() && fault is not (StreamFault.Zero or StreamFault.Short))
            await FailAsync();
        await inner.FlushAsync(cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        _isDisposed = true;
        base.Dispose(disposing);
    }

    private static IOException Broken() => new("scripted");

    private bool IsDue()
    {
        if (Interlocked.Increment(ref _operations) - 1 != failAt)
            return false;
        _isBroken = fault != StreamFault.Token;
        return true;
    }

    private async Task FailAsync()
    {
        if (fault == StreamFault.Token)
        {
            await token!.CancelAsync();
            return;
        }

        if (fault == StreamFault.ThrowLater)
            await Task.Yield();
        throw fault == StreamFault.Canceled ? new OperationCanceledException("scripted") : Broken();
    }
}
