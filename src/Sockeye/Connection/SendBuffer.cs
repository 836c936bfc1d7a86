using System.Buffers;
using System.Text;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Everything that waits to be sent on one connection, in the order in which it leaves.</summary>
/// <remarks>
/// <para>Small messages are framed into pooled arrays at the call; large ones leave from the memory of their sender; pings and pongs
/// above the high-water mark have a lane of their own and pass between two frames (rules S1–S8).</para>
/// <para>All state is guarded by the lock of the connection, which is never held while the transport writes. One thread at a time
/// writes: whoever set <see cref="_writing"/>. Frames that come meanwhile gather and leave with its next write.</para>
/// </remarks>
internal sealed partial class SendBuffer : IThreadPoolWorkItem, ICompletionObserver
{
    /// <summary>The largest payload that is copied as it is framed (rule S2).</summary>
    public const int CopyLimit = 16 * 1024;

    private const int ChunkSize = 32 * 1024;
    private const int FirstChunkSize = 1024;
    private const int MaskedPieceSize = 128 * 1024;

    private readonly WebSocketConnection _connection;
    private readonly bool _isClient;
    private readonly int _highWater;

    // The output.
    private OutputQueue _queue;
    private int _openStreams;
    private long _buffered;
    private int _acceptedMessages;
    private int _leftMessages;
    private bool _isClosed;
    private bool _isBroken;
    private bool _isEnded;

    // What passes it: there once something has.
    private ControlLane? _lane;

    // Those who wait.
    private SendWaiterList _room;
    private SendWaiterList _settled;
    private bool _isWritableOwed;

    // The write under way.
    private bool _writing;
    private bool _flushQueued;
    private bool _isHandedOver;
    private OutputSegment? _inFlight;
    private int _inFlightBytes;
    private int _inFlightMessages;
    private long _bytesSentBefore;
    private CompletionWait? _wait;

    public SendBuffer(WebSocketConnection connection, DeflateAgreement? deflate)
    {
        _connection = connection;
        _isClient = connection.Role == Role.Client;
        _highWater = connection.Terms.Options.HighWaterMark;
        _corkable = Math.Min(CopyLimit, FragmentSize);
        _deflation = deflate is null ? null : new Deflation(deflate);
    }

    /// <summary>Gets how many accepted bytes have not been taken by the transport.</summary>
    public long BufferedBytes
    {
        get
        {
            lock (_connection.Sync)
            {
                TakeCork();
                return _buffered;
            }
        }
    }

    /// <summary>Gets how many bytes are queued, without the lock and without what the loop has corked.</summary>
    public long QueuedBytes => Volatile.Read(ref _buffered);

    /// <summary>Gets whether the transport has failed a write.</summary>
    public bool IsBroken => Volatile.Read(ref _isBroken);

    /// <summary>Gets whether messages are accepted.</summary>
    public bool IsOpen => !Volatile.Read(ref _isClosed);

    /// <summary>Gets whether more waits than the high-water mark allows.</summary>
    public bool IsAboveHighWater => Volatile.Read(ref _buffered) > _highWater;

    private int UnsentMessages => _acceptedMessages - _leftMessages;

    private ArrayPool<byte> Arrays => _connection.Buffers.Arrays;

    private MaskSource? MaskSource => _connection.Terms.Options.MaskSource;

    private int FragmentSize => _connection.Terms.FragmentSize;

    public bool HasOpenStreams
    {
        get
        {
            lock (_connection.Sync)
                return _openStreams > 0;
        }
    }

    /// <summary>Sends a message from memory that stays valid until the task completes.</summary>
    /// <param name="opcode">Text or binary.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="hold">What keeps the payload valid, released when it is no longer needed; null where the caller does.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <param name="token">Withdraws the message before its first byte is framed.</param>
    public ValueTask SendAsync(
        Opcode opcode, ReadOnlyMemory<byte> payload, SharedMemory? hold, SendOptions options, CancellationToken token)
    {
        if (token.IsCancellationRequested)
        {
            hold?.Release();
            return ValueTask.FromCanceled(token);
        }

        if (payload.Length > CopyLimit)
            return SendLarge(opcode, payload, hold, options, token);

        ValueTask sent = SendSmall(opcode, payload.Span, options, token);
        hold?.Release();
        return sent;
    }

    /// <summary>Frames a small message at once; completes when there is room below the high-water mark.</summary>
    public ValueTask SendSmall(Opcode opcode, ReadOnlySpan<byte> payload, SendOptions options, CancellationToken token)
    {
        if (Deflates(payload.Length, options))
            return SendDeflated(opcode, PooledArray.Copy(payload, Arrays), payload.Length, token);

        if (TryCork(opcode, payload))
            return default;

        SendWaiter? waiter;
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return Refused();
            AppendMessage(opcode, payload);
            waiter = WaitForRoom();
            wake = NeedsFlush();
        }

        Started(wake);
        return waiter is null ? default : waiter.Task;
    }

    /// <summary>Encodes and sends a text; lone surrogates become U+FFFD, as in browsers.</summary>
    public ValueTask SendText(string text, SendOptions options, CancellationToken token)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled(token);

        int length = Encoding.UTF8.GetByteCount(text);
        bool deflates = Deflates(length, options);
        if (length > CopyLimit || length > FragmentSize || deflates)
        {
            byte[] encoded = Arrays.Rent(Math.Max(1, length));
            Encoding.UTF8.GetBytes(text, encoded);
            PooledArray hold = PooledArray.Wrap(encoded, Arrays);
            return deflates && length <= CopyLimit
                ? SendDeflated(Opcode.Text, hold, length, token)
                : SendAsync(Opcode.Text, encoded.AsMemory(0, length), hold, options, token);
        }

        if (TryCorkText(text, length))
            return default;

        SendWaiter? waiter;
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return Refused();
            Span<byte> payload = AppendHeader(ref _queue, Opcode.Text, isFinal: true, length, rsv1: false, out uint key);
            Encoding.UTF8.GetBytes(text, payload);
            if (_isClient)
                Masking.Apply(payload, key);
            MessageAppended();
            waiter = WaitForRoom();
            wake = NeedsFlush();
        }

        Started(wake);
        return waiter is null ? default : waiter.Task;
    }

    /// <summary>Accepts a message or refuses it, without ever waiting (rule S7).</summary>
    public SendResult TrySend(Opcode opcode, ReadOnlySpan<byte> payload, SendOptions options)
    {
        PooledArray? copy = null;
        bool deflates = Deflates(payload.Length, options);
        if (!deflates && TryCork(opcode, payload))
            return SendResult.Accepted;
        if (payload.Length > CopyLimit || deflates)
        {
            lock (_connection.Sync)
            {
                TakeCork();
                if (Refuses(payload.Length, out SendResult refusal))
                    return refusal;
            }

            // Outside the lock: copying megabytes takes its time.
            copy = PooledArray.Copy(payload, Arrays);
        }

        SendResult result;
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (Refuses(payload.Length, out result))
            {
                copy?.Release();
                return result;
            }

            if (copy is null)
                AppendMessage(opcode, payload);
            else
                AppendLarge(deflates, opcode, copy.Array.AsMemory(0, payload.Length), copy);
            if (_buffered > _highWater)
            {
                result = SendResult.AcceptedAboveHighWater;
                _isWritableOwed = true;
            }

            wake = NeedsFlush();
        }

        Started(wake);
        return result;
    }

    /// <summary>Sends a pong; completes as a small message does.</summary>
    public ValueTask SendPong(ReadOnlySpan<byte> payload)
    {
        SendWaiter? waiter;
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return Refused();
            AppendControl(Opcode.Pong, payload);
            waiter = WaitForRoom();
            wake = NeedsFlush();
        }

        Started(wake);
        return waiter is null ? default : waiter.Task;
    }

    /// <summary>Sends a control frame: in order while there is room, in the lane above the high-water mark.</summary>
    public bool TrySendControl(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return false;
            AppendControl(opcode, payload);
            wake = NeedsFlush();
        }

        Started(wake);
        return true;
    }

    /// <summary>Answers a ping: at once while there is room; above the high-water mark only the newest ping counts (rule S6).</summary>
    public void Answer(ReadOnlySpan<byte> payload)
    {
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return;
            if (_buffered >= _highWater)
            {
                Lane.Pong ??= Arrays.Rent(FrameHeader.MaxControlPayload);
                payload.CopyTo(Lane.Pong);
                Lane.PongLength = payload.Length;
            }
            else
            {
                AppendControl(Opcode.Pong, payload);
            }

            wake = NeedsFlush();
        }

        Started(wake);
    }

    /// <summary>Sends a ping whose sender waits for the pong.</summary>
    /// <param name="ping">The ping.</param>
    /// <param name="inOrder">Whether it goes behind everything accepted, for <see cref="WebSocketConnection.ConfirmAsync"/>.</param>
    public void TrySendPing(PendingPing ping, bool inOrder)
    {
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
                return;
            if (!inOrder && IsLaneNeeded)
            {
                AppendToLane(Opcode.Ping, ping.Payload);
                ping.NextLeaving = Lane.Pings;
                Lane.Pings = ping;
            }
            else
            {
                AppendFrame(Opcode.Ping, ping.Payload, isFinal: true);
                OutputSegment chunk = _queue.Tail!;
                ping.NextLeaving = chunk.Pings;
                chunk.Pings = ping;
            }

            wake = NeedsFlush();
        }

        Started(wake);
    }

    /// <summary>Completes when everything accepted so far has been taken by the transport.</summary>
    public ValueTask DrainAsync(CancellationToken token)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled(token);

        SendWaiter waiter;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_connection.HasEnded)
                return UnsentMessages == 0 ? default : Refused();
            if (HasDropped)
                return Refused();
            if (_buffered == 0 && _lane is not { PongLength: >= 0 })
                return default;
            OutputSegment marker = OutputSegment.Rent(OutputKind.Marker);
            waiter = marker.Waiter = SendWaiter.Rent();
            _queue.Append(marker);
        }

        Flush();
        ValueTask drained = waiter.Task;
        return token.CanBeCanceled ? new ValueTask(drained.AsTask().Observed().WaitAsync(token).Observed()) : drained;
    }

    /// <summary>Queues the Close frame behind everything accepted. Nothing is accepted after it.</summary>
    public void AppendClose(CloseCode code, string reason)
    {
        TakeCork();
        _isClosed = true;
        Span<byte> payload = stackalloc byte[FrameHeader.MaxControlPayload];
        int length = ClosePayload.Write(payload, code, reason);
        AppendFrame(Opcode.Close, payload[..length], isFinal: true);
        Ending.CloseFrameSize = FrameWriter.GetHeaderSize(length, _isClient) + length;
        Ending.CloseCode = code;
        Ending.CloseReason = reason;
    }

    private bool IsLaneNeeded => _buffered >= _highWater || _openStreams > 0;

    private ValueTask SendLarge(
        Opcode opcode, ReadOnlyMemory<byte> payload, SharedMemory? hold, SendOptions options, CancellationToken token)
    {
        bool deflates = Deflates(payload.Length, options);
        ValueTask sent;
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed)
            {
                hold?.Release();
                return Refused();
            }

            SendWaiter waiter = AppendLarge(deflates, opcode, payload, hold).Waiter = SendWaiter.Rent();
            sent = waiter.Task;
            waiter.CancelBy(this, token);
        }

        Flush();
        return sent;
    }

    private OutputSegment AppendLarge(bool deflates, Opcode opcode, ReadOnlyMemory<byte> payload, SharedMemory? hold)
    {
        OutputKind kind = deflates ? OutputKind.Deflate : OutputKind.Payload;
        OutputSegment segment = AppendPayload(ref _queue, kind, opcode, payload, endsMessage: true);
        segment.Hold = hold;
        segment.Messages = 1;
        _acceptedMessages++;
        return segment;
    }

    private bool Refuses(int length, out SendResult refusal)
    {
        bool isFull = _buffered + FramedSize(length) > _connection.Terms.Options.MaxBufferedBytes;
        refusal = _isClosed ? SendResult.Closed : isFull ? SendResult.Full : SendResult.Accepted;
        return _isClosed || isFull;
    }

    /// <summary>Takes back a large message of which no byte has been framed.</summary>
    public void Withdraw(SendWaiter waiter, CancellationToken token)
    {
        bool fireWritable;
        SendWaiter? settled;
        lock (_connection.Sync)
        {
            OutputSegment? segment = _queue.Head;
            while (segment is not null && segment.Waiter != waiter)
                segment = segment.Next;
            if (segment is null || segment.IsCommitted)
                return;
            Volatile.Write(ref _buffered, _buffered - FramedSize(segment.Payload.Length));
            _leftMessages++; // for those that count it is gone
            segment.Hold?.Release();
            _queue.Remove(segment);
            segment.Return();
            _settled.Settle(waiter, new OperationCanceledException(token));
            fireWritable = MakeRoom();
            settled = _settled.TakeAll();
        }

        SendWaiterList.Tell(settled);
        if (fireWritable)
            _connection.FireWritable();
    }

    /// <summary>Makes the answer to a send that comes too late. It need not be awaited, so nobody is told that it was not.</summary>
    private ValueTask Refused()
    {
        Task refused = Task.FromException(_connection.ClosedException());
        _ = refused.Exception;
        return new ValueTask(refused);
    }

    private SendWaiter? WaitForRoom() => _buffered > _highWater ? _room.Add() : null;
}
