namespace Sockeye.Transports.Linux;

/// <summary>A thread that leads a loop, runs a slow connection, or waits for either.</summary>
internal sealed class EventLoopThread
{
    private static ExecutionContext? s_none;

    private readonly EventLoopGroup _group;
    private readonly SemaphoreSlim _work = new(0);
    private EventLoop? _loop;
    private EventLoopSocket? _socket;
    private int _ready;

    public EventLoopThread(EventLoopGroup group)
    {
        _group = group;
        // In no context of whoever happened to need it first (rule T2).
        new Thread(Run) { IsBackground = true, Name = "Sockeye event loop" }.UnsafeStart();
    }

    /// <summary>Takes from the calling thread what code of a connection has set for it: the next one has its own context (rule T2).</summary>
    public static void LeaveContext()
    {
        if (!ReferenceEquals(ExecutionContext.Capture(), s_none))
            ExecutionContext.Restore(s_none!);
        if (SynchronizationContext.Current is not null)
            SynchronizationContext.SetSynchronizationContext(null);
    }

    /// <summary>Lets the thread lead a loop.</summary>
    public void Lead(EventLoop loop)
    {
        _loop = loop;
        _work.Release();
    }

    /// <summary>Lets the thread act on the edges of a socket.</summary>
    public void Serve(EventLoopSocket socket, int ready)
    {
        _socket = socket;
        _ready = ready;
        _work.Release();
    }

    private void Run()
    {
        s_none = ExecutionContext.Capture(); // the same for all of them
        while (true)
        {
            _work.Wait();
            if (_loop is { } loop)
            {
                _loop = null;
                loop.Lead();
            }
            else
            {
                EventLoopSocket socket = _socket!;
                _socket = null;
                socket.RunSlowly(_ready);
                LeaveContext();
            }

            _group.Return(this);
        }
    }
}
