using Sockeye.Protocol;

namespace Sockeye;

/// <content>The end of sending: what has not left is counted, put back, and whoever waits for it is told.</content>
internal sealed partial class SendBuffer
{
    private OutputEnd? _ending;

    private OutputEnd Ending => _ending ??= new OutputEnd();

    private int CloseFrameSize => _ending?.CloseFrameSize ?? 0;

    private long LostBytes => _ending?.LostBytes ?? 0;

    private bool HasDropped => _ending is { HasDropped: true };

    private bool IsCloseWritten => _ending is { IsCloseWritten: true };

    /// <summary>Accepts nothing more. Called under the lock, before what is unsent is counted for good: what is accepted later would
    /// be in no account.</summary>
    public void Refuse()
    {
        Volatile.Write(ref _isClosed, true);
        // What the application corks on another thread without seeing this is seen here.
        Interlocked.MemoryBarrier();
        if (!_connection.Receive.IsReceiving && !_connection.Receive.IsRunningHere)
            Interlocked.MemoryBarrierProcessWide();
    }

    /// <summary>Ends all sending: whoever waits gets an exception, what is rented goes back. What the transport is still reading
    /// follows when it has let go.</summary>
    public void End(CloseResult result)
    {
        SendWaiter? settled;
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            _isEnded = _isClosed = true;
            _room.Settle(ref _settled, result);
            Discard(_deflation?.Framed.TakeAll(), result);
            Discard(_queue.TakeAll(), result);
            _lane?.Return(Arrays);
            if (_deflation is { Current: null })
                _deflation.Deflater.Dispose();
            settled = _settled.TakeAll();
        }

        SendWaiterList.Tell(settled);
    }

    /// <summary>Counts what was accepted and has not been handed over. Called under the lock, before <see cref="End"/>.</summary>
    public (long Messages, long Bytes) CountUnsent()
    {
        TakeCork();
        // The transport may have taken a part of the write that is under way.
        long taken = Math.Clamp(_connection.Transport.BytesSent - _bytesSentBefore, 0, _inFlightBytes);
        int messages = taken > 0 && taken == _inFlightBytes ? _inFlightMessages : 0;
        return (UnsentMessages - messages, Math.Max(0, _buffered + LostBytes - taken - (IsCloseWritten ? 0 : CloseFrameSize)));
    }

    private void Broke(Exception exception)
    {
        SendWaiter? settled;
        lock (_connection.Sync)
        {
            (_, long unsent) = CountUnsent();
            Ending.BrokenMessages += _inFlightMessages;
            _isClosed = true;
            _isBroken = true;
            Landed();
            Volatile.Write(ref _buffered, unsent - LostBytes + (IsCloseWritten ? 0 : CloseFrameSize));
            _writing = false;
            _connection.Close.NoteSendBroken(exception);
            settled = _settled.TakeAll();
        }

        // Most of those who wait are told at the end of the connection, which is near.
        SendWaiterList.Tell(settled);
        _connection.Close.OnSendBroken();
    }

    /// <summary>Drops segments that will not leave, and fails whoever waits for them.</summary>
    private void Discard(OutputSegment? segment, CloseResult result)
    {
        while (segment is not null)
        {
            OutputSegment? next = segment.Next;
            if (segment.Kind == OutputKind.Stream)
            {
                EndStreamLocked(segment);
                segment.Room.Settle(ref _settled, result);
                Discard(segment.Inner.TakeAll(), result);
            }

            // What the transport reads, or is being compressed, is released when it has been let go.
            if (segment != _inFlight && segment != _deflation?.Current)
                Release(segment, result);
            segment = next;
        }
    }

    /// <summary>Puts back what a segment held; completes whoever waits for it, or fails them where the connection has ended.</summary>
    private void Release(OutputSegment segment, CloseResult? result)
    {
        if (segment.Array is not null && !segment.IsShared)
            Arrays.Return(segment.Array);
        segment.Hold?.Release();
        if (segment.Waiter is not null)
            _settled.Settle(segment.Waiter, result is null ? null : new WebSocketClosedException(result));
        segment.Return();
    }

    /// <summary>What is kept of the end of sending: there once it has begun, or output has been lost.</summary>
    private sealed class OutputEnd
    {
        public CloseCode CloseCode { get; set; }

        public string CloseReason { get; set; } = "";

        /// <summary>Gets or sets how large the Close frame is that was queued; 0 where none was.</summary>
        public int CloseFrameSize { get; set; }

        public bool IsCloseWritten { get; set; }

        /// <summary>Gets or sets how many bytes were accepted and dropped.</summary>
        public long LostBytes { get; set; }

        public bool HasDropped { get; set; }

        /// <summary>Gets or sets how many messages were in a write that failed.</summary>
        public int BrokenMessages { get; set; }
    }
}
