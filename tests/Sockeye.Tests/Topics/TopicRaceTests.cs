using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Topics;

/// <summary>Publishers, subscribers and ends, all at the same time.</summary>
[Trait("Category", "Repeated")]
public sealed class TopicRaceTests
{
    private const int Publishers = 4;

    [Theory]
    [InlineData(SlowConsumerPolicy.Close)]
    [InlineData(SlowConsumerPolicy.Wait)]
    public async Task Every_subscriber_gets_what_each_publisher_publishes_at_all_topics_in_its_order(SlowConsumerPolicy policy)
    {
        int rounds = Repeat.Times(ordinary: 300, full: 20_000);
        string[] topics = ["a", "b", "c", "d", "e"];
        // Small: some of it waits in a backlog, whenever the reader is behind.
        List<RawPeer> peers = [.. Enumerable.Range(1, 4).Select(i => RawPeer.Open(
            configure: options => options with { HighWaterMark = 100 * i, LowWaterMark = 50 * i, IdleTimeout = TimeSpan.Zero }, capacity: 200))];
        using var hub = new TopicHub(new() { SlowConsumer = policy, MaxBacklogBytes = policy == SlowConsumerPolicy.Wait ? 100_000 : int.MaxValue });
        foreach (RawPeer peer in peers)
        {
            foreach (string topic in topics)
                hub.Subscribe(peer.Connection, topic);
        }

        Task[] reading = [.. peers.Select(ReadAsync)];
        Task[] publishing = [.. Enumerable.Range(0, Publishers).Select(publisher => Task.Run(() => PublishAsync(publisher)))];
        await Task.WhenAll(publishing).WaitAsync(TimeSpan.FromMinutes(5));
        await Task.WhenAll(reading).WaitAsync(TimeSpan.FromMinutes(5));
        await Settle.UntilAsync(() => hub.Counts is { Slow: 0, BacklogBytes: 0 });
        TopicHubCounts counts = hub.Counts;
        Assert.Equal((0, 0, 0), (counts.Closed, counts.Expired, counts.Abandoned));
        Assert.Equal((long)Publishers * rounds * peers.Count, counts.Accepted + counts.Queued);
        hub.Dispose();
        foreach (RawPeer peer in peers)
            await peer.DisposeAsync();

        async Task PublishAsync(int publisher)
        {
            for (int round = 0; round < rounds; round++)
                await hub.PublishTextAsync(topics[(round + publisher) % topics.Length], $"{publisher} {round}");
        }

        async Task ReadAsync(RawPeer peer)
        {
            int[] next = new int[Publishers];
            for (int i = 0; i < Publishers * rounds; i++)
            {
                string[] parts = (await peer.ReadMessageAsync()).Text.Split(' ');
                Assert.Equal($"{next[parts[0][0] - '0']++}", parts[1]);
            }
        }
    }

    [Fact]
    public async Task Subscriptions_and_connections_come_and_go_while_others_publish()
    {
        int rounds = Repeat.Times(ordinary: 100, full: 10_000);
        await using RawPeer steady = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.DropOldest, MaxBacklogBytes = 2000 });
        hub.Subscribe(steady.Connection, "t");
        int published = 0;
        bool isOver = false;
        Task publishing = Task.Run(async () =>
        {
            while (!Volatile.Read(ref isOver))
            {
                // The steady one reads at once: whatever becomes of the others, it gets each message.
                int number = published % 10_000;
                Assert.InRange(hub.Publish(number).Accepted, 1, 2);
                await steady.AssertReadsAsync([number]);
                Volatile.Write(ref published, published + 1);
            }
        });

        for (int round = 0; round < rounds; round++)
        {
            RawPeer slow = round % 2 == 0 ? TopicPeers.OpenFast() : await TopicPeers.OpenSlowAsync();
            TopicSubscription subscription = hub.Subscribe(slow.Connection, "t");
            hub.Subscribe(slow.Connection, "u");
            int before = Volatile.Read(ref published);
            await Settle.UntilAsync(() => Volatile.Read(ref published) > before + (round % 4 * 5));
            if (round % 3 == 0)
                await Task.WhenAll(Task.Run(subscription.Dispose), Task.Run(slow.Connection.Abort));
            else if (round % 3 == 1)
                await Task.WhenAll(Task.Run(() => hub.UnsubscribeAll(slow.Connection)), Task.Run(() => hub.Subscribe(slow.Connection, "t")));
            slow.Connection.Abort();
            await Settle.UntilAsync(() => hub.Counts is { Subscriptions: 1, Topics: 1, Slow: 0, BacklogBytes: 0 });
            Assert.False(subscription.IsActive);
        }

        Volatile.Write(ref isOver, true);
        await publishing.WaitAsync(TimeSpan.FromMinutes(1));
    }
}
