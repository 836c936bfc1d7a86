using System.Numerics;

namespace Sockeye.Cli.Bench;

/// <summary>Remembers when the messages in flight were sent: one time for those that left together.</summary>
internal sealed class SendTimes(int depth)
{
    private readonly (long Time, int Count)[] _batches = new (long, int)[BitOperations.RoundUpToPowerOf2((uint)depth)];
    private int _first;
    private int _next;

    /// <summary>Takes down that messages are sent now.</summary>
    public void Add(long now, int count)
    {
        _batches[_next & (_batches.Length - 1)] = (now, count);
        _next++;
    }

    /// <summary>Counts how long the oldest messages took that have their replies now.</summary>
    public void Take(long now, int count, LatencyHistogram? latencies)
    {
        while (count > 0)
        {
            ref (long Time, int Count) batch = ref _batches[_first & (_batches.Length - 1)];
            int taken = Math.Min(count, batch.Count);
            latencies?.Record(now - batch.Time, taken);
            batch.Count -= taken;
            count -= taken;
            if (batch.Count == 0)
                _first++;
        }
    }
}
