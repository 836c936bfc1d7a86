using System.Diagnostics;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;

namespace Sockeye.Cli.Bench;

/// <summary>A connection that a task drives, not the loop of the generator.</summary>
internal interface IManagedConnection : IAsyncDisposable
{
    /// <summary>Sends messages. One call at a time.</summary>
    ValueTask SendAsync(int count);

    /// <summary>Waits for messages.</summary>
    /// <returns>How many have come; one at least.</returns>
    ValueTask<int> ReceiveAsync();

    /// <summary>Closes the connection in good order.</summary>
    Task CloseAsync();
}

/// <summary>Does what the generator does through connections of other makes: one task a connection, on the thread pool.</summary>
internal sealed class ManagedLoad(
    BenchPlan plan, Func<CancellationToken, Task<IManagedConnection>> connect, BenchProgress progress, CancellationToken cancel)
{
    private const int First = 200;

    private static readonly long _nanosecondsPerTick = 1_000_000_000 / Stopwatch.Frequency;

    private readonly Faults _faults = new();
    private readonly Worker[] _workers = [.. Enumerable.Range(0, plan.Connections).Select(_ => new Worker(plan.Scenario))];
    private volatile bool _isMeasuring;
    private volatile bool _isStopping;

    public Task<BenchResult> RunAsync() => plan.Scenario switch
    {
        Scenario.Echo => RunEchoAsync(),
        Scenario.Idle => RunIdleAsync(),
        _ => RunHandshakesAsync(),
    };

    private async Task<BenchResult> RunEchoAsync()
    {
        ServerProcess? server = ServerProcess.Find(plan.ServerPid);
        await OpenAsync(_workers);
        Task working = Task.WhenAll(_workers.Select(one => WorkAsync(one, () => EchoAsync(one))));
        BenchResult result = await MeasureAsync(server, working);
        await CloseAsync(_workers);
        return result;
    }

    private async Task<BenchResult> RunHandshakesAsync()
    {
        ServerProcess? server = ServerProcess.Find(plan.ServerPid);
        await OpenAsync(_workers[..1]);
        await CloseAsync(_workers[..1]);
        return await MeasureAsync(server, Task.WhenAll(_workers.Select(one => WorkAsync(one, () => ConnectAsync(one)))));
    }

    private async Task<BenchResult> RunIdleAsync()
    {
        await EchoOnceAsync([.. _workers.Take(First)]);
        await CloseAsync([.. _workers.Take(First)]);
        await PassAsync(plan.WarmUp, "warming up", Task.Delay(Timeout.Infinite, cancel));

        ServerProcess? server = ServerProcess.Find(plan.ServerPid);
        long echoed = Messages();
        Usage before = Usage.Read(server);
        await EchoOnceAsync(_workers);
        await PassAsync(plan.Duration, "idle", Task.Delay(Timeout.Infinite, cancel));
        BenchResult result = CreateResult(server, before, Usage.Read(server), Messages() - echoed, latencies: null);
        await CloseAsync(_workers);
        return result;
    }

    private async Task<BenchResult> MeasureAsync(ServerProcess? server, Task working)
    {
        await PassAsync(plan.WarmUp, "warming up", working);
        long messages = Messages();
        Usage before = Usage.Read(server);
        _isMeasuring = true;
        await PassAsync(plan.Duration, "measuring", working);
        _isMeasuring = false;
        Usage after = Usage.Read(server);
        messages = Messages() - messages;

        _isStopping = true;
        try
        {
            await working.WaitAsync(BenchPlan.Patience, cancel);
        }
        catch (TimeoutException)
        {
            _faults.Add($"the server was silent for {BenchPlan.Patience.TotalSeconds} s, and did not send all that it must");
        }

        var latencies = new LatencyHistogram();
        foreach (Worker one in _workers)
            latencies.Add(one.Latencies!);
        return CreateResult(server, before, after, messages, latencies);
    }

    private BenchResult CreateResult(ServerProcess? server, Usage before, Usage after, long messages, LatencyHistogram? latencies) =>
        new(plan, before, after)
        {
            Messages = messages,
            PayloadBytes = plan.Scenario == Scenario.Handshakes ? 0 : messages * plan.Size,
            Latencies = latencies,
            Server = server?.Describe(plan.Connections),
            Faults = _faults,
            ClientCores = Environment.ProcessorCount,
        };

    private static long Now() => Stopwatch.GetTimestamp() * _nanosecondsPerTick;

    private long Messages() => _workers.Sum(static one => Volatile.Read(ref one.Messages));

    /// <summary>Lets the time pass, or the work end before.</summary>
    private async Task PassAsync(TimeSpan time, string what, Task working)
    {
        var watch = Stopwatch.StartNew();
        // Read once a turn: it may be over by the next reading.
        while (time - watch.Elapsed is { Ticks: > 0 } left && !working.IsCompleted)
        {
            await Task.WhenAny(working, Task.Delay(left < TimeSpan.FromSeconds(0.5) ? left : TimeSpan.FromSeconds(0.5), cancel));
            cancel.ThrowIfCancellationRequested();
            progress.Show(what, Messages(), Stopwatch.GetTimestamp());
        }
    }

    /// <summary>Keeps messages in flight until it is told to stop.</summary>
    private async Task EchoAsync(Worker one)
    {
        int depth = plan.Depth;
        IManagedConnection connection = one.Connection!;
        var times = new SendTimes(depth);
        times.Add(Now(), depth);
        ValueTask sending = connection.SendAsync(depth);
        for (int inFlight = depth; inFlight > 0;)
        {
            int count = await connection.ReceiveAsync();
            long now = Now();
            if (count > inFlight)
                throw new IOException("the server sent more messages than were sent to it");
            times.Take(now, count, _isMeasuring ? one.Latencies : null);
            Volatile.Write(ref one.Messages, one.Messages + count);
            if (_isStopping)
            {
                inFlight -= count;
                continue;
            }

            await sending;
            times.Add(now, count);
            sending = connection.SendAsync(count);
        }

        await sending;
    }

    private async Task ConnectAsync(Worker one)
    {
        while (!_isStopping)
        {
            long began = Now();
            await using (IManagedConnection connection = await connect(cancel))
                await connection.CloseAsync();
            Volatile.Write(ref one.Messages, one.Messages + 1);
            if (_isMeasuring)
                one.Latencies!.Record(Now() - began);
        }
    }

    private async Task EchoOnceAsync(Worker[] workers)
    {
        await OpenAsync(workers);
        await Parallel.ForEachAsync(workers, Options(), (one, _) => new ValueTask(WorkAsync(one, async () =>
        {
            await one.Connection!.SendAsync(1);
            one.Messages += await one.Connection.ReceiveAsync();
        })));
    }

    private Task OpenAsync(Worker[] workers) => Parallel.ForEachAsync(workers, Options(), async (one, token) =>
    {
        try
        {
            one.Connection = await connect(token);
        }
        catch (Exception e) when (IsFailure(e) && e is not IOException)
        {
            throw new IOException(e.Message, e);
        }
    });

    /// <summary>Closes connections. How the server takes it is not judged.</summary>
    private Task CloseAsync(Worker[] workers) => Parallel.ForEachAsync(workers, Options(), async (one, _) =>
    {
        await using (one.Connection)
        {
            try
            {
                if (!one.HasFailed)
                    await one.Connection!.CloseAsync().WaitAsync(BenchPlan.Patience, cancel);
            }
            catch (Exception e) when (IsFailure(e))
            {
            }
        }
    });

    private ParallelOptions Options() => new() { MaxDegreeOfParallelism = BenchPlan.OpeningAtATime, CancellationToken = cancel };

    /// <summary>Counts a failure, and lets the others go on.</summary>
    private async Task WorkAsync(Worker one, Func<Task> work)
    {
        await Task.Yield();
        try
        {
            await work();
        }
        catch (Exception e) when (IsFailure(e))
        {
            one.HasFailed = true;
            _faults.Add(e.Message.TrimEnd('.'));
        }
    }

    private static bool IsFailure(Exception e) =>
        e is IOException or SocketException or WebSocketException or AuthenticationException or TimeoutException;

    private sealed class Worker(Scenario scenario)
    {
        public readonly LatencyHistogram? Latencies = scenario == Scenario.Idle ? null : new LatencyHistogram();
        public IManagedConnection? Connection;
        public long Messages;
        public bool HasFailed;
    }
}
