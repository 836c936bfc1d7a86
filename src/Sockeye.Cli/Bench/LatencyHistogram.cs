using System.Numerics;

namespace Sockeye.Cli.Bench;

/// <summary>Counts durations in buckets of fixed memory: exact below 2 × <see cref="SubBuckets"/> nanoseconds, within
/// 1/<see cref="SubBuckets"/> above, up to 36 minutes.</summary>
internal sealed class LatencyHistogram
{
    /// <summary>How many buckets each doubling is divided into.</summary>
    public const int SubBuckets = 1 << SubBucketBits;

    /// <summary>The longest duration that is told from longer ones, in nanoseconds.</summary>
    public const long Longest = (1L << 41) - 1;

    private const int SubBucketBits = 7;

    private readonly long[] _counts = new long[IndexOf(Longest) + 1];

    public long Count { get; private set; }

    public long Max { get; private set; }

    /// <summary>Counts a duration.</summary>
    /// <param name="nanoseconds">The duration; what is out of range counts as the nearest that is not.</param>
    /// <param name="times">How often it was met.</param>
    public void Record(long nanoseconds, int times = 1)
    {
        nanoseconds = Math.Clamp(nanoseconds, 0, Longest);
        _counts[IndexOf(nanoseconds)] += times;
        Count += times;
        if (nanoseconds > Max)
            Max = nanoseconds;
    }

    /// <summary>Counts what another one has counted.</summary>
    public void Add(LatencyHistogram other)
    {
        for (int i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        Max = 0;
    }

    /// <summary>Gets the duration that a share of all durations does not exceed, rounded up to the end of its bucket.</summary>
    /// <param name="share">0 to 1.</param>
    /// <returns>Nanoseconds; 0 where nothing was counted.</returns>
    public long Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= rank)
                return Math.Min(HighestOf(i), Max);
        }

        return 0;
    }

    /// <summary>Gets the bucket of a duration.</summary>
    public static int IndexOf(long nanoseconds)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)nanoseconds) - SubBucketBits);
        return (shift << SubBucketBits) + (int)(nanoseconds >> shift);
    }

    /// <summary>Gets the longest duration that belongs to a bucket.</summary>
    public static long HighestOf(int index)
    {
        int shift = Math.Max(0, (index >> SubBucketBits) - 1);
        return ((index - ((long)shift << SubBucketBits) + 1) << shift) - 1;
    }
}
