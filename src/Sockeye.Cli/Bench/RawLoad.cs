using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using Sockeye.Protocol;

namespace Sockeye.Cli.Bench;

/// <summary>The load generator: one thread that drives all connections. What is sent and counted is up to the scenario.</summary>
internal abstract unsafe class RawLoad : IDisposable
{
    private const int BufferSize = 128 * 1024;

    private static readonly byte[] _close = BenchMessages.CreateClose();

    private readonly EpollSet _sockets = new();
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
    private readonly byte* _bufferStart;
    private readonly byte[] _address;
    private readonly BenchProgress _progress;
    private readonly CancellationToken _cancel;
    private readonly LatencyHistogram _latencies = new();

    private int _live;
    private int _opening;
    private bool _mustOpen;
    private bool _isLeaving;
    private long _lastReceived;

    protected RawLoad(BenchPlan plan, BenchProgress progress, CancellationToken cancel)
    {
        Plan = plan;
        _progress = progress;
        _cancel = cancel;
        Sent = new BenchMessages(plan);
        _address = Resolve(plan.Url);
        _bufferStart = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_buffer, 0);
    }

    /// <summary>Gets all connections, by their numbers.</summary>
    protected List<RawConnection> Connections { get; } = [];

    protected BenchPlan Plan { get; }

    protected BenchMessages Sent { get; }

    /// <summary>Gets what latencies are counted in; null where they are not any more.</summary>
    protected LatencyHistogram? Latencies => IsStopping ? null : _latencies;

    protected Faults Faults { get; } = new();

    /// <summary>Gets or sets the number of messages that have come.</summary>
    protected long Messages { get; set; }

    /// <summary>Gets whether nothing more is to be sent.</summary>
    protected bool IsStopping { get; private set; }

    /// <summary>Gets the number of messages that are verified on each connection.</summary>
    protected virtual int Verified => Plan.Depth;

    /// <summary>Gets whether there is nothing left to measure.</summary>
    protected virtual bool IsOver => _live == 0;

    public abstract BenchResult Run();

    /// <summary>Tells whether a connection waits for something that the server must send.</summary>
    protected virtual bool IsWaiting(RawConnection one) => one.Phase == ConnectionPhase.Open && one.InFlight > 0;

    public void Dispose()
    {
        foreach (RawConnection one in Connections)
            one.Close();
        _sockets.Dispose();
    }

    /// <summary>Says that a connection is open that <see cref="Open"/> opened.</summary>
    protected virtual void OnOpened(RawConnection one)
    {
    }

    /// <summary>Says that messages have come, and that nothing more is there for now.</summary>
    protected abstract void OnReplies(RawConnection one, int count, long now);

    /// <summary>Says that a connection has been closed in good order.</summary>
    protected virtual void OnClosed(RawConnection one, long now)
    {
    }

    /// <summary>Says that all sockets that were ready have been served.</summary>
    protected virtual void OnRoundEnded()
    {
    }

    protected void Open(RawConnection one)
    {
        one.Began = Stopwatch.GetTimestamp();
        one.Open(_address, _sockets, Verified);
        _live++;
        Check(one, one.Flush());
    }

    /// <summary>Opens connections, not too many at a time.</summary>
    /// <exception cref="IOException">One cannot be opened.</exception>
    protected void OpenAll(IReadOnlyCollection<RawConnection> connections)
    {
        _mustOpen = true;
        _opening = 0;
        using IEnumerator<RawConnection> next = connections.GetEnumerator();
        bool isMore = true;
        RunUntil(() =>
        {
            while (isMore && _opening < BenchPlan.OpeningAtATime && (isMore = next.MoveNext()))
            {
                _opening++;
                Open(next.Current);
            }

            return _opening == 0;
        });
        if (_opening > 0)
            throw new IOException($"The server did not answer the handshake within {BenchPlan.Patience.TotalSeconds} s.");
        _mustOpen = false;
    }

    /// <summary>Warms up, and measures.</summary>
    protected BenchResult Measure(ServerProcess? server)
    {
        RunFor(Plan.WarmUp, "warming up");
        _latencies.Clear();
        long messages = Messages;
        (long payload, long wire) = Bytes();
        Usage before = Usage.Read(server);
        RunFor(Plan.Duration, "measuring");
        Usage after = Usage.Read(server);
        (long payloadNow, long wireNow) = Bytes();
        return new BenchResult(Plan, before, after)
        {
            Messages = Messages - messages,
            PayloadBytes = payloadNow - payload,
            CompressionRatio = Plan.IsCompressed && wireNow > wire ? (payloadNow - payload) / (double)(wireNow - wire) : null,
            Latencies = _latencies,
            Server = server?.Describe(Plan.Connections),
            Faults = Faults,
        };
    }

    /// <summary>Lets the last replies come, and closes all connections.</summary>
    protected void Finish()
    {
        IsStopping = true;
        RunUntil(() => !Connections.Exists(IsWaiting));
        foreach (RawConnection one in Connections.Where(IsWaiting))
            Fail(one, $"the server was silent for {BenchPlan.Patience.TotalSeconds} s, and did not send all that it must");
        foreach (RawConnection one in Connections.Where(one => one.Phase == ConnectionPhase.Open && !one.Reader.IsBetweenMessages))
            Fail(one, "the server sent the beginning of a message that answers none");
        CloseAll();
    }

    /// <summary>Closes all connections. How the server takes it is not judged.</summary>
    protected void CloseAll()
    {
        _isLeaving = true;
        foreach (RawConnection one in Connections.Where(one => one.Phase == ConnectionPhase.Open))
            Close(one);
        RunUntil(() => _live == 0);
        foreach (RawConnection one in Connections.Where(one => one.Phase != ConnectionPhase.None))
            Drop(one);
        _isLeaving = false;
    }

    /// <summary>Begins to close a connection: the server answers, and ends TCP.</summary>
    protected void Close(RawConnection one)
    {
        one.Phase = ConnectionPhase.Closing;
        Check(one, one.SendBetween(_close));
    }

    protected void Send(RawConnection one, int messages) => Check(one, one.SendMessages(messages));

    protected void Fail(RawConnection one, string why)
    {
        Drop(one);
        if (_mustOpen)
            throw new IOException($"Connection {one.Number + 1} of {Connections.Count} could not be opened: {why}.");
        if (!_isLeaving)
            Faults.Add(why);
    }

    protected void RunFor(TimeSpan time, string what)
    {
        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        for (long now = Stopwatch.GetTimestamp(); now < end && !IsOver; now = Stopwatch.GetTimestamp())
        {
            _progress.Show(what, Messages, now);
            RunOnce(Stopwatch.GetElapsedTime(now, end));
        }
    }

    /// <summary>Runs until something holds, or until the server has been silent for too long.</summary>
    protected void RunUntil(Func<bool> condition, TimeSpan? patience = null)
    {
        _lastReceived = Stopwatch.GetTimestamp();
        while (!condition() && Stopwatch.GetElapsedTime(_lastReceived) < (patience ?? BenchPlan.Patience))
            RunOnce(BenchPlan.Patience);
    }

    private static byte[] Resolve(Uri url)
    {
        IPAddress address = IPAddress.TryParse(url.DnsSafeHost, out IPAddress? parsed) ? parsed : Dns.GetHostAddresses(url.DnsSafeHost)[0];
        SocketAddress native = new IPEndPoint(address, url.Port).Serialize();
        return native.Buffer[..native.Size].ToArray();
    }

    private (long Payload, long Wire) Bytes() =>
        (Connections.Sum(static one => one.Reader?.PayloadBytes ?? 0), Connections.Sum(static one => one.Reader?.WireBytes ?? 0));

    private void RunOnce(TimeSpan wait)
    {
        const int LongestWait = 100; // Ctrl-C is to be seen
        _cancel.ThrowIfCancellationRequested();
        int ready = _sockets.Wait((int)Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 0, LongestWait));
        for (int i = 0; i < ready; i++)
        {
            (int number, uint flags) = _sockets[i];
            RawConnection one = Connections[number];
            if ((flags & Libc.Writable) != 0 && one.HasOutput && one.Fd >= 0)
                Check(one, one.Flush());
            if ((flags & ~Libc.Writable) != 0 && one.Fd >= 0)
                Receive(one, (flags & (Libc.Failed | Libc.HungUp | Libc.PeerShutDown)) != 0);
        }

        OnRoundEnded();
    }

    /// <summary>Receives all that is there: a receive that gives less than was wanted has taken it all.</summary>
    private void Receive(RawConnection one, bool isEnding)
    {
        bool wasOpening = one.Phase == ConnectionPhase.Opening;
        bool hasEnded = false;
        int replies = 0;
        nint wanted;
        nint count;
        do
        {
            int skippable = one.Reader.Skippable;
            wanted = skippable > 0 ? skippable : Math.Min(BufferSize, one.Reader.Room);
            count = Libc.Receive(one.Fd, _bufferStart, wanted, skippable > 0 ? Libc.Truncate : 0);
            string? fault = null;
            if (count > 0)
                fault = skippable > 0 ? Skip(one, (int)count, ref replies) : Take(one, _buffer.AsSpan(0, (int)count), ref replies);
            else if (count == 0)
                hasEnded = true;
            else if (Libc.LastError is not (Libc.TryAgain or Libc.Interrupted))
                fault = Libc.Describe(Libc.LastError);
            if (fault is not null)
            {
                Fail(one, fault);
                return;
            }
        }
        while (count == wanted || (isEnding && count > 0));

        long now = Stopwatch.GetTimestamp();
        _lastReceived = now;
        if (wasOpening && one.Phase == ConnectionPhase.Open)
        {
            _opening--;
            if (!_mustOpen)
                OnOpened(one);
        }

        if (replies > 0)
            OnReplies(one, replies, now);
        if (one.Reader.HasPing && one.Phase == ConnectionPhase.Open)
            Check(one, one.SendBetween(BenchMessages.CreateControl(Opcode.Pong, one.Reader.TakePing())));
        if (one.Phase != ConnectionPhase.None && (hasEnded || one.Reader.CloseCode is not null))
            End(one, hasEnded, now);
    }

    private static string? Skip(RawConnection one, int count, ref int replies)
    {
        replies += one.Reader.Skip(count);
        return one.Reader.Fault;
    }

    /// <summary>Takes what has come.</summary>
    /// <returns>What is wrong with it; null where nothing is.</returns>
    private static string? Take(RawConnection one, ReadOnlySpan<byte> bytes, ref int replies)
    {
        if (one.Phase == ConnectionPhase.Opening)
        {
            try
            {
                bytes = one.TakeResponse(bytes);
            }
            catch (IOException e)
            {
                return e.Message.TrimEnd('.');
            }
        }

        replies += one.Reader.Read(bytes);
        return one.Reader.Fault;
    }

    private void End(RawConnection one, bool hasEnded, long now)
    {
        if (one.Phase is ConnectionPhase.Opening or ConnectionPhase.Open)
        {
            Fail(one, one.Reader.CloseCode is { } code
                ? $"the server closed the connection with code {code}"
                : "the server ended the connection");
        }
        else if (one.Reader.CloseCode is null)
        {
            Fail(one, "the server ended the connection without an answer to Close");
        }
        else if (hasEnded || _isLeaving)
        {
            Drop(one);
            OnClosed(one, now);
        }
    }

    private void Drop(RawConnection one)
    {
        if (one.Phase != ConnectionPhase.None)
            _live--;
        one.Close();
    }

    private void Check(RawConnection one, int error)
    {
        if (error != 0)
            Fail(one, Libc.Describe(error));
    }
}
