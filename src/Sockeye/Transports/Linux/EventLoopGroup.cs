using System.Collections.Concurrent;
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

    private static readonly ConcurrentDictionary<EventLoopOptions, Lazy<EventLoopGroup>> Groups = new();

    private readonly EventLoop[] _loops;
    private readonly Lock _sync = new();
    private readonly Stack<EventLoopThread> _spares = new();
    private readonly Queue<(EventLoopSocket Socket, int Ready)> _waiting = new();
    private int _threads;
    private uint _next;
    private bool _isExhaustionTold;

    private EventLoopGroup(EventLoopOptions options)
    {
        _loops = new EventLoop[options.Loops == 0 ? Environment.ProcessorCount : options.Loops];
        for (int i = 0; i < _loops.Length; i++)
            _loops[i] = new EventLoop(this);
        Monitor = new EventLoopMonitor(this, _loops);
        foreach (EventLoop loop in _loops)
            new EventLoopThread(this).Lead(loop);
    }

    public EventLoopMonitor Monitor { get; }

    /// <summary>Gets the loops.</summary>
    public IReadOnlyList<EventLoop> Loops => _loops;

    /// <summary>Gets or sets where a lack of threads is told.</summary>
    public ILogger? Logger { get; set; }

    /// <summary>Gets the loops with these options, for whoever needs some.</summary>
    public static EventLoopGroup For(EventLoopOptions options) =>
        Groups.GetOrAdd(options, static key => new Lazy<EventLoopGroup>(() => new EventLoopGroup(key))).Value;

    /// <summary>Chooses the loop for a connection: one after the other.</summary>
    public EventLoop Next() => _loops[Interlocked.Increment(ref _next) % (uint)_loops.Length];

    /// <summary>Finds a thread to lead a loop.</summary>
    /// <returns>The thread; null where as many as there may be are held.</returns>
    public EventLoopThread? TakeThread()
    {
        lock (_sync)
        {
            if (_spares.TryPop(out EventLoopThread? spare))
                return spare;
            if (_threads < MaxSpares)
            {
                _threads++;
                return new EventLoopThread(this);
            }

            if (_isExhaustionTold)
                return null;
            _isExhaustionTold = true;
        }

        Logger?.EventLoopThreadsExhausted(MaxSpares);
        return null;
    }

    /// <summary>Runs a slow connection on another thread, as soon as there is one.</summary>
    public void RunElsewhere(EventLoopSocket socket, int ready)
    {
        if (TakeThread() is { } thread)
        {
            thread.Serve(socket, ready);
            return;
        }

        lock (_sync)
        {
            if (!_spares.TryPop(out EventLoopThread? spare))
                _waiting.Enqueue((socket, ready));
            else
                spare.Serve(socket, ready);
        }
    }

    /// <summary>Takes a thread back that leads no more.</summary>
    public void Return(EventLoopThread thread)
    {
        lock (_sync)
        {
            _isExhaustionTold = false;
            if (_waiting.TryDequeue(out (EventLoopSocket Socket, int Ready) next))
                thread.Serve(next.Socket, next.Ready);
            else
                _spares.Push(thread);
        }
    }
}
