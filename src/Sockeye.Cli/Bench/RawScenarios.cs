using System.Diagnostics;
using System.Numerics;

namespace Sockeye.Cli.Bench;

/// <summary>Each connection keeps messages in flight, which the server sends back: as many leave together as came back together.</summary>
internal sealed class EchoLoad : RawLoad
{
    public EchoLoad(BenchPlan plan, BenchProgress progress, CancellationToken cancel)
        : base(plan, progress, cancel)
    {
        var handshake = new BenchHandshake(plan.Url, plan.IsCompressed);
        for (int i = 0; i < plan.Connections; i++)
            Connections.Add(new RawConnection(i, handshake, Sent) { SendTimes = new SendTimes(plan.Depth) });
    }

    public override BenchResult Run()
    {
        ServerProcess? server = ServerProcess.Find(Plan.ServerPid);
        OpenAll(Connections);
        foreach (RawConnection one in Connections)
        {
            one.InFlight = Plan.Depth;
            one.SendTimes!.Add(Stopwatch.GetTimestamp(), Plan.Depth);
            Send(one, Plan.Depth);
        }

        BenchResult result = Measure(server);
        Finish();
        return result;
    }

    protected override void OnReplies(RawConnection one, int count, long now)
    {
        if (count > one.InFlight)
        {
            Fail(one, "the server sent more messages than were sent to it");
            return;
        }

        Messages += count;
        one.SendTimes!.Take(now, count, Latencies);
        if (IsStopping)
        {
            one.InFlight -= count;
            return;
        }

        one.SendTimes.Add(now, count);
        Send(one, count);
    }
}

/// <summary>Connections stay open after one echo each, for the memory that they take.</summary>
internal sealed class IdleLoad : RawLoad
{
    // What the server needs for its first connections it needs once.
    private const int First = 200;

    private int _unanswered;

    public IdleLoad(BenchPlan plan, BenchProgress progress, CancellationToken cancel)
        : base(plan, progress, cancel)
    {
        var handshake = new BenchHandshake(plan.Url, plan.IsCompressed);
        for (int i = 0; i < plan.Connections; i++)
            Connections.Add(new RawConnection(i, handshake, Sent));
    }

    protected override int Verified => 1;

    public override BenchResult Run()
    {
        EchoOnce([.. Connections.Take(First)]);
        CloseAll();
        RunFor(Plan.WarmUp, "warming up");

        ServerProcess? server = ServerProcess.Find(Plan.ServerPid);
        Messages = 0;
        Usage before = Usage.Read(server);
        EchoOnce(Connections);
        RunFor(Plan.Duration, "idle");
        var result = new BenchResult(Plan, before, Usage.Read(server))
        {
            Messages = Messages,
            PayloadBytes = Messages * Plan.Size,
            Server = server?.Describe(Plan.Connections),
            Faults = Faults,
        };
        Finish();
        return result;
    }

    protected override void OnReplies(RawConnection one, int count, long now)
    {
        Messages += count;
        _unanswered -= count;
        one.InFlight -= count;
        if (one.InFlight < 0)
            Fail(one, "the server sent more messages than were sent to it");
    }

    private void EchoOnce(List<RawConnection> connections)
    {
        OpenAll(connections);
        _unanswered = connections.Count;
        foreach (RawConnection one in connections)
        {
            one.InFlight = 1;
            Send(one, 1);
        }

        RunUntil(() => _unanswered <= 0 || IsOver);
    }
}

/// <summary>Connections are opened and closed in good order, all the time.</summary>
internal sealed class HandshakeLoad : RawLoad
{
    public HandshakeLoad(BenchPlan plan, BenchProgress progress, CancellationToken cancel)
        : base(plan, progress, cancel)
    {
        var handshake = new BenchHandshake(plan.Url, plan.IsCompressed);
        for (int i = 0; i < plan.Connections; i++)
            Connections.Add(new RawConnection(i, handshake, Sent));
    }

    public override BenchResult Run()
    {
        ServerProcess? server = ServerProcess.Find(Plan.ServerPid);
        OpenAll([Connections[0]]);
        Close(Connections[0]);
        foreach (RawConnection one in Connections.Skip(1))
            Open(one);
        BenchResult result = Measure(server);
        Finish();
        return result;
    }

    protected override bool IsWaiting(RawConnection one) => one.Phase != ConnectionPhase.None;

    protected override void OnOpened(RawConnection one) => Close(one);

    protected override void OnReplies(RawConnection one, int count, long now) => Fail(one, "the server sent a message that answers none");

    protected override void OnClosed(RawConnection one, long now)
    {
        Messages++;
        Latencies?.Record(now - one.Began);
        if (!IsStopping)
            Open(one);
    }
}

/// <summary>One connection publishes, and all the others receive: a publication is over when all of them have it.</summary>
internal sealed class FanOutLoad : RawLoad
{
    private const int Attempts = 10;

    private readonly RawConnection _publisher;
    private readonly List<RawConnection> _subscribers;

    // publications in flight, by their number
    private readonly int[] _missing;
    private readonly long[] _times;
    private long _published;
    private int _finished;

    public FanOutLoad(BenchPlan plan, BenchProgress progress, CancellationToken cancel)
        : base(plan, progress, cancel)
    {
        var subscribe = new BenchHandshake(new Uri(plan.Url, "/subscribe"), plan.IsCompressed);
        for (int i = 0; i < plan.Connections; i++)
            Connections.Add(new RawConnection(i, subscribe, Sent));
        _subscribers = [.. Connections];
        _publisher = new RawConnection(plan.Connections, new BenchHandshake(new Uri(plan.Url, "/publish"), plan.IsCompressed), Sent);
        Connections.Add(_publisher);
        _missing = new int[BitOperations.RoundUpToPowerOf2((uint)plan.Depth)];
        _times = new long[_missing.Length];
    }

    protected override bool IsOver => Faults.Count > 0;

    public override BenchResult Run()
    {
        ServerProcess? server = ServerProcess.Find(Plan.ServerPid);
        OpenAll(Connections);
        AwaitSubscriptions();
        Publish(Plan.Depth);
        BenchResult result = Measure(server);
        Finish();
        return result;
    }

    protected override void OnReplies(RawConnection one, int count, long now)
    {
        if (_published == 0 && one != _publisher)
        {
            one.Received += count;
            return;
        }

        if (one.Received + count > _published)
        {
            Fail(one, "the server sent a message that was not published");
            return;
        }

        for (long end = one.Received + count; one.Received < end; one.Received++)
        {
            int publication = (int)one.Received & (_missing.Length - 1);
            Latencies?.Record(now - _times[publication]);
            if (--_missing[publication] == 0)
                _finished++;
        }

        Messages += count;
        one.InFlight -= count;
    }

    protected override void OnRoundEnded()
    {
        if (_finished > 0 && !IsStopping)
            Publish(_finished);
        _finished = 0;
    }

    /// <summary>Publishes until all subscribers receive: a server may subscribe a connection after it has answered the handshake.</summary>
    private void AwaitSubscriptions()
    {
        int attempt = 0;
        while (attempt < Attempts && Faults.Count == 0 && !_subscribers.TrueForAll(static one => one.Received > 0))
        {
            foreach (RawConnection one in _subscribers)
                one.Received = 0;
            _publisher.Rewind(); // whoever missed it verifies the next one
            Send(_publisher, 1);
            RunUntil(() => _subscribers.TrueForAll(static one => one.Received > 0), TimeSpan.FromSeconds(1));
            attempt++;
        }

        if (attempt == Attempts || Faults.Count > 0)
        {
            string why = Faults.First is { } first ? $": {first}" : "";
            throw new IOException($"The server does not send to all at /subscribe what comes at /publish{why}.");
        }

        foreach (RawConnection one in _subscribers)
            one.Received = 0;
    }

    private void Publish(int count)
    {
        long now = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++, _published++)
        {
            _missing[_published & (_missing.Length - 1)] = _subscribers.Count;
            _times[_published & (_missing.Length - 1)] = now;
        }

        foreach (RawConnection one in _subscribers)
            one.InFlight += count;
        Send(_publisher, count);
    }
}
