using System.Net;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>How an operation of a <see cref="ScriptedTransport"/> fails.</summary>
public enum Fault
{
    /// <summary>The call itself throws.</summary>
    Throw,

    /// <summary>The task fails, later.</summary>
    FailLater,

    /// <summary>A receive says that the peer has ended; any other operation fails at once.</summary>
    End,
}

/// <summary>Stands between a connection and its transport: counts the operations and fails the one that the script says.</summary>
/// <param name="inner">The transport.</param>
/// <param name="failAt">Which operation fails, counted over all of them.</param>
/// <param name="fault">How it fails.</param>
/// <param name="failSend">From which send on all of them fail.</param>
/// <param name="sending">What happens inside each send, before it.</param>
/// <param name="ended">What happens at the end of an abort and of a dispose.</param>
internal sealed class ScriptedTransport(
    Transport inner,
    int failAt = int.MaxValue,
    Fault fault = Fault.Throw,
    int failSend = int.MaxValue,
    Action? sending = null,
    Action? ended = null) : Transport
{
    private int _operations;
    private int _receives;
    private int _completedReceives;
    private int _sends;
    private int _shutdowns;

    /// <summary>Gets how many operations there were: receives, sends, shutdowns.</summary>
    public int Operations => Volatile.Read(ref _operations);

    public int Receives => Volatile.Read(ref _receives);

    public int CompletedReceives => Volatile.Read(ref _completedReceives);

    public int Shutdowns => Volatile.Read(ref _shutdowns);

    /// <summary>Gets after how many sends it was said that the next one is the last; null where that was not said.</summary>
    public int? SendsBeforeLast { get; private set; }

    public bool IsAborted { get; private set; }

    public bool IsDisposed { get; private set; }

    public override EndPoint? LocalEndPoint => inner.LocalEndPoint;

    public override EndPoint? RemoteEndPoint => inner.RemoteEndPoint;

    public override long BytesSent => inner.BytesSent;

    public override ValueTask<ReceivedBlock> ReceiveAsync(ArraySegment<byte> direct)
    {
        Interlocked.Increment(ref _receives);
        if (!IsDue())
            return ReceiveInnerAsync(direct);
        return fault switch
        {
            Fault.Throw => throw new IOException("scripted"),
            Fault.FailLater => FailLaterAsync<ReceivedBlock>(),
            _ => new ValueTask<ReceivedBlock>(new ReceivedBlock(default, 0, IsEnd: true)),
        };
    }

    public override void Advance(int consumed) => inner.Advance(consumed);

    public override void Unread(ReadOnlySpan<byte> bytes) => inner.Unread(bytes);

    public override SharedMemory Retain() => inner.Retain();

    public override void ReleaseBlock() => inner.ReleaseBlock();

    public override ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        sending?.Invoke();
        return IsDue() | Interlocked.Increment(ref _sends) > failSend ? FailAsync() : inner.SendAsync(first, second);
    }

    public override void ExpectShutdown() => SendsBeforeLast ??= Volatile.Read(ref _sends);

    public override ValueTask ShutdownAsync()
    {
        Interlocked.Increment(ref _shutdowns);
        return IsDue() ? FailAsync() : inner.ShutdownAsync();
    }

    public override void Abort()
    {
        IsAborted = true;
        inner.Abort();
        ended?.Invoke();
    }

    public override async ValueTask DisposeAsync()
    {
        IsDisposed = true;
        await inner.DisposeAsync().ConfigureAwait(false);
        ended?.Invoke();
    }

    private bool IsDue() => Interlocked.Increment(ref _operations) - 1 == failAt;

    private async ValueTask<ReceivedBlock> ReceiveInnerAsync(ArraySegment<byte> direct)
    {
        ReceivedBlock block = await inner.ReceiveAsync(direct).ConfigureAwait(false);
        Interlocked.Increment(ref _completedReceives);
        return block;
    }

    private async ValueTask FailAsync()
    {
        if (fault == Fault.Throw)
            throw new IOException("scripted");
        await FailLaterAsync<bool>();
    }

    private static async ValueTask<T> FailLaterAsync<T>()
    {
        await Task.Yield();
        throw new IOException("scripted");
    }
}
