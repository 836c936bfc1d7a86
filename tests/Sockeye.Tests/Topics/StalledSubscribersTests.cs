using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Topics;

/// <summary>Row V36 of the attack catalogue: a tenth of the subscribers stops reading during a broadcast at 100 messages a second.</summary>
/// <remarks>Seconds are those of a manual clock; the bytes and the messages are real.</remarks>
[Collection(nameof(WholeProcess))]
public sealed class StalledSubscribersTests
{
    private const int Messages = 700;
    private const int StallAt = 100;
    private const int Keys = 10;

    // What is published while the readers of others are behind, which take their turns on the same pool.
    private const int Ahead = 16;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.01);

    public static TheoryData<SlowConsumerPolicy> Policies => [.. Enum.GetValues<SlowConsumerPolicy>()];

    [Theory]
    [MemberData(nameof(Policies))]
    public Task V36_Stalled_tenth_of_300_subscribers_costs_the_others_nothing(SlowConsumerPolicy policy) => StallAsync(policy, 300);

    [Theory]
    [MemberData(nameof(Policies))]
    [Trait("Category", "Full")]
    public Task V36_Stalled_1000_of_10000_subscribers_cost_the_others_nothing(SlowConsumerPolicy policy) => StallAsync(policy, 10_000);

    private static async Task StallAsync(SlowConsumerPolicy policy, int subscribers)
    {
        int stalled = subscribers / 10;
        int steady = subscribers - stalled;
        var time = new ManualTimeProvider();
        var pool = new CountingPool(trace: false);
        var connection = new WebSocketConnectionOptions { TimeProvider = time, Buffers = new BufferPool(pool), IdleTimeout = TimeSpan.Zero };
        // 2 s for a policy that counts on the age: the bound in bytes is reached later.
        var options = new TopicHubOptions
        {
            SlowConsumer = policy,
            MaxBacklogBytes = 128 * 1024,
            MaxBacklogAge = policy == SlowConsumerPolicy.Wait ? TimeSpan.FromSeconds(2) : TimeSpan.FromSeconds(10),
        };
        using var hub = new TopicHub(options);
        SubscriberTransport[] transports = [.. Enumerable.Range(0, subscribers).Select(_ => new SubscriberTransport())];
        WebSocketConnection[] connections =
            [.. transports.Select(transport => new WebSocketConnection(transport, Role.Server, connection, ConnectionDetails.None, []))];
        foreach (WebSocketConnection each in connections)
        {
            each.Start();
            hub.Subscribe(each, "t");
        }

        long heap = GC.GetTotalMemory(forceFullCollection: true);
        long bound = (long)stalled * options.MaxBacklogBytes;
        for (int i = 0; i < Messages; i++)
        {
            if (i == StallAt)
            {
                foreach (SubscriberTransport transport in transports.AsSpan(0, stalled))
                    transport.Stall();
            }

            Task<PublishResult> publishing = hub
                .PublishAsync("t", new PreparedMessage($"{i} ".PadRight(1024)), key: $"{i % Keys}").AsTask();
            time.Advance(Interval);
            while (!publishing.IsCompleted)
            {
                time.Advance(Interval);
                await Task.Yield();
            }

            PublishResult result = await publishing;
            // What was closed for being slow is no subscriber any more, sooner or later.
            Assert.InRange(result.Accepted, steady, subscribers);
            Assert.InRange(result.Accepted + result.Queued + result.Dropped, steady, subscribers);
            TopicHubCounts counts = hub.Counts;
            // Wait takes one message beyond the bound before its publisher waits.
            Assert.InRange(counts.BacklogBytes, 0, bound + (policy == SlowConsumerPolicy.Wait ? stalled * 2048L : 0));
            Assert.InRange(counts.Slow, 0, stalled);
            int read = i - Ahead;
            await Settle.UntilAsync(() => transports.AsSpan(stalled).IndexOfAnyBehind(read) < 0);
        }

        // In memory, each message waits once, however many wait for it; and what connections hold is theirs to hold.
        Assert.InRange(pool.PeakBytes, 0, (long)stalled * connection.HighWaterMark);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - heap, long.MinValue, bound + ((long)stalled * connection.HighWaterMark) + (100L << 20));
        await Settle.UntilAsync(() => transports.AsSpan(stalled).IndexOfAnyBehind(Messages) < 0);
        foreach (SubscriberTransport transport in transports.AsSpan(stalled))
            Assert.Equal(Enumerable.Range(0, Messages), transport.Numbers);
        foreach (SubscriberTransport transport in transports.AsSpan(0, stalled))
            transport.Resume();

        if (policy is SlowConsumerPolicy.Close or SlowConsumerPolicy.Wait)
            await AssertClosedAsync();
        else
            await AssertTreatedAsync();

        hub.Dispose();
        foreach (WebSocketConnection each in connections)
            each.Abort();
        await Settle.UntilAsync(() => pool.Outstanding == 0);

        async Task AssertClosedAsync()
        {
            Assert.Equal(stalled, hub.Counts.Closed);
            await Settle.UntilAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(250));
                return connections.Take(stalled).All(each => each.Closed.IsCompleted);
            });
            foreach (WebSocketConnection each in connections.Take(stalled))
                Assert.Equal(CloseCause.SlowConsumer, (await each.Closed).Cause);
            await Settle.UntilAsync(() => hub.CountSubscribers("t") == steady);
            foreach (SubscriberTransport transport in transports.AsSpan(0, stalled))
                Assert.Equal(Enumerable.Range(0, transport.Count), transport.Numbers);
        }

        async Task AssertTreatedAsync()
        {
            await Settle.UntilAsync(() => hub.Counts is { Slow: 0, BacklogBytes: 0 });
            // One that has resumed may still be writing what it had accepted.
            PublishResult last = await hub.PublishTextAsync("t", $"{Messages} ");
            Assert.Equal((subscribers, 0), (last.Accepted + last.Queued, last.Dropped));
            await Settle.UntilAsync(() => transports.AsSpan().IndexOfAnyWithout(Messages) < 0);
            TopicHubCounts counts = hub.Counts;
            Assert.Equal(0, counts.Closed);
            Assert.Equal(policy != SlowConsumerPolicy.DropNewest, counts.DroppedNewest == 0);
            Assert.Equal(policy == SlowConsumerPolicy.DropOldest, counts.DroppedOldest > 0);
            Assert.Equal(policy == SlowConsumerPolicy.Conflate, counts.Conflated > 0);
            foreach (SubscriberTransport transport in transports.AsSpan(0, stalled))
                AssertKept(transport.Numbers);
        }

        void AssertKept(IReadOnlyList<int> numbers)
        {
            int[] waited = [.. numbers.SkipWhile((number, i) => number == i)];
            int before = numbers.Count - waited.Length;
            Assert.InRange(before, StallAt, Messages);
            switch (policy)
            {
                case SlowConsumerPolicy.DropNewest:
                    Assert.Equal([Messages], waited);
                    break;
                case SlowConsumerPolicy.DropOldest:
                    Assert.Equal(Enumerable.Range(Messages + 1 - waited.Length, waited.Length), waited);
                    Assert.InRange(waited.Length, 2, Messages - before);
                    break;
                default:
                    Assert.Equal([.. Enumerable.Range(Messages - Keys, Keys + 1)], waited.Order());
                    break;
            }
        }
    }
}

/// <summary>Looks for subscribers that are behind.</summary>
file static class Subscribers
{
    public static int IndexOfAnyBehind(this Span<SubscriberTransport> transports, int count)
    {
        for (int i = 0; i < transports.Length; i++)
        {
            if (transports[i].Count < count)
                return i;
        }

        return -1;
    }

    public static int IndexOfAnyWithout(this Span<SubscriberTransport> transports, int last)
    {
        for (int i = 0; i < transports.Length; i++)
        {
            if (transports[i].Numbers is not [.., var number] || number != last)
                return i;
        }

        return -1;
    }
}
