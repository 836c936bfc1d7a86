using Sockeye.Cli.Bench;

namespace Sockeye.Interop.Tests;

/// <summary>The buckets that the verb bench counts its latencies in.</summary>
public sealed class LatencyHistogramTests
{
    [Fact]
    public void Buckets_are_exact_at_first_and_then_double_their_width_every_128()
    {
        for (int value = 0; value < 256; value++)
        {
            Assert.Equal(value, LatencyHistogram.IndexOf(value));
            Assert.Equal(value, LatencyHistogram.HighestOf(value));
        }

        (long Value, int Index, long Highest)[] bounds =
        [
            (256, 256, 257), (257, 256, 257), (258, 257, 259), (511, 383, 511), (512, 384, 515), (515, 384, 515), (516, 385, 519),
            (1023, 511, 1023), (1024, 512, 1031), (1_000_000, 1780, 1_003_519), (LatencyHistogram.Longest, 4479, LatencyHistogram.Longest),
        ];
        foreach ((long value, int index, long highest) in bounds)
        {
            Assert.Equal(index, LatencyHistogram.IndexOf(value));
            Assert.Equal(highest, LatencyHistogram.HighestOf(index));
        }
    }

    [Fact]
    public void Buckets_follow_each_other_without_a_gap_and_are_no_wider_than_a_128th()
    {
        long lowest = 0;
        for (int i = 0; i <= LatencyHistogram.IndexOf(LatencyHistogram.Longest); i++)
        {
            long highest = LatencyHistogram.HighestOf(i);
            Assert.Equal(i, LatencyHistogram.IndexOf(lowest));
            Assert.Equal(i, LatencyHistogram.IndexOf(highest));
            Assert.True((highest - lowest) * LatencyHistogram.SubBuckets <= lowest);
            lowest = highest + 1;
        }

        Assert.Equal(LatencyHistogram.Longest + 1, lowest);
    }

    [Fact]
    public void Percentile_is_the_end_of_the_bucket_where_that_many_have_been_counted()
    {
        var histogram = new LatencyHistogram();
        Assert.Equal(0, histogram.Percentile(0.5));
        for (int value = 1; value <= 100; value++)
            histogram.Record(value);
        Assert.Equal(1, histogram.Percentile(0));
        Assert.Equal(50, histogram.Percentile(0.5));
        Assert.Equal(51, histogram.Percentile(0.501));
        Assert.Equal(99, histogram.Percentile(0.99));
        Assert.Equal(100, histogram.Percentile(1));

        histogram.Record(1000, times: 100);
        Assert.Equal(200, histogram.Count);
        Assert.Equal(100, histogram.Percentile(0.5));
        Assert.Equal(1000, histogram.Percentile(0.505)); // its bucket ends at 1003: nothing was longer than the longest
        Assert.Equal(1000, histogram.Max);
    }

    [Fact]
    public void Record_takes_what_is_out_of_range_for_the_nearest_that_is_not()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(-5);
        histogram.Record(long.MaxValue);
        Assert.Equal(0, histogram.Percentile(0.5));
        Assert.Equal(LatencyHistogram.Longest, histogram.Percentile(1));
    }

    [Fact]
    public void Add_counts_what_the_other_has_counted_and_Clear_forgets_it()
    {
        var one = new LatencyHistogram();
        one.Record(10);
        var other = new LatencyHistogram();
        other.Record(30, times: 3);
        one.Add(other);
        Assert.Equal((4, 30, 10, 30), (one.Count, one.Max, one.Percentile(0.25), one.Percentile(0.26)));

        one.Clear();
        Assert.Equal((0, 0, 0), (one.Count, one.Max, one.Percentile(1)));
    }

    [Fact]
    public void SendTimes_gives_each_reply_the_time_of_its_own_message()
    {
        var times = new SendTimes(depth: 5);
        var latencies = new LatencyHistogram();
        times.Add(100, 3);
        times.Add(110, 2);
        times.Take(120, 2, latencies);
        Assert.Equal((2, 20, 20), (latencies.Count, latencies.Percentile(0), latencies.Max));
        times.Add(120, 2);
        times.Take(130, 4, latencies); // the last one of the first batch, both of the second, one of the third
        Assert.Equal(6, latencies.Count);
        Assert.Equal(10, latencies.Percentile(1 / 6.0));
        Assert.Equal(20, latencies.Percentile(5 / 6.0));
        Assert.Equal(30, latencies.Max);
        times.Take(125, 1, latencies);
        Assert.Equal(5, latencies.Percentile(0));
    }
}
