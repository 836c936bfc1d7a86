using System.Runtime.InteropServices;

namespace Sockeye.Transports.Linux;

/// <summary>Serves the edges of many sockets, led by one thread at a time.</summary>
/// <remarks>
/// <para><b>Leadership.</b> While code of a connection runs, <see cref="_section"/> holds a ticket that was never used before. When
/// it has stood for long, because the application holds the thread, the monitor takes it away and lets another thread lead:
/// whoever comes back and does not find his ticket has nothing to do with the loop any more (rule T1).</para>
/// <para><b>Whose is what.</b> The events that were fetched and the position in them belong to who leads, not to his stack: who
/// takes over goes on with the rest. What is deferred is guarded by the lock, under which alone a ticket is taken away.</para>
/// </remarks>
internal sealed unsafe class EventLoop : IDisposable
{
    private const int BatchSize = 256;

    [ThreadStatic]
    private static EventLoop? t_led;
    [ThreadStatic]
    private static long t_ticket;

    private readonly EventLoopGroup _group;
    private readonly Lock _sync = new();
    private readonly Queue<(IThreadPoolWorkItem Work, EventLoopSocket? Socket)> _deferred = new();

    // Belongs to who leads.
    private readonly byte* _events;
    private int _next;
    private int _count;
    private long _tickets;

    // Read by the monitor.
    private long _section;
    private long _turns;
    private EventLoopSocket? _running;

    // Left by the monitor for who leads next.
    private EventLoopSocket? _stalled;

    public EventLoop(EventLoopGroup group)
    {
        _group = group;
        Poll = Libc.CreatePoll();
        if (Poll < 0)
            throw SocketFault.Of(Libc.Errno);
        _events = (byte*)NativeMemory.Alloc((nuint)(BatchSize * Libc.EventSize));
    }

    /// <summary>Gets the descriptor of the kernel's side of the loop.</summary>
    public int Poll { get; }

    /// <inheritdoc cref="EventLoopGroup.ReceiveBufferSize"/>
    public int ReceiveBufferSize => _group.ReceiveBufferSize;

    /// <inheritdoc cref="EventLoopGroup.Logger"/>
    public Microsoft.Extensions.Logging.ILogger? Logger => _group.Logger;

    /// <summary>Gets the ticket that stands; 0 where no code of a connection runs.</summary>
    public long Section => Volatile.Read(ref _section);

    /// <summary>Gets how often the kernel was asked for events.</summary>
    public long Turns => Volatile.Read(ref _turns);

    /// <summary>Gets the loop that the calling thread leads: it is watched while it runs code of a connection. Null where it leads none.</summary>
    public static EventLoop? LedHere => t_led is { } loop && loop.Section == t_ticket ? loop : null;

    /// <summary>Puts work off until the events at hand have been served, where the calling thread leads a loop.</summary>
    /// <param name="work">The work, which must not block.</param>
    /// <returns>Whether it was put off; it is not where the thread leads none.</returns>
    public static bool TryDefer(IThreadPoolWorkItem work) => t_led is { } loop && loop.Defer(work, socket: null);

    /// <summary>Puts off likewise what an application does next, where the calling thread leads this loop: should it block, the connection
    /// whose event is being served counts as slow.</summary>
    /// <param name="work">What is to go on.</param>
    /// <returns>Whether it was put off; it is not where the thread does not lead this loop.</returns>
    public bool TryContinue(IThreadPoolWorkItem work) => t_led == this && Defer(work, _running);

    /// <summary>Leads until leadership is taken away.</summary>
    public void Lead()
    {
        t_led = this;
        if (ServeStalled())
        {
            while (ServeBatch() && ServeDeferred())
                Fetch();
        }

        t_led = null;
    }

    /// <summary>Puts back what a loop holds that nobody has led yet.</summary>
    public void Dispose()
    {
        _ = Libc.Close(Poll);
        NativeMemory.Free(_events);
    }

    /// <summary>Takes leadership away from who holds a ticket for too long. Called by the monitor, which has another thread at hand.</summary>
    /// <returns>Whether the ticket still stood: then somebody must lead.</returns>
    public bool TryTakeOver(long ticket)
    {
        EventLoopSocket? running = _running;
        lock (_sync)
        {
            if (Interlocked.CompareExchange(ref _section, 0, ticket) != ticket)
                return false;
        }

        running?.MarkSlow();
        _stalled = running;
        return true;
    }

    /// <summary>Lets go what an application has sent whose thread had to be left to it.</summary>
    private bool ServeStalled()
    {
        if (_stalled is not { } stalled)
            return true;
        _stalled = null;
        // With a ticket as well: what holds the one thread may hold the next.
        long ticket = Enter(socket: null);
        stalled.OnStalled();
        return Leave(ticket);
    }

    private bool ServeBatch()
    {
        while (_next < _count)
        {
            byte* at = _events + (_next++ * Libc.EventSize);
            if (EventLoopSockets.Find(Libc.DataOf(at)) is not { } socket)
                continue;
            int ready = socket.Take(Libc.EventsOf(at));
            if (ready == 0)
                continue;
            if (socket.IsSlow)
            {
                _group.RunElsewhere(socket, ready);
                continue;
            }

            long ticket = Enter(socket);
            socket.Run(ready);
            if (!Leave(ticket))
                return false;
        }

        return true;
    }

    /// <summary>Serves what has been put off. What that puts off in turn waits until the events have been served that came meanwhile.</summary>
    private bool ServeDeferred()
    {
        for (int left = _deferred.Count; left > 0; left--)
        {
            (IThreadPoolWorkItem Work, EventLoopSocket? Socket) next;
            lock (_sync)
                next = _deferred.Dequeue();

            long ticket = Enter(next.Socket);
            next.Work.Execute();
            if (!Leave(ticket))
                return false;
        }

        return true;
    }

    private void Fetch()
    {
        int patience = _deferred.Count == 0 ? Timeout.Infinite : 0;
        _next = 0;
        _count = Math.Max(0, Libc.Wait(Poll, _events, BatchSize, patience));
        Volatile.Write(ref _turns, _turns + 1);
    }

    private long Enter(EventLoopSocket? socket)
    {
        _running = socket;
        long ticket = ++_tickets;
        t_ticket = ticket;
        Volatile.Write(ref _section, ticket);
        // Here and not where events are fetched: however long this thread was kept from running since, nobody is held unwatched.
        _group.Monitor.Wake();
        return ticket;
    }

    private bool Leave(long ticket)
    {
        EventLoopThread.LeaveContext();
        return Interlocked.CompareExchange(ref _section, 0, ticket) == ticket;
    }

    private bool Defer(IThreadPoolWorkItem work, EventLoopSocket? socket)
    {
        lock (_sync)
        {
            if (_section != t_ticket)
                return false;
            _deferred.Enqueue((work, socket));
            return true;
        }
    }
}
