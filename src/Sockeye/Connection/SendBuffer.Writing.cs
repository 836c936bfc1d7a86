using System.Runtime.CompilerServices;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <content>The way out: when the output is handed to the transport, and in which pieces.</content>
internal sealed partial class SendBuffer
{
    // On the receive loop, output is held back until the input has been parsed or so much has gathered.
    private const int CorkLimit = 64 * 1024;

    // How many writes one thread makes in a row before another one goes on: a sender, or the receive loop, is not kept from its own
    // work by what others send meanwhile.
    private const int WritesInARow = 16;

    private bool HasControl => _lane is { HasOutput: true };

    private bool HasOutput => _queue.Head is not null || _deflation is { Framed.Head: not null } || HasControl;

    /// <summary>Gets whether the transport is at work on a write. Called under the lock.</summary>
    public bool IsWriting => _inFlightBytes > 0;

    /// <summary>Hands the output to the transport, unless somebody is doing so.</summary>
    public void Flush() => WriteAll(Turn.Begin);

    /// <summary>Flushes what threads other than the receive loop have gathered (rule S10), or goes on writing for one of them.</summary>
    void IThreadPoolWorkItem.Execute() => WriteAll(Interlocked.Exchange(ref _isHandedOver, false) ? Turn.GoOn : Turn.BeginQueued);

    /// <summary>Flushes what <see cref="TrySendShared"/> left to the caller to flush.</summary>
    public void FlushShared() => WriteAll(Turn.BeginQueued);

    /// <summary>Says after a send that there is output: the receive loop flushes when it has parsed its input; any other thread
    /// gathers for one turn of the pool's queue. Called under the lock.</summary>
    /// <returns>What is left to do outside the lock.</returns>
    private Wake NeedsFlush()
    {
        if (_writing || _flushQueued)
            return Wake.None;
        if (_connection.Receive.IsCorking)
            return _buffered >= CorkLimit ? Wake.Flush : Wake.None;
        _flushQueued = true;
        return Wake.Queue;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Started(Wake wake)
    {
        if (wake == Wake.Queue)
            FlushLater();
        else if (wake == Wake.Flush)
            Flush();
    }

    /// <summary>Flushes when an event loop that this thread leads has served what is at hand, else in one turn of the pool's queue.</summary>
    private void FlushLater()
    {
        if (!EventLoop.TryDefer(this))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void WriteAll(Turn turn)
    {
        for (int writes = 1; ; writes++)
        {
            try
            {
                if (!TakeNext(turn, out ReadOnlyMemory<byte> first, out ReadOnlyMemory<byte> second))
                    return;
                ValueTask write = _connection.Transport.SendAsync(first, second);
                if (!write.IsCompleted)
                {
                    _connection.Deadlines.WatchWrite();
                    Telemetry.Watch(this);
                    (_wait ??= new CompletionWait(this)).Begin(write);
                    return;
                }

                write.GetAwaiter().GetResult();
            }
            catch (Exception e)
            {
                Broke(e);
                return;
            }

            turn = Turn.Written;
            if (writes < WritesInARow)
                continue;
            if (Written())
            {
                Volatile.Write(ref _isHandedOver, true);
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }

            return;
        }
    }

    /// <summary>Goes on when the transport has taken a write for which it needed time.</summary>
    void ICompletionObserver.OnCompleted(ValueTask write)
    {
        Telemetry.Unwatch(this);
        try
        {
            write.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            Broke(e);
            return;
        }

        WriteAll(Turn.Written);
    }

    /// <summary>Accounts for what has been written, and chooses what leaves next: control frames wherever no frame is partly sent, then
    /// the output in order.</summary>
    /// <returns>False where there is nothing, or another thread writes; this one no longer does.</returns>
    private bool TakeNext(Turn turn, out ReadOnlyMemory<byte> first, out ReadOnlyMemory<byte> second)
    {
        first = second = default;
        while (true)
        {
            bool isTaken = false;
            bool closeWritten = false;
            bool fireWritable = false;
            OutputSegment? deflating;
            SendWaiter? settled;
            lock (_connection.Sync)
            {
                if (turn == Turn.Written)
                    fireWritable = Account();
                else if (turn != Turn.GoOn && !TryBegin(turn))
                    return false;
                turn = Turn.GoOn;

                // Nothing leaves once the account has been made, which says what has not left.
                if (!_isBroken && !_connection.HasEnded)
                {
                    isTaken = TryTakeLocked(out first, out second);
                    closeWritten = !isTaken && _ending is { CloseFrameSize: > 0, IsCloseWritten: false } && !HasOutput;
                    if (closeWritten)
                        Ending.IsCloseWritten = true;
                }

                // Read here alone: once it is not this thread that writes, it is another one's.
                deflating = _deflation?.Current;
                if (isTaken)
                    Leave(first.Length + second.Length);
                else if (deflating is null)
                    _writing = false;
                settled = _settled.TakeAll();
            }

            SendWaiterList.Tell(settled);
            if (fireWritable)
                _connection.FireWritable();
            if (deflating is not null)
            {
                Deflate(deflating);
                continue;
            }

            if (closeWritten)
                _connection.Close.OnCloseWritten();
            return isTaken;
        }
    }

    /// <summary>Makes the calling thread the one that writes. Called under the lock.</summary>
    private bool TryBegin(Turn turn)
    {
        if (turn == Turn.BeginQueued)
            _flushQueued = false;
        TakeCork();
        if (_writing || !HasOutput || _isEnded)
            return false;
        _writing = true;
        return true;
    }

    private bool TryTakeLocked(out ReadOnlyMemory<byte> first, out ReadOnlyMemory<byte> second)
    {
        first = second = default;
        OutputSegment? segment = Current();
        if (HasControl && segment is null or { IsAtBoundary: true })
        {
            first = TakeLane();
            return true;
        }

        if (segment is null || BeginDeflating())
            return false;
        _inFlight = segment;
        (first, second) = segment.Kind == OutputKind.Frames ? TakeFrames(segment) : TakePayload(segment);
        return true;
    }

    private void Leave(int bytes)
    {
        _inFlightBytes = bytes;
        _bytesSentBefore = _connection.Transport.BytesSent;
    }

    /// <summary>Finds the segment whose turn it is, and drops what needs no bytes.</summary>
    private OutputSegment? Current()
    {
        if (_deflation?.Framed.Head is { } deflated)
            return deflated;
        while (_queue.Head is { } head)
        {
            switch (head.Kind)
            {
                case OutputKind.Marker when HasControl && !head.IsCommitted:
                    // What waits in the lane was accepted before this, most of it: it leaves first, once.
                    head.IsCommitted = true;
                    return null;
                case OutputKind.Marker:
                    _settled.Settle(head.Waiter!, HasDropped ? _connection.ClosedException() : null);
                    break;
                case OutputKind.Stream when head.Inner.Head is { } inner:
                    return inner;
                case OutputKind.Stream when !head.IsEnded:
                    return null;
                case OutputKind.Stream:
                    break;
                default:
                    return head;
            }

            _queue.RemoveHead();
            head.Return();
        }

        return null;
    }

    private ReadOnlyMemory<byte> TakeLane()
    {
        ControlLane lane = Lane;
        if (lane.PongLength >= 0)
        {
            AppendToLane(Opcode.Pong, lane.Pong.AsSpan(0, lane.PongLength));
            Arrays.Return(lane.Pong!);
            lane.Pong = null;
            lane.PongLength = -1;
        }

        _connection.OnPingsLeave(lane.Pings);
        lane.Pings = null;
        lane.InFlight = lane.Frames;
        ReadOnlyMemory<byte> frames = lane.Frames.AsMemory(0, lane.Length);
        lane.Frames = null;
        lane.Length = 0;
        return frames;
    }

    private (ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Second) TakeFrames(OutputSegment segment)
    {
        if (segment.EndsContext)
            _deflation!.Deflater.Release();
        _inFlightMessages = segment.Messages;
        segment.Messages = 0;
        _connection.OnPingsLeave(segment.Pings);
        segment.Pings = null;
        var frames = new ReadOnlyMemory<byte>(segment.Array, segment.Start, segment.End - segment.Start);
        segment.Start = segment.End;
        return (frames, default);
    }

    /// <summary>Takes the next piece of a large payload: as it is for a server, masked on the way for a client.</summary>
    private (ReadOnlyMemory<byte> First, ReadOnlyMemory<byte> Second) TakePayload(OutputSegment segment)
    {
        segment.IsCommitted = true;
        segment.Array ??= Arrays.Rent(_isClient ? MaskedPieceSize : FrameHeader.MaxSize);
        int header = segment.FrameRemaining == 0 ? BeginFrame(segment) : 0;
        int length = segment.FrameRemaining;
        ReadOnlyMemory<byte> first = segment.Array.AsMemory(0, header);
        ReadOnlyMemory<byte> second = default;
        if (_isClient)
        {
            length = Math.Min(length, segment.Array.Length - header);
            Span<byte> piece = segment.Array.AsSpan(header, length);
            Masking.Apply(segment.Payload.Span.Slice(segment.Sent, length), piece, segment.MaskKey, segment.MaskPhase);
            segment.MaskPhase = (segment.MaskPhase + length) & 3;
            first = segment.Array.AsMemory(0, header + length);
        }
        else
        {
            second = segment.Payload.Slice(segment.Sent, length);
        }

        segment.Sent += length;
        segment.FrameRemaining -= length;
        if (segment.Sent == segment.Payload.Length)
        {
            _inFlightMessages = segment.Messages;
            segment.Messages = 0;
        }

        return (first, second);
    }

    private int BeginFrame(OutputSegment segment)
    {
        int left = segment.Payload.Length - segment.Sent;
        segment.FrameRemaining = Math.Min(left, FragmentSize);
        Opcode opcode = segment.Sent == 0 ? segment.Opcode : Opcode.Continuation;
        bool isFinal = segment.EndsMessage && segment.FrameRemaining == left;
        if (!_isClient)
            return FrameWriter.WriteHeader(segment.Array, opcode, isFinal, segment.FrameRemaining);

        segment.MaskKey = MaskKeys.Next(MaskSource);
        segment.MaskPhase = 0;
        return FrameWriter.WriteMaskedHeader(segment.Array, opcode, isFinal, segment.FrameRemaining, segment.MaskKey);
    }

    /// <summary>Accounts for a write that the transport has taken, where another thread goes on.</summary>
    /// <returns>False where sending has ended meanwhile; nobody writes any more.</returns>
    private bool Written()
    {
        bool fireWritable;
        bool goesOn;
        SendWaiter? settled;
        lock (_connection.Sync)
        {
            fireWritable = Account();
            goesOn = !_isEnded;
            _writing = goesOn;
            settled = _settled.TakeAll();
        }

        SendWaiterList.Tell(settled);
        if (fireWritable)
            _connection.FireWritable();
        return goesOn;
    }

    /// <summary>Accounts for a write that the transport has taken. Called under the lock.</summary>
    /// <returns>Whether <see cref="WebSocketConnection.Writable"/> is owed.</returns>
    private bool Account()
    {
        if (Telemetry.CountsTraffic)
            Telemetry.Sent(_connection.Role, _inFlightMessages, _inFlightBytes);
        _leftMessages += _inFlightMessages;
        Volatile.Write(ref _buffered, _buffered - _inFlightBytes);
        if (!_isEnded && _inFlight is not null && _inFlight != _deflation?.Framed.Head && _queue.Head is { Kind: OutputKind.Stream } stream)
            MakeRoom(stream, _inFlightBytes);
        Landed();
        return !_isEnded && MakeRoom();
    }

    /// <summary>Lets go of what the transport was reading.</summary>
    private void Landed()
    {
        _inFlightBytes = _inFlightMessages = 0;
        _lane?.Landed(Arrays);
        if (_inFlight is not { } segment)
            return;

        _inFlight = null;
        if (_isEnded)
        {
            // End has emptied the queue and left this one to us.
            Release(segment, _connection.Result);
            return;
        }

        bool isDone = segment.Kind == OutputKind.Frames ? segment.Start == segment.End : segment.Sent == segment.Payload.Length;
        if (!isDone || _isBroken)
            return;

        if (_deflation is not null && _deflation.Framed.Head == segment)
        {
            _deflation.Framed.RemoveHead();
            Release(segment, result: null);
            return;
        }

        OutputSegment head = _queue.Head!;
        if (head.Kind == OutputKind.Stream)
            head.Inner.RemoveHead();
        else
            _queue.RemoveHead();
        Release(segment, result: null);
    }

    /// <summary>Lets those go on who wait for room, once the backlog is at the low-water mark.</summary>
    /// <returns>Whether <see cref="WebSocketConnection.Writable"/> is owed.</returns>
    private bool MakeRoom()
    {
        if (_buffered > _connection.Terms.LowWaterMark)
            return false;
        _room.Settle(ref _settled);
        bool owed = _isWritableOwed;
        _isWritableOwed = false;
        return owed;
    }

    private enum Wake : byte
    {
        None,
        Queue,
        Flush,
    }

    /// <summary>Says in which state a thread comes to write.</summary>
    private enum Turn : byte
    {
        /// <summary>Nobody may be writing yet.</summary>
        Begin,

        /// <summary>Likewise, and this is the flush that was put off.</summary>
        BeginQueued,

        /// <summary>This thread writes already.</summary>
        GoOn,

        /// <summary>Likewise, and the transport has taken its write.</summary>
        Written,
    }
}
