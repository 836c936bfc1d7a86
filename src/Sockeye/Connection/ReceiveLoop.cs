using System.Buffers;
using Sockeye.Compression;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>The inbound half of a connection: receives, parses, and hands what was received to whoever reads.</summary>
/// <remarks>
/// <para><b>Who runs it.</b> One thread at a time. A receive that completes runs the loop on its thread; a reader that waits is resumed
/// right there, and what it asks for next is parsed at the cursor, without a hop. Such code is "on the loop"
/// (<see cref="IsCorking"/>). Where the reader is busy elsewhere, the loop reads ahead into a queue, within a bound
/// (rule R4), and then pauses until the reader comes back.</para>
/// <para><b>What guards what.</b> The block, the assembler (where there is one) and the cursor belong to the thread that runs the loop. The queue and
/// <see cref="_state"/> are guarded by the lock of the connection. The waiting continuation is taken by exchange: whoever gets
/// it resumes the reader.</para>
/// <para><b>The end.</b> What ended the input (the peer's Close, a violation) acts in stream order (rule C1): when the reader asks
/// for what comes after the last message, when the handler has returned, or after the grace.</para>
/// </remarks>
internal sealed partial class ReceiveLoop : IThreadPoolWorkItem, IReceiver, IStallObserver
{
    // How many receives in a row may complete at once before other work of the pool gets its turn.
    private const int SynchronousReceives = 16;

    // The least that is worth receiving straight into the array of a large message.
    private const int DirectMinimum = 16 * 1024;

    [ThreadStatic]
    private static ReceiveLoop? t_running;

    private readonly WebSocketConnection _connection;
    private readonly MessageInflater? _inflater;

    // The input: owned by the thread that runs the loop.
    private LentAssembler? _assembler;
    private byte[] _block = [];
    private int _blockStart;
    private int _position;
    private int _end;
    private int _direct;
    private byte _synchronous;
    private int _messages;
    private bool _isAtEnd;
    private bool _isReceiving;
    private bool _isStalled;

    // What ended the input; null while it goes on. Written by the loop, read by others once the state is Stopped.
    private InputEnd? _inputEnd;

    // Who runs, and how it goes on: guarded by the lock.
    private State _state = State.Stopped;
    private bool _isStarted;
    private bool _hasActed;
    private bool _isDraining;
    private bool _hasHandlerReturned;
    private CloseResult? _result;

    public ReceiveLoop(WebSocketConnection connection, MessageInflater? inflater)
    {
        _connection = connection;
        _inflater = inflater;
        if (!Transport.WatchStalls(this))
            Volatile.Write(ref _isStalled, true);
    }

    private Transport Transport => _connection.Transport;

    private WebSocketConnectionOptions Options => _connection.Terms.Options;

    private ArrayPool<byte> Arrays => _connection.Buffers.Arrays;

    private enum State : byte
    {
        /// <summary>A thread runs the loop, or a receive is under way that will.</summary>
        Active,

        /// <summary>Nobody runs it: as much as is allowed has been read ahead.</summary>
        Paused,

        /// <summary>Nobody runs it: the input has not begun or has ended, and its end waits for its turn.</summary>
        Stopped,

        /// <summary>Nobody runs it any more, and nothing is held.</summary>
        Ended,
    }

    /// <summary>Gets whether the calling code runs on this loop.</summary>
    public bool IsRunningHere => t_running == this;

    /// <summary>Gets whether what the calling code sends is held back until the input has been parsed.</summary>
    public bool IsCorking => t_running == this && !Volatile.Read(ref _isStalled);

    /// <summary>Gets whether the transport is waited for: no thread runs the loop, or the code of the application on it.</summary>
    public bool IsReceiving => Volatile.Read(ref _isReceiving);

    /// <summary>Gets whether nothing received is left unread here.</summary>
    public bool IsDrained => _position == _end;

    /// <summary>Gets whether receiving is stopped because as much as is allowed has been read ahead.</summary>
    public bool IsPaused => _state == State.Paused;

    /// <summary>Gets whether the input has ended and its end waits for its turn.</summary>
    public bool IsStopped => _state == State.Stopped && _inputEnd is not null;

    /// <summary>Begins to receive, with nobody reading yet.</summary>
    public void Start()
    {
        if (Claim())
            Run();
    }

    /// <summary>Begins to receive, with the first part of a handler on the loop.</summary>
    public Task Start(Func<WebSocketConnection, CancellationToken, Task> handler, CancellationToken token)
    {
        if (!Claim())
            return handler(_connection, token);
        ReceiveLoop? outer = t_running;
        t_running = this;
        Task handling;
        try
        {
            handling = handler(_connection, token);
        }
        catch (Exception e)
        {
            handling = Task.FromException(e);
        }
        finally
        {
            t_running = outer;
        }

        Run();
        return handling;
    }

    void IThreadPoolWorkItem.Execute() => Run();

    void IStallObserver.OnStalled()
    {
        Volatile.Write(ref _isStalled, true);
        // What the application corks without seeing this is seen here.
        Interlocked.MemoryBarrierProcessWide();
        _connection.Send.Flush();
    }

    private bool Claim()
    {
        lock (_connection.Sync)
        {
            if (_isStarted || _result is not null)
                return false;
            _isStarted = true;
            _state = State.Active;
        }

        Telemetry.Opened(_connection.Role);
        _connection.Deadlines.Start();
        return true;
    }

    private void Run() => Run(received: null);

    /// <summary>Does what there is to do on this thread.</summary>
    /// <param name="received">What has been received since; null where that has been seen to.</param>
    private void Run(ValueTask<ReceivedBlock>? received)
    {
        ReceiveLoop? outer = t_running;
        t_running = this;
        try
        {
            if (received is { } receive && (!Accept(receive) || (_isHeld && Pause())))
                return;
            while (Step())
            {
                // Each step says whether this thread goes on.
            }
        }
        catch (Exception e)
        {
            // No exception escapes a connection (V43): this one ends it, with the account to say so.
            _connection.Close.Fail(CloseCause.Aborted, e);
            Leave();
        }
        finally
        {
            t_running = outer;
        }
    }

    /// <summary>Does the next thing.</summary>
    /// <returns>False where this thread leaves the loop.</returns>
    private bool Step()
    {
        if (_isDiscarded)
            return Leave();

        if (_isDraining)
        {
            _position = _end;
            _direct = 0;
            return ReceiveMore();
        }

        if (Parse(out Incoming item))
            return Deliver(item) && !Pause();
        return _inputEnd is null ? ReceiveMore() : Stop();
    }

    /// <summary>Parses up to the next thing that the application sees.</summary>
    private bool Parse(out Incoming item)
    {
        while (_inputEnd is null)
        {
            int at = _position;
            ReceivedEvent received;
            if (_direct > 0)
            {
                int count = _direct;
                _direct = 0;
                if (!_assembler!.Assembler.ReadDirect(count, out received))
                    continue;
            }
            else
            {
                bool isWhole = Read(_block.AsSpan(at, _end - at), out int consumed, out received);
                _position = at + consumed;
                if (!isWhole)
                    break;
            }

            if (Take(received, at, out item))
                return true;
        }

        item = default;
        return false;
    }

    /// <summary>Reads up to the next event: most frames need no assembler for that.</summary>
    private bool Read(Span<byte> block, out int consumed, out ReceivedEvent received)
    {
        if (_assembler is null)
        {
            AssemblyTerms terms = _connection.Terms.Assembly;
            if (terms.TryReadWhole(block, out consumed, out received))
                return true;
            if (block.IsEmpty)
                return false;
            _assembler = LentAssembler.Rent(terms, _inflater);
        }

        return _assembler.Assembler.Read(block, out consumed, out received);
    }

    /// <summary>Acts on what the connection settles by itself, and passes on what the application sees.</summary>
    private bool Take(in ReceivedEvent received, int at, out Incoming item)
    {
        byte[] array = received.Gathered ?? _block;
        int start = received.Gathered is null ? at + received.Start : received.Start;
        ReadOnlySpan<byte> payload = array.AsSpan(start, received.Length);
        item = default;
        switch (received.Kind)
        {
            case ReceivedEventKind.Text or ReceivedEventKind.Binary:
                if (received.Part is MessagePart.Whole or MessagePart.Last)
                    _messages++;
                SharedMemory? hold = received.Gathered is null ? null : PooledArray.Wrap(array, Arrays);
                item = new Incoming((WebSocketEventKind)received.Kind, array, start, received.Length, hold) { Part = received.Part };
                if (!_isIgnoring)
                    return true;
                hold?.Release();
                return false;

            case ReceivedEventKind.Ping:
                if (Options.AutoPong)
                    _connection.Send.Answer(payload);
                return TakeControl(WebSocketEventKind.Ping, received, array, start, out item);

            case ReceivedEventKind.Pong:
                _connection.OnPong(payload);
                return TakeControl(WebSocketEventKind.Pong, received, array, start, out item);

            case ReceivedEventKind.Close:
                ClosePayload.TryRead(payload, out CloseCode code, out string reason, out _, skipUtf8Validation: true);
                _inputEnd = new InputEnd(code, reason, Violation: null);
                return false;

            default:
                _inputEnd = new InputEnd(default, "", received.Violation);
                _inflater?.Dispose();
                return false;
        }
    }

    private bool TakeControl(WebSocketEventKind kind, in ReceivedEvent received, byte[] array, int start, out Incoming item)
    {
        item = new Incoming(kind, array, start, received.Length, Hold: null);
        if (!ObservesControl)
            return false;
        if (received.Gathered is not null)
        {
            // The assembler takes this array back with its next read.
            PooledArray copy = PooledArray.Copy(item.Payload, Arrays);
            item = new Incoming(kind, copy.Array, 0, received.Length, copy);
        }

        return true;
    }

    private bool ReceiveMore()
    {
        _connection.Send.Flush();
        if (Volatile.Read(ref _result) is not null)
            return Leave();

        Count(bytes: 0);
        Transport.Advance(_position - _blockStart);
        _blockStart = _position;
        if (_assembler?.TryReturn() == true)
            _assembler = null;
        ValueTask<ReceivedBlock> receive;
        try
        {
            receive = Transport.ReceiveAsync(DirectMemory);
        }
        catch (Exception e)
        {
            return ReceiveFailed(e);
        }

        if (!receive.IsCompleted)
        {
            _synchronous = 0;
            _isStalled = false;
            Volatile.Write(ref _isReceiving, true);
            Transport.NotifyReceived(receive, this);
            return false;
        }

        if (!Accept(receive))
            return false;
        if (++_synchronous < SynchronousReceives)
            return true;
        _synchronous = 0;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return false;
    }

    /// <summary>Gets where the rest of a large message goes: straight into its array.</summary>
    public ArraySegment<byte> DirectMemory =>
        _assembler is not null && IsDrained && !_isDraining ? _assembler.Assembler.GetDirectBuffer(DirectMinimum) : default;

    void IReceiver.OnReceived(ValueTask<ReceivedBlock> receive)
    {
        // With a fence: who has ended the connection and finds nobody at work here must be seen by what follows.
        Interlocked.Exchange(ref _isReceiving, false);
        Run(receive);
    }

    private bool Accept(ValueTask<ReceivedBlock> receive)
    {
        ReceivedBlock block;
        try
        {
            block = receive.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            return ReceiveFailed(e);
        }

        Count(block.Memory.Count - (_end - _position) + block.Direct);
        _block = block.Memory.Array ?? [];
        _position = _blockStart = block.Memory.Offset;
        _end = _position + block.Memory.Count;
        _direct = block.Direct;
        if (block.IsEnd)
        {
            _isAtEnd = true;
            _connection.Close.OnTransportEnded();
            _isAtEnd = false;
            return Leave();
        }

        _connection.Deadlines.Received();
        return true;
    }

    /// <summary>Counts what was received, for who observes it: once for each receive, not for each message.</summary>
    private void Count(int bytes)
    {
        if (Telemetry.CountsTraffic && (bytes | _messages) != 0)
            Telemetry.Received(_connection.Role, _messages, bytes);
        _messages = 0;
    }

    private bool ReceiveFailed(Exception exception)
    {
        _position = _end = _blockStart = 0;
        _block = [];
        _connection.Close.OnReceiveFailed(exception);
        return Leave();
    }
}
