using Sockeye.Protocol;
using Sockeye.Tests.Compression;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Topics;

/// <summary>What becomes of a subscriber that reads more slowly than is published, policy by policy; and that nobody else notices.</summary>
public sealed class SlowConsumerTests
{
    private const int Bound = 3 * TopicPeers.Cost;

    private static readonly TimeSpan Age = TopicHubOptions.Default.MaxBacklogAge;

    [Theory]
    [InlineData(SlowConsumerPolicy.DropNewest, new[] { 9, 10, 11 })]
    [InlineData(SlowConsumerPolicy.DropOldest, new[] { 17, 18, 19 })]
    [InlineData(SlowConsumerPolicy.Conflate, new[] { 17, 18, 19 })]
    public async Task Backlog_keeps_what_the_policy_says_and_goes_when_there_is_room(SlowConsumerPolicy policy, int[] kept)
    {
        const int Messages = 20;
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        await using RawPeer fast = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { SlowConsumer = policy, MaxBacklogBytes = Bound });
        hub.Subscribe(slow.Connection, "t");
        hub.Subscribe(fast.Connection, "t");

        for (int i = 0; i < Messages; i++)
        {
            bool isQueued = i >= TopicPeers.Room && (policy != SlowConsumerPolicy.DropNewest || i < TopicPeers.Room + 3);
            bool isDropped = i >= TopicPeers.Room && !isQueued;
            Assert.Equal(new PublishResult(isQueued || isDropped ? 1 : 2, isQueued ? 1 : 0, isDropped ? 1 : 0), hub.Publish(i));
            await fast.AssertReadsAsync([i]);
        }

        TopicHubCounts counts = hub.Counts;
        const int Dropped = Messages - TopicPeers.Room - 3;
        Assert.Equal((1, Bound), (counts.Slow, (int)counts.BacklogBytes));
        Assert.Equal(policy == SlowConsumerPolicy.DropNewest ? Dropped : 0, counts.DroppedNewest);
        Assert.Equal(policy == SlowConsumerPolicy.DropNewest ? 0 : Dropped, counts.DroppedOldest);
        Assert.Equal(Messages + TopicPeers.Room, counts.Accepted);

        await slow.ReleaseAsync();
        await slow.AssertReadsAsync([.. Enumerable.Range(0, TopicPeers.Room), .. kept]);
        await Settle.UntilAsync(() => hub.Counts is { Slow: 0, BacklogBytes: 0 });
        Assert.Equal(new PublishResult(2, 0, 0), hub.Publish(Messages));
        await slow.AssertReadsAsync([Messages]);
    }

    [Fact]
    public async Task Conflated_message_takes_the_place_of_the_one_with_its_key_and_topic()
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.Conflate, MaxBacklogBytes = 10 * TopicPeers.KeyedCost });
        hub.Subscribe(slow.Connection, "t");
        hub.Subscribe(slow.Connection, "other");
        hub.Fill();
        hub.Publish(10, "a");
        hub.Publish(11, "b");
        hub.Publish(12);
        hub.Publish(13, "a");
        hub.Publish(14);
        await hub.PublishAsync("other", TopicPeers.Message(15), key: "a");
        hub.Publish(16, "a");

        Assert.Equal((2, 5 + 2), (hub.Counts.Conflated, hub.Counts.Queued + hub.Counts.Conflated));
        await slow.ReleaseAsync();
        await slow.ReadNumbersAsync(TopicPeers.Room);
        await slow.AssertReadsAsync([16, 11, 12, 14, 15]);
    }

    [Fact]
    public async Task Keys_that_find_no_room_drop_what_waits_longest()
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.Conflate, MaxBacklogBytes = 3 * TopicPeers.KeyedCost });
        hub.Subscribe(slow.Connection, "t");
        hub.Fill();
        for (int i = 0; i < 100; i++)
        {
            hub.Publish(i, $"{i % 5}");
            Assert.InRange(hub.Counts.BacklogBytes, 1, 3 * TopicPeers.KeyedCost);
        }

        await slow.ReleaseAsync();
        await slow.ReadNumbersAsync(TopicPeers.Room);
        await slow.AssertReadsAsync([97, 98, 99]);
    }

    [Theory]
    [InlineData(SlowConsumerPolicy.DropNewest)]
    [InlineData(SlowConsumerPolicy.DropOldest)]
    [InlineData(SlowConsumerPolicy.Conflate)]
    public async Task Message_that_has_waited_too_long_is_dropped_although_nothing_is_published(SlowConsumerPolicy policy)
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = policy });
        hub.Subscribe(slow.Connection, "t");
        hub.Fill();
        Assert.Equal(1, hub.Publish(10, "a").Queued);
        Assert.Equal(1, hub.Publish(11, "b").Queued);
        slow.Time.Advance(Age / 2);
        Assert.Equal(1, hub.Publish(12, "a").Queued);
        slow.Time.Advance(Age / 2);

        Assert.Equal(policy == SlowConsumerPolicy.Conflate ? 1 : 2, hub.Counts.Expired);
        Assert.Equal(1, hub.Counts.Slow);
        await slow.ReleaseAsync();
        await slow.ReadNumbersAsync(TopicPeers.Room);
        await slow.AssertReadsAsync([12]);
        await Settle.UntilAsync(() => hub.Counts.Slow == 0);
    }

    [Fact]
    public async Task Backlog_of_which_everything_is_too_old_goes()
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.DropOldest });
        hub.Subscribe(slow.Connection, "t");
        hub.Fill();
        hub.Publish(10);
        slow.Time.Advance(Age);
        Assert.Equal((0, 0, 1), (hub.Counts.Slow, hub.Counts.BacklogBytes, hub.Counts.Expired));
        Assert.Equal(1, hub.Publish(11).Queued);
        await slow.ReleaseAsync();
        await slow.AssertReadsAsync([.. Enumerable.Range(0, TopicPeers.Room), 11]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Close_closes_at_the_bound_in_bytes_or_age_behind_what_was_accepted(bool isAge)
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        await using RawPeer fast = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { MaxBacklogBytes = Bound, CloseCode = (CloseCode)4008, CloseReason = "too slow" });
        TopicSubscription subscription = hub.Subscribe(slow.Connection, "t");
        hub.Subscribe(fast.Connection, "t");
        hub.Fill();
        for (int i = 0; i < 3; i++)
            Assert.Equal(new PublishResult(1, 1, 0), hub.Publish(i));
        if (isAge)
            slow.Time.Advance(Age);
        else
            Assert.Equal(new PublishResult(1, 0, 1), hub.Publish(3));

        await Settle.UntilAsync(() => !slow.Connection.IsOpen);
        Assert.Equal(new PublishResult(1, 0, 0), hub.Publish(4));
        Assert.Equal((1, 3, 0), (hub.Counts.Closed, hub.Counts.Abandoned, hub.Counts.Slow));
        await slow.ReleaseAsync();
        await slow.AssertReadsAsync([.. Enumerable.Range(0, TopicPeers.Room)]);
        ReceivedFrame close = (await slow.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 4008, "too slow"), (close.Opcode, close.CloseCode, close.CloseReason));
        await slow.SendAsync(slow.CloseFrame((CloseCode)4008));
        await slow.Transport.ShutdownAsync();
        CloseResult result = await slow.Connection.Closed.Soon();
        Assert.Equal((CloseCause.SlowConsumer, (CloseCode)4008), (result.Cause, result.Code));
        await Settle.UntilAsync(() => !subscription.IsActive);
        Assert.Equal(1, hub.CountSubscribers("t"));
    }

    [Fact]
    public async Task Publisher_waits_until_the_backlog_is_within_its_bound_and_nothing_is_lost()
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        await using RawPeer fast = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.Wait, MaxBacklogBytes = Bound });
        hub.Subscribe(slow.Connection, "t");
        hub.Subscribe(fast.Connection, "t");
        const int Fitting = TopicPeers.Room + 3;
        for (int i = 0; i < Fitting; i++)
            hub.Publish(i);
        Task<PublishResult> waiting = hub.PublishAsync("t", TopicPeers.Message(Fitting)).AsTask();
        using var cancel = new CancellationTokenSource();
        Task<PublishResult> cancelled = hub.PublishAsync("t", TopicPeers.Message(Fitting + 1), cancellationToken: cancel.Token).AsTask();

        // The others have it already.
        await fast.AssertReadsAsync([.. Enumerable.Range(0, Fitting + 2)]);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.Soon());
        Assert.False(waiting.IsCompleted);
        Assert.Equal(2, hub.Counts.Waited);

        await slow.ReleaseAsync();
        Assert.Equal(new PublishResult(1, 1, 0), await waiting.Soon());
        await slow.AssertReadsAsync([.. Enumerable.Range(0, Fitting + 2)]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nobody_waits_for_longer_than_the_age_nor_beyond_twice_the_bound(bool isAge)
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.Wait, MaxBacklogBytes = Bound });
        hub.Subscribe(slow.Connection, "t");
        hub.Fill();
        for (int i = 0; i < 3; i++)
            hub.Publish(i);
        List<Task<PublishResult>> waiting = [];
        for (int i = 0; i < 3; i++)
            waiting.Add(hub.PublishAsync("t", TopicPeers.Message(i)).AsTask());
        Assert.DoesNotContain(waiting, task => task.IsCompleted);
        if (isAge)
            slow.Time.Advance(Age);
        else
            Assert.Equal(new PublishResult(0, 0, 1), hub.Publish(99));

        Assert.All(await Task.WhenAll(waiting).Soon(), result => Assert.Equal(new PublishResult(0, 1, 0), result));
        await Settle.UntilAsync(() => !slow.Connection.IsOpen);
        Assert.Equal((1, 6), (hub.Counts.Closed, hub.Counts.Abandoned));
    }

    [Fact]
    public async Task Bound_of_nothing_lets_one_publisher_wait_and_closes_at_the_second()
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.Wait, MaxBacklogBytes = 0 });
        hub.Subscribe(slow.Connection, "t");
        hub.Fill();
        Task<PublishResult> waiting = hub.PublishAsync("t", TopicPeers.Message(9)).AsTask();
        Assert.False(waiting.IsCompleted);
        Assert.Equal(new PublishResult(0, 0, 1), hub.Publish(10));
        Assert.Equal(new PublishResult(0, 1, 0), await waiting.Soon());
        await Settle.UntilAsync(() => !slow.Connection.IsOpen);
    }

    // On a thread of the pool an exception would end the process.
    [Fact]
    public async Task Cut_whose_Close_frame_cannot_be_masked_ends_its_own_connection_alone()
    {
        bool fails = false;
        await using RawPeer slow = await GatedPeer.OpenHeldAsync(Role.Client, options => options with
        {
            HighWaterMark = 1000,
            LowWaterMark = 100,
            IdleTimeout = TimeSpan.Zero,
            MaskSource = key => key.Fill(fails ? throw new InvalidOperationException("No randomness.") : (byte)7),
        });
        using var hub = new TopicHub(new() { MaxBacklogBytes = 0 });
        hub.Subscribe(slow.Connection, "t");
        while (slow.Connection.BufferedBytes <= 900)
            Assert.Equal(new PublishResult(1, 0, 0), hub.Publish(1));
        fails = true;
        Assert.Equal(new PublishResult(0, 0, 1), hub.Publish(1));

        await Settle.UntilAsync(() => !slow.Connection.IsOpen);
        slow.Time.Advance(WebSocketConnectionOptions.Default.CloseTimeout);
        CloseResult end = await slow.Connection.Closed.Soon();
        Assert.Equal((CloseCause.SlowConsumer, null), (end.Cause, end.SentCode));
        Assert.IsType<InvalidOperationException>(end.Exception);
    }

    [Fact]
    public async Task Backlog_goes_with_the_last_subscription_and_with_the_connection()
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.DropOldest });
        TopicSubscription one = hub.Subscribe(slow.Connection, "t");
        TopicSubscription other = hub.Subscribe(slow.Connection, "u");
        hub.Fill();
        hub.Publish(10);
        one.Dispose();
        Assert.Equal((1, 0), (hub.Counts.Slow, hub.Counts.Abandoned)); // it was published while there was one
        other.Dispose();
        Assert.Equal((0, 0, 1), (hub.Counts.Slow, hub.Counts.BacklogBytes, hub.Counts.Abandoned));

        hub.Subscribe(slow.Connection, "t");
        Assert.Equal(1, hub.Publish(11).Queued);
        slow.Connection.Abort();
        await Settle.UntilAsync(() => hub.Counts is { Slow: 0, Abandoned: 2, Subscriptions: 0, Topics: 0 });
    }

    [Theory]
    [InlineData(SlowConsumerPolicy.DropNewest, 10)]
    [InlineData(SlowConsumerPolicy.DropOldest, 12)]
    [InlineData(SlowConsumerPolicy.Conflate, 12)]
    public async Task One_message_may_exceed_the_bound_unless_nothing_may_wait(SlowConsumerPolicy policy, int kept)
    {
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var nothing = new TopicHub(new() { SlowConsumer = policy, MaxBacklogBytes = 0 });
        using (nothing.Subscribe(slow.Connection, "t"))
        {
            nothing.Fill();
            Assert.Equal(new PublishResult(0, 0, 1), nothing.Publish(9));
            Assert.Equal((0, 1), (nothing.Counts.Slow, nothing.Counts.DroppedNewest));
        }

        using var hub = new TopicHub(new() { SlowConsumer = policy, MaxBacklogBytes = 1 });
        hub.Subscribe(slow.Connection, "t");
        for (int i = 10; i < 13; i++)
            hub.Publish(i, key: "a");
        await slow.ReleaseAsync();
        await slow.AssertReadsAsync([.. Enumerable.Range(0, TopicPeers.Room), kept]);
        await Settle.UntilAsync(() => hub.Counts.Slow == 0);
    }

    [Theory]
    [InlineData(Role.Server, 40_000)]
    [InlineData(Role.Server, 2_000_000)]
    [InlineData(Role.Client, 100)]
    [InlineData(Role.Client, 40_000)]
    public async Task Large_and_masked_messages_wait_and_leave_as_others_do(Role role, int length)
    {
        await using RawPeer slow = await GatedPeer.OpenHeldAsync(role, options => options with { HighWaterMark = 1, LowWaterMark = 0 });
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.DropOldest, MaxBacklogBytes = int.MaxValue });
        hub.Subscribe(slow.Connection, "t");
        byte[][] payloads = [.. Enumerable.Range(0, 4).Select(i => GatedPeer.Bytes(length, i))];
        foreach (byte[] payload in payloads)
            Assert.Equal(new PublishResult(0, 1, 0), await hub.PublishAsync("t", new PreparedMessage(payload)));

        await slow.ReleaseAsync();
        foreach (byte[] payload in payloads)
            Assert.Equal(payload, (await slow.ReadMessageAsync()).Payload);
        await Settle.UntilAsync(() => hub.Counts.Slow == 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Compressed_messages_leave_a_backlog_between_others_that_keep_a_context(bool keepsContext)
    {
        await using RawPeer slow = DeflatedPeer.Open(
            Role.Server, keepsContext, options => options with { Threshold = 0 }, connection: options => options with { HighWaterMark = 1, LowWaterMark = 0 }, wrap: true);
        slow.Gate().Hold();
        _ = slow.Connection.SendTextAsync("held");
        await slow.Gate().WriteAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.DropOldest });
        hub.Subscribe(slow.Connection, "t");
        for (int i = 0; i < 5; i++)
            Assert.Equal(1, (await hub.PublishTextAsync("t", DeflatedPeer.Text(300, i))).Queued);
        _ = slow.Connection.SendTextAsync(DeflatedPeer.Text(300, 0));
        slow.Gate().Release();
        await Settle.UntilAsync(() => hub.Counts.Slow == 0);
        _ = slow.Connection.SendTextAsync(DeflatedPeer.Text(300, 0));

        var inflater = new PeerInflater(keepsContext);
        List<string> received = [];
        while (received.Count < 8)
        {
            (ReceivedFrame message, bool isCompressed) = await DeflatedPeer.ReadAsync(slow, inflater);
            Assert.True(isCompressed);
            received.Add(message.Text);
        }

        string[] own = ["held", DeflatedPeer.Text(300, 0)];
        Assert.Equal([.. own, .. Enumerable.Range(0, 5).Select(i => DeflatedPeer.Text(300, i)), own[1]], received);
    }
}
