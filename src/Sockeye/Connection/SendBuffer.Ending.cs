namespace Sockeye;

/// <content>The end of sending: what has not left is counted, put back, and whoever waits for it is told.</content>
internal sealed partial class SendBuffer
{
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
        lock (_sync)
        {
            if (_isEnded)
                return;
            _isEnded = _isClosed = true;
            _endedWith = result;
            _room.Settle(ref _settled, result);
            Discard(_deflated.TakeAll(), result);
            Discard(_queue.TakeAll(), result);
            ReturnLane();
            if (_deflating is null)
                _deflater?.Dispose();
            settled = _settled.TakeAll();
        }

        SendWaiterList.Tell(settled);
    }

    /// <summary>Counts what was accepted and has not been handed over. Called under the lock, before <see cref="End"/>.</summary>
    public (long Messages, long Bytes) CountUnsent()
    {
        TakeCork();
        // The transport may have taken a part of the write that is under way.
        long taken = Math.Clamp(_transport.BytesSent - _bytesSentBefore, 0, _inFlightBytes);
        int messages = taken > 0 && taken == _inFlightBytes ? _inFlightMessages : 0;
        return (_unsentMessages - messages, Math.Max(0, _buffered + _lostBytes - taken - (_isCloseWritten ? 0 : _closeFrameSize)));
    }

    private void Broke(Exception exception)
    {
        SendWaiter? settled;
        lock (_sync)
        {
            (_, long unsent) = CountUnsent();
            _isClosed = true;
            _isBroken = true;
            Landed();
            Volatile.Write(ref _buffered, unsent - _lostBytes + (_isCloseWritten ? 0 : _closeFrameSize));
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
            if (segment != _inFlight && segment != _deflating)
                Release(segment, result);
            segment = next;
        }
    }

    /// <summary>Puts back what a segment held; completes whoever waits for it, or fails them where the connection has ended.</summary>
    private void Release(OutputSegment segment, CloseResult? result)
    {
        if (segment.Array is not null && !segment.IsShared)
            _buffers.Arrays.Return(segment.Array);
        segment.Hold?.Release();
        if (segment.Waiter is not null)
            _settled.Settle(segment.Waiter, result is null ? null : new WebSocketClosedException(result));
        segment.Return();
    }

    private void ReturnLane()
    {
        if (_lane is not null)
            _buffers.Arrays.Return(_lane);
        if (_pong is not null)
            _buffers.Arrays.Return(_pong);
        _lane = _pong = null;
        _laneLength = 0;
        _pongLength = -1;
    }
}
