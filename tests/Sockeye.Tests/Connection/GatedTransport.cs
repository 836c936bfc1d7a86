using System.Net;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>Passes everything on, records the writes, and holds them where the test says so: a peer that takes nothing. It notices
/// a second receive or write while one is under way (rule T1).</summary>
internal sealed class GatedTransport(Transport inner) : Transport
{
    private readonly Lock _sync = new();
    private readonly SemaphoreSlim _arrivals = new(0);
    private readonly List<int> _writes = [];
    private TaskCompletionSource? _held;
    private bool _isHolding;
    private Exception? _failure;
    private long _bytesSent;
    private int _sending;
    private int _receiving;
    private int _released;

    public override EndPoint? LocalEndPoint => inner.LocalEndPoint;

    public override EndPoint? RemoteEndPoint => inner.RemoteEndPoint;

    public override bool IsSecure => inner.IsSecure;

    public override long BytesSent => Interlocked.Read(ref _bytesSent);

    /// <summary>Gets the size of each write so far.</summary>
    public IReadOnlyList<int> Writes
    {
        get
        {
            lock (_sync)
                return [.. _writes];
        }
    }

    /// <summary>Gets what was done by two threads at a time; empty where the engine keeps its own rule.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<string> Overlaps { get; } = new();

    /// <summary>Gets or sets what is called with each write, on the thread that makes it.</summary>
    public Action? OnWrite { get; set; }

    /// <summary>Takes nothing from here on.</summary>
    public void Hold()
    {
        lock (_sync)
            _isHolding = true;
    }

    /// <summary>Lets the write that is held pass, and holds the next one.</summary>
    public void ReleaseOne()
    {
        TaskCompletionSource? held;
        lock (_sync)
            held = Interlocked.Exchange(ref _held, null);
        Assert.NotNull(held);
        held.SetResult();
    }

    /// <summary>Takes everything again.</summary>
    public void Release()
    {
        TaskCompletionSource? held;
        lock (_sync)
        {
            _isHolding = false;
            held = Interlocked.Exchange(ref _held, null);
        }

        held?.SetResult();
    }

    /// <summary>Makes every write fail, the one that is held first.</summary>
    public void Break()
    {
        TaskCompletionSource? held;
        lock (_sync)
        {
            _failure = new IOException("The test broke the connection.");
            held = Interlocked.Exchange(ref _held, null);
        }

        held?.SetException(_failure);
    }

    /// <summary>Lets a write that is held make progress without completing.</summary>
    public void Progress(int bytes) => Interlocked.Add(ref _bytesSent, bytes);

    /// <summary>Waits for the next write that nobody has waited for.</summary>
    public Task WriteAsync() => _arrivals.WaitAsync().Soon();

    public override async ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct)
    {
        if (Interlocked.Exchange(ref _receiving, 1) != 0)
            Overlaps.Enqueue($"Receive during receive: {Environment.StackTrace}");
        try
        {
            return await inner.ReceiveAsync(direct).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _receiving, 0);
        }
    }

    public override void Advance(int consumed)
    {
        CheckNotReceiving();
        inner.Advance(consumed);
    }

    public override void Unread(ReadOnlySpan<byte> bytes) => inner.Unread(bytes);

    public override SharedMemory Retain()
    {
        CheckNotReceiving();
        return inner.Retain();
    }

    public override void ReleaseBlock()
    {
        CheckNotReceiving();
        inner.ReleaseBlock();
        if (Interlocked.Exchange(ref _released, 1) != 0)
            Overlaps.Enqueue($"The block was released twice: {Environment.StackTrace}");
    }

    public override async ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        if (Interlocked.Exchange(ref _sending, 1) != 0)
            Overlaps.Enqueue($"Write during write: {Environment.StackTrace}");
        TaskCompletionSource? held = null;
        long before = BytesSent;
        lock (_sync)
        {
            _writes.Add(first.Length + second.Length);
            if (_failure is not null)
                throw _failure;
            if (_isHolding)
                held = _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        OnWrite?.Invoke();
        _arrivals.Release();
        try
        {
            if (held is not null)
                await held.Task.ConfigureAwait(false);
            await inner.SendAsync(first, second).ConfigureAwait(false);
            Interlocked.Exchange(ref _bytesSent, before + first.Length + second.Length);
        }
        finally
        {
            Volatile.Write(ref _sending, 0);
        }
    }

    public override ValueTask ShutdownAsync() => inner.ShutdownAsync();

    public override void Abort()
    {
        inner.Abort();
        Break();
    }

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        Break();
    }

    private void CheckNotReceiving()
    {
        if (Volatile.Read(ref _receiving) != 0)
            Overlaps.Enqueue($"The block was used during a receive: {Environment.StackTrace}");
    }
}
