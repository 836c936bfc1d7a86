using System.Diagnostics;

namespace Sockeye.Cli.Bench;

/// <summary>What both processes have consumed by now.</summary>
internal readonly record struct Usage(long Time, TimeSpan Client, TimeSpan? Server)
{
    public static Usage Read(ServerProcess? server) => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, server?.CpuTime);
}

/// <summary>What was measured.</summary>
internal sealed class BenchResult(BenchPlan plan, Usage before, Usage after)
{
    /// <summary>The share of a core from which on it counts as busy.</summary>
    private const double Busy = 0.95;

    public BenchPlan Plan { get; } = plan;

    public double Seconds { get; } = Stopwatch.GetElapsedTime(before.Time, after.Time).TotalSeconds;

    /// <summary>Gets the number of echoes, deliveries, or connections that were opened and closed.</summary>
    public required long Messages { get; init; }

    /// <summary>Gets the bytes in the payloads of the messages that came.</summary>
    public required long PayloadBytes { get; init; }

    /// <summary>Gets how many times larger the payloads were than what came for them; null where that is not known.</summary>
    public double? CompressionRatio { get; init; }

    public LatencyHistogram? Latencies { get; init; }

    public double ClientCpuSeconds { get; } = (after.Client - before.Client).TotalSeconds;

    public double? ServerCpuSeconds { get; } = (after.Server - before.Server)?.TotalSeconds;

    public ServerMemory? Server { get; init; }

    public required Faults Faults { get; init; }

    public double MessagesPerSecond => Messages / Seconds;

    public double MegabytesPerSecond => PayloadBytes / 1e6 / Seconds;

    public double ClientCpuMicrosecondsPerMessage => PerMessage(ClientCpuSeconds);

    public double ServerCpuMicrosecondsPerMessage => PerMessage(ServerCpuSeconds ?? 0);

    /// <summary>Gets the cores that the client can use at most.</summary>
    public int ClientCores { get; init; } = 1;

    /// <summary>Gets whether the client was busy all the time while the server, as far as is known, was not: it could have done
    /// more.</summary>
    public bool IsClientTheLimit => ClientCpuSeconds >= Busy * ClientCores * Seconds && !(ServerCpuSeconds >= Busy * Seconds);

    private double PerMessage(double seconds) => Messages == 0 ? 0 : seconds * 1e6 / Messages;
}

/// <summary>Counts what went wrong, and keeps the first of it. Any thread may add to it.</summary>
internal sealed class Faults
{
    private readonly Lock _sync = new();

    public long Count { get; private set; }

    public string? First { get; private set; }

    public void Add(string what)
    {
        lock (_sync)
        {
            First ??= what;
            Count++;
        }
    }
}
