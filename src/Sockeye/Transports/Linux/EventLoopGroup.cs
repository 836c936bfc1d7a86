using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;

namespace Sockeye.Transports.Linux;

/// <summary>The loops of a process, and the threads that lead them.</summary>
/// <remarks>There is one group for each set of options, for as long as the process lives: a loop without sockets sleeps. Safe from
/// any thread.</remarks>
internal sealed class EventLoopGroup
{
    /// <summary>How many threads besides the leaders may be held by applications that block.</summary>
    public const int MaxSpares = 64;

    private static readonly Dictionary<EventLoopOptions, EventLoopGroup> Groups = [];
    private static readonly Lock GroupsSync = new();

    private readonly EventLoop[] _loops;
    private readonly Lock _sync = new();
    private readonly Stack<EventLoopThread> _spares = new();
    private readonly Queue<(EventLoopSocket Socket, int Ready)> _waiting = new();
    private readonly int _mostSlow;
    private int _threads;
    private uint _next;
    private bool _isExhaustionTold;

    private EventLoopGroup(EventLoopOptions options)
    {
        _loops = new EventLoop[options.Loops == 0 ? Environment.ProcessorCount : options.Loops];
        CreateLoops();
        // Some are left to take over with: as long as the loops are led, only those wait that hold threads themselves.
        _mostSlow = MaxSpares - Math.Min(_loops.Length, MaxSpares / 4);
        ReceiveBufferSize = options.ReceiveBufferSize;
        Monitor = new EventLoopMonitor(this, _loops);
        foreach (EventLoop loop in _loops)
            new EventLoopThread(this).Lead(loop);
    }

    public EventLoopMonitor Monitor { get; }

    /// <summary>Gets how many bytes one receive takes at most.</summary>
    public int ReceiveBufferSize { get; }

    /// <summary>Gets the loops.</summary>
    public IReadOnlyList<EventLoop> Loops => _loops;

    /// <summary>Gets or sets where the loops tell what concerns them all: the last server that uses them says so.</summary>
    public ILogger? Logger { get; set; }

    /// <summary>Gets the loops with these options, for whoever needs some.</summary>
    /// <exception cref="IOException">They could not be made, for instance because there are too many descriptors.</exception>
    public static EventLoopGroup For(EventLoopOptions options)
    {
        lock (GroupsSync)
        {
            if (!Groups.TryGetValue(options, out EventLoopGroup? group))
                Groups[options] = group = new EventLoopGroup(options);
            return group;
        }
    }

    /// <summary>Chooses the loop for a connection: one after the other.</summary>
    public EventLoop Next() => _loops[Interlocked.Increment(ref _next) % (uint)_loops.Length];

    /// <summary>Finds a thread to lead a loop.</summary>
    /// <returns>The thread; null where as many as there may be are held.</returns>
    public EventLoopThread? TakeThread()
    {
        lock (_sync)
        {
            if (TryTake(MaxSpares) is { } thread)
                return thread;
        }

        TellExhaustion();
        return null;
    }

    /// <summary>Runs a slow connection on another thread, as soon as there is one.</summary>
    public void RunElsewhere(EventLoopSocket socket, int ready)
    {
        lock (_sync)
        {
            if (TryTake(_mostSlow) is { } thread)
            {
                thread.Serve(socket, ready);
                return;
            }

            _waiting.Enqueue((socket, ready));
        }

        TellExhaustion();
    }

    /// <summary>Takes a thread back that leads no more.</summary>
    public void Return(EventLoopThread thread)
    {
        lock (_sync)
        {
            _spares.Push(thread);
            _isExhaustionTold &= Held > 0;
            if (_waiting.Count > 0 && TryTake(_mostSlow) is { } next)
            {
                (EventLoopSocket socket, int ready) = _waiting.Dequeue();
                next.Serve(socket, ready);
            }
        }
    }

    // The leaders are not counted.
    private int Held => _threads - _spares.Count;

    private void CreateLoops()
    {
        int made = 0;
        try
        {
            for (; made < _loops.Length; made++)
                _loops[made] = new EventLoop(this);
        }
        catch (IOException)
        {
            foreach (EventLoop loop in _loops.AsSpan(0, made))
                loop.Dispose();
            throw;
        }
    }

    private EventLoopThread? TryTake(int most)
    {
        if (Held >= most)
            return null;
        if (_spares.TryPop(out EventLoopThread? spare))
            return spare;
        try
        {
            var thread = new EventLoopThread(this);
            _threads++;
            return thread;
        }
        catch (OutOfMemoryException)
        {
            return null; // the system gives this process no more threads: as if all were held
        }
    }

    /// <summary>Logs that there are too few threads: once, until all of them are back. Elsewhere, since a log may block.</summary>
    private void TellExhaustion()
    {
        lock (_sync)
        {
            if (_isExhaustionTold)
                return;
            _isExhaustionTold = true;
        }

        if (Logger is { } logger)
            ThreadPool.UnsafeQueueUserWorkItem(static logger => logger.EventLoopThreadsExhausted(MaxSpares), logger, preferLocal: false);
    }
}
