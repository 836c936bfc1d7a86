using System.Diagnostics;
using System.Net;

namespace Sockeye.Transports.Linux;

/// <summary>A non-blocking socket that an event loop watches.</summary>
/// <remarks>
/// <para>The kernel reports edges, once each, to whoever leads the loop. One that somebody waits for goes to <see cref="User"/>; any
/// other is noted, and found by who tries to wait. So an edge is never lost and nothing is asked of the kernel on the way.</para>
/// <para>One thread at a time reads and one writes; any thread may close. The descriptor is closed when the last call that uses it
/// is over, so that none reaches a socket which got the same number.</para>
/// </remarks>
internal sealed unsafe class EventLoopSocket : ConnectedSocket
{
    // Bits of the state.
    private const int Readable = 1;
    private const int ReadAwaited = 2;
    private const int Writable = 4;
    private const int WriteAwaited = 8;
    private const int HungUp = 16;
    private const int Closed = 32;

    private const uint Events = Libc.PollIn | Libc.PollOut | Libc.PollReadHangUp | Libc.PollEdge;
    private const uint HangUpEvents = Libc.PollReadHangUp | Libc.PollHangUp | Libc.PollError;

    // How many quick runs make a slow connection an ordinary one again.
    private const int SlowRuns = 16;

    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(1);

    private readonly EventLoop _loop;
    private readonly int _descriptor;
    private readonly ulong _identity;
    private readonly SocketAddresses _addresses;
    private int _state;
    private int _users = 1;
    private int _slow;
    private IStallObserver? _observer;

    /// <summary>Takes over a socket; it is watched from <see cref="Register"/> on.</summary>
    /// <param name="loop">The loop.</param>
    /// <param name="descriptor">The socket, which does not block.</param>
    /// <param name="addresses">Its addresses.</param>
    public EventLoopSocket(EventLoop loop, int descriptor, in SocketAddresses addresses = default)
    {
        _loop = loop;
        _descriptor = descriptor;
        _addresses = addresses;
        _identity = EventLoopSockets.Add(descriptor, this);
    }

    /// <summary>Gets or sets who acts on edges.</summary>
    public IReadiness? User { get; set; }

    /// <summary>Gets what tells this socket from those that had its number before.</summary>
    public ulong Identity => _identity;

    public override EndPoint? LocalEndPoint => _addresses.Local(this);

    public override EndPoint? RemoteEndPoint => _addresses.Remote(this);

    /// <summary>Gets the loop that watches the socket.</summary>
    public EventLoop Loop => _loop;

    /// <summary>Gets where its loop tells what concerns no request; null where nobody has said.</summary>
    public Microsoft.Extensions.Logging.ILogger? Logger => _loop.Logger;

    /// <summary>Gets whether its application held the thread of the loop for long, lately: it is run by another one.</summary>
    public bool IsSlow => _slow > 0;

    /// <summary>Gets whether a receive may bring something, although the last one emptied the socket.</summary>
    public bool IsWorthReceiving => (Volatile.Read(ref _state) & (Readable | HungUp | Closed)) != 0;

    /// <summary>Lets the loop watch the socket.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The kernel refuses that.</exception>
    public void Register()
    {
        if (Libc.Watch(_loop.Poll, Libc.ControlAdd, _descriptor, Events, _identity) < 0)
            throw SocketFault.ExceptionOf(Libc.Errno);
    }

    public override Transport CreateTransport(BufferPool buffers) => new EventLoopTransport(this, buffers.WithSlabs(_loop.ReceiveBufferSize));

    public override Stream CreateStream() => new EventLoopStream(this);

    public override bool WatchStalls(IStallObserver observer)
    {
        _observer = observer;
        // Where leadership has been taken away before, or never was here, nobody would tell that observer.
        return EventLoop.LedHere is not null;
    }

    /// <summary>Receives without waiting; into a second piece of memory what the first has no room for.</summary>
    /// <returns>The number of bytes, 0 at the end; -1 where there are none yet.</returns>
    /// <exception cref="IOException">The connection broke, or was closed here.</exception>
    public int Receive(Span<byte> first, Span<byte> second = default)
    {
        if ((Volatile.Read(ref _state) & Readable) != 0)
            Interlocked.And(ref _state, ~Readable);
        Enter();
        nint received;
        int error = 0;
        fixed (byte* at = first)
        fixed (byte* then = second)
        {
            received = second.IsEmpty
                ? Libc.Receive(_descriptor, at, first.Length)
                : Libc.Receive(_descriptor, at, first.Length, then, second.Length);
            if (received < 0)
                error = Libc.Errno;
        }

        Exit();
        return received >= 0 ? (int)received : NoneOrThrow(error);
    }

    /// <summary>Sends without waiting, two pieces with one call.</summary>
    /// <param name="first">The first piece.</param>
    /// <param name="second">The second piece.</param>
    /// <param name="isMoreComing">Whether more follows at once, or the end, which may leave in the same packet.</param>
    /// <returns>The number of bytes that were taken; -1 where there is no room.</returns>
    /// <exception cref="IOException">The connection broke, or was closed here.</exception>
    public int Send(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default, bool isMoreComing = false)
    {
        Enter();
        nint sent;
        int error = 0;
        fixed (byte* at = first)
        fixed (byte* then = second)
        {
            sent = second.IsEmpty
                ? Libc.Send(_descriptor, at, first.Length, isMoreComing)
                : Libc.Send(_descriptor, at, first.Length, then, second.Length, isMoreComing);
            if (sent < 0)
                error = Libc.Errno;
        }

        Exit();
        return sent >= 0 ? (int)sent : NoneOrThrow(error);
    }

    /// <summary>Takes the next connection from a listening socket, without waiting.</summary>
    /// <returns>The descriptor; -1 where none waits.</returns>
    /// <exception cref="System.Net.Sockets.SocketException">Accepting failed.</exception>
    /// <exception cref="IOException">The socket was closed here.</exception>
    public int Accept(byte* address, int* length)
    {
        Interlocked.And(ref _state, ~Readable);
        Enter();
        int accepted = Libc.Accept(_descriptor, address, length);
        int error = accepted < 0 ? Libc.Errno : 0;
        Exit();
        if (accepted >= 0 || error is Libc.Again or Libc.Interrupted)
            return accepted;
        throw (Volatile.Read(ref _state) & Closed) != 0 ? SocketFault.Closed() : SocketFault.ExceptionOf(error);
    }

    /// <summary>Begins to connect.</summary>
    /// <returns>0 where that is done, <see cref="Libc.InProgress"/> where it is under way, else the error.</returns>
    public int Connect(ReadOnlySpan<byte> address)
    {
        Enter();
        int result;
        fixed (byte* at = address)
            result = Libc.Connect(_descriptor, at, address.Length) < 0 ? Libc.Errno : 0;
        Exit();
        return result;
    }

    /// <summary>Takes the error that waits at the socket; 0 for none.</summary>
    public int TakeError()
    {
        Enter();
        int error = Libc.TakeError(_descriptor);
        Exit();
        return error;
    }

    public void SetNoDelay()
    {
        Enter();
        Libc.SetNoDelay(_descriptor);
        Exit();
    }

    /// <summary>Gets the address of this side, as the kernel writes it.</summary>
    /// <returns>Its length; 0 where there is none.</returns>
    public int GetLocalAddress(Span<byte> address) => GetAddress(address, ofPeer: false);

    /// <summary>Gets the address of the peer, as the kernel writes it.</summary>
    /// <returns>Its length; 0 where there is none.</returns>
    public int GetRemoteAddress(Span<byte> address) => GetAddress(address, ofPeer: true);

    /// <summary>Waits for bytes: <see cref="IReadiness.OnReadable"/> is called once, maybe before this returns.</summary>
    /// <param name="again">Whether there may be some that have been reported already.</param>
    public void AwaitReadable(bool again) => Await(Readable, ReadAwaited, again);

    /// <summary>Forgets that somebody waits for bytes, who is not called any more.</summary>
    /// <returns>Whether somebody waited, and has not been called.</returns>
    public bool TryForgetReadable() => (Interlocked.And(ref _state, ~ReadAwaited) & ReadAwaited) != 0;

    /// <summary>Waits for room to send: <see cref="IReadiness.OnWritable"/> is called once, maybe before this returns.</summary>
    public void AwaitWritable() => Await(Writable, WriteAwaited, again: false);

    /// <summary>Forgets that there was room to send: before the attempt whose failure leads to <see cref="AwaitWritable"/>.</summary>
    public void ForgetWritable() => Interlocked.And(ref _state, ~Writable);

    /// <summary>Takes an edge. Called by whoever leads the loop.</summary>
    /// <returns>What to run; 0 for nothing.</returns>
    public int Take(uint events)
    {
        int edge = 0;
        if ((events & (Libc.PollIn | HangUpEvents)) != 0)
            edge |= Readable;
        if ((events & (Libc.PollOut | Libc.PollHangUp | Libc.PollError)) != 0)
            edge |= Writable;
        if ((events & HangUpEvents) != 0)
            edge |= HungUp;
        int state = Volatile.Read(ref _state);
        while (true)
        {
            int awaited = Awaited(state) & edge;
            int next = (state | edge) & ~(awaited | (awaited << 1));
            if (next == state)
                return 0;
            int seen = Interlocked.CompareExchange(ref _state, next, state);
            if (seen == state)
                return awaited;
            state = seen;
        }
    }

    /// <summary>Acts on what <see cref="Take"/> gave.</summary>
    public void Run(int ready)
    {
        if ((ready & Writable) != 0)
            User!.OnWritable();
        if ((ready & Readable) != 0)
            User!.OnReadable();
    }

    /// <summary>Acts on it on another thread than the loop's, for an application that blocks.</summary>
    public void RunSlowly(int ready)
    {
        _observer?.OnStalled();
        long began = Stopwatch.GetTimestamp();
        Run(ready);
        if (Stopwatch.GetElapsedTime(began) < Quick)
            Interlocked.Decrement(ref _slow);
        else
            Volatile.Write(ref _slow, SlowRuns);
    }

    /// <summary>Notes that its application holds the thread of the loop.</summary>
    public void MarkSlow() => Volatile.Write(ref _slow, SlowRuns);

    /// <summary>Lets go what its application has sent, whose thread is held.</summary>
    public void OnStalled() => _observer?.OnStalled();

    public override void ShutdownSend()
    {
        if (!TryEnter())
            return;
        int result = Libc.Shutdown(_descriptor, Libc.ShutdownSend);
        int error = result < 0 ? Libc.Errno : 0;
        Exit();
        if (error != 0)
            throw SocketFault.Of(error);
    }

    /// <summary>Closes, and lets the kernel refuse who connects to this listening socket, whatever other descriptors it has. Never
    /// throws.</summary>
    public void StopListening()
    {
        if (!TryEnter())
            return;
        // In this order: who waits here is told that it was closed, and not what the kernel says.
        Dispose();
        _ = Libc.Shutdown(_descriptor, Libc.ShutdownReceive);
        Exit();
    }

    public override void Reset()
    {
        if (TryEnter())
        {
            Libc.SetReset(_descriptor);
            Exit();
        }

        Dispose();
    }

    public override void Dispose()
    {
        int before = Interlocked.Or(ref _state, Closed);
        if ((before & Closed) != 0)
            return;
        Exit();
        FailAwaited();
    }

    private static int Awaited(int state) => (state & (ReadAwaited | WriteAwaited)) >> 1;

    private int GetAddress(Span<byte> address, bool ofPeer)
    {
        if (!TryEnter())
            return 0;
        int length = address.Length;
        int result;
        fixed (byte* at = address)
            result = ofPeer ? Libc.GetRemoteAddress(_descriptor, at, &length) : Libc.GetLocalAddress(_descriptor, at, &length);
        Exit();
        return result < 0 ? 0 : Math.Min(length, address.Length);
    }

    private void Await(int edge, int awaited, bool again)
    {
        int state = Volatile.Read(ref _state);
        while (true)
        {
            int next = (state | awaited) & ~edge;
            int seen = Interlocked.CompareExchange(ref _state, next, state);
            if (seen == state)
                break;
            state = seen;
        }

        if ((state & Closed) != 0)
            FailAwaited();
        else if (again || (state & edge) != 0)
            Rearm();
    }

    /// <summary>Lets the kernel report anew what it has reported before.</summary>
    private void Rearm()
    {
        if (!TryEnter())
            return;
        _ = Libc.Watch(_loop.Poll, Libc.ControlModify, _descriptor, Events, _identity);
        Exit();
    }

    /// <summary>Lets whoever waits find that the socket is closed, elsewhere: who closed it has other things to do.</summary>
    private void FailAwaited()
    {
        int awaited = Awaited(Interlocked.And(ref _state, ~(ReadAwaited | WriteAwaited)));
        if (awaited != 0)
            ThreadPool.UnsafeQueueUserWorkItem(static run => run.Socket.Run(run.Ready), (Socket: this, Ready: awaited), preferLocal: false);
    }

    private void Enter()
    {
        if (!TryEnter())
            throw SocketFault.Closed();
    }

    private bool TryEnter()
    {
        if ((Volatile.Read(ref _state) & Closed) != 0)
            return false;
        int users = Volatile.Read(ref _users);
        while (users != 0)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
                return true;
            users = seen;
        }

        return false;
    }

    private void Exit()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return;
        EventLoopSockets.Remove(_descriptor);
        _ = Libc.Close(_descriptor);
    }

    private static int NoneOrThrow(int error) => error is Libc.Again or Libc.Interrupted ? -1 : throw SocketFault.Of(error);
}

/// <summary>Acts on the edges of a socket: on the thread that leads its loop, or on one of the pool where it was closed.</summary>
internal interface IReadiness
{
    /// <summary>Is called where bytes or the end have come, or the socket was closed.</summary>
    void OnReadable();

    /// <summary>Is called where there is room to send, or the socket was closed.</summary>
    void OnWritable();
}
