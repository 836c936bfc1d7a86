using System.Net;
using System.Threading.Tasks.Sources;

namespace Sockeye.Transports.Linux;

/// <summary>Carries bytes over a socket of an event loop: what comes is received, parsed and answered on the thread that leads it.</summary>
internal sealed class EventLoopTransport : NonBlockingTransport, IReadiness, IValueTaskSource<ReceivedBlock>
{
    // How many receives one connection makes before the others have their turn.
    private const int ReceivesInARow = 8;

    private readonly EventLoopSocket _socket;

    // The receive: belongs to who receives, and to the loop while it waits. The first one waits in any case: from then on the loop of
    // this very socket runs what is received, and knows whom it runs.
    private int _receives = ReceivesInARow;
    private short _receiveToken;
    private IReceiver? _receiver;

    private volatile bool _isShutdownExpected;

    // The send: likewise. What waits for room is there once the first one has had to.
    private PendingSend? _pending;

    /// <summary>Takes over a socket.</summary>
    /// <param name="socket">The socket, from which nobody else receives.</param>
    /// <param name="buffers">Where memory is rented.</param>
    /// <param name="isMoreLikely">Whether who has received from it before may have left something that nobody reports again.</param>
    public EventLoopTransport(EventLoopSocket socket, BufferPool buffers, bool isMoreLikely = false)
        : base(buffers, isMoreLikely)
    {
        _socket = socket;
        socket.User = this;
    }

    public override EndPoint? LocalEndPoint => _socket.LocalEndPoint;

    public override EndPoint? RemoteEndPoint => _socket.RemoteEndPoint;

    protected override ValueTask<ReceivedBlock> ReceiveMoreAsync(ArraySegment<byte> direct)
    {
        // Elsewhere nobody would see that what comes of it holds the thread: the loop is to receive.
        if ((IsMoreLikely || _socket.IsWorthReceiving) && _receives < ReceivesInARow && EventLoop.LedHere is not null)
        {
            _receives++;
            if (TryReceive(direct, out ReceivedBlock block))
                return new ValueTask<ReceivedBlock>(block);
        }

        _receiver = null;
        return new ValueTask<ReceivedBlock>(this, ++_receiveToken);
    }

    public override void NotifyReceived(ValueTask<ReceivedBlock> receive, IReceiver receiver)
    {
        _receives = 0;
        _receiver = receiver;
        _socket.AwaitReadable(again: IsMoreLikely || _socket.IsWorthReceiving);
    }

    public override ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        if (TrySend(ref first, ref second))
            return default;

        // From here on an edge is noted, so that the second attempt, or the wait, finds it.
        _socket.ForgetWritable();
        if (TrySend(ref first, ref second))
            return default;

        ValueTask sending = (_pending ??= new PendingSend()).Begin(first, second);
        _socket.AwaitWritable();
        return sending;
    }

    public override void ExpectShutdown() => _isShutdownExpected = true;

    public override ValueTask ShutdownAsync()
    {
        try
        {
            _socket.ShutdownSend();
            return default;
        }
        catch (IOException e)
        {
            return ValueTask.FromException(e);
        }
    }

    public override void Abort() => _socket.Reset();

    public override ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return default;
    }

    public override bool WatchStalls(IStallObserver observer) => _socket.WatchStalls(observer);

    void IReadiness.OnReadable()
    {
        _receives = 0;
        IReceiver receiver = _receiver!;
        ValueTask<ReceivedBlock> receive;
        try
        {
            if (!TryReceive(receiver.DirectMemory, out ReceivedBlock block))
            {
                _socket.AwaitReadable(again: false);
                return;
            }

            receive = new ValueTask<ReceivedBlock>(block);
        }
        catch (Exception e)
        {
            receive = ValueTask.FromException<ReceivedBlock>(e);
        }

        receiver.OnReceived(receive);
    }

    void IReadiness.OnWritable()
    {
        PendingSend pending = _pending!;
        try
        {
            _socket.ForgetWritable();
            if (!TrySend(ref pending.First, ref pending.Second))
            {
                _socket.AwaitWritable();
                return;
            }
        }
        catch (Exception e)
        {
            pending.End(e);
            return;
        }

        pending.End(fault: null);
    }

    ReceivedBlock IValueTaskSource<ReceivedBlock>.GetResult(short token) => Awaited(token)!.Result;

    ValueTaskSourceStatus IValueTaskSource<ReceivedBlock>.GetStatus(short token) =>
        Awaited(token) is { } receive ? receive.Status : ValueTaskSourceStatus.Pending;

    void IValueTaskSource<ReceivedBlock>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        CheckReceive(token);
        NotifyReceived(default, new AwaitedReceive(continuation, state));
    }

    protected override int ReceiveNow(ArraySegment<byte> first, ArraySegment<byte> second) => _socket.Receive(first, second);

    protected override int SendNow(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second) =>
        _socket.Send(first.Span, second.Span, _isShutdownExpected);

    private AwaitedReceive? Awaited(short token)
    {
        CheckReceive(token);
        return (AwaitedReceive?)_receiver;
    }

    private void CheckReceive(short token)
    {
        if (token != _receiveToken)
            throw new InvalidOperationException("A receive was awaited twice.");
    }

    /// <summary>A receive that somebody awaits: during the handshake, where one receive mostly brings it all.</summary>
    private sealed class AwaitedReceive(Action<object?> continuation, object? state) : IReceiver
    {
        private ValueTask<ReceivedBlock>? _receive;

        // A head is not a large message.
        public ArraySegment<byte> DirectMemory => default;

        public ReceivedBlock Result => _receive!.Value.Result;

        public ValueTaskSourceStatus Status => _receive switch
        {
            null => ValueTaskSourceStatus.Pending,
            { IsFaulted: true } => ValueTaskSourceStatus.Faulted,
            _ => ValueTaskSourceStatus.Succeeded,
        };

        public void OnReceived(ValueTask<ReceivedBlock> receive)
        {
            _receive = receive;
            continuation(state);
        }
    }

    /// <summary>A send of which the kernel has not taken all.</summary>
    private sealed class PendingSend : IValueTaskSource
    {
        // Fields: they are cut down in place.
        public ReadOnlyMemory<byte> First;
        public ReadOnlyMemory<byte> Second;
        private ManualResetValueTaskSourceCore<bool> _core;

        public ValueTask Begin(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
        {
            First = first;
            Second = second;
            _core.Reset();
            return new ValueTask(this, _core.Version);
        }

        public void End(Exception? fault)
        {
            First = Second = default;
            if (fault is null)
                _core.SetResult(true);
            else
                _core.SetException(fault);
        }

        void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
