using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Topics;

/// <summary>Who gets what is published, and when that ends.</summary>
public sealed class TopicHubTests
{
    [Fact]
    public async Task Publication_reaches_the_subscribers_of_its_topic_but_the_one_left_out()
    {
        await using RawPeer one = TopicPeers.OpenFast();
        await using RawPeer two = TopicPeers.OpenFast();
        await using RawPeer other = TopicPeers.OpenFast();
        using var hub = new TopicHub();
        hub.Subscribe(one.Connection, "t");
        hub.Subscribe(two.Connection, "t");
        hub.Subscribe(other.Connection, "u");

        Assert.Equal(new PublishResult(1, 0, 0), await hub.PublishTextAsync("t", "to two", except: one.Connection));
        Assert.Equal(new PublishResult(2, 0, 0), await hub.PublishTextAsync("t", "to both"));
        Assert.Equal(new PublishResult(1, 0, 0), await hub.PublishTextAsync("u", "to other"));
        Assert.Equal(default, await hub.PublishTextAsync("nobody", "to nobody"));

        Assert.Equal("to both", (await one.ReadFrameAsync())!.Text);
        Assert.Equal("to two", (await two.ReadFrameAsync())!.Text);
        Assert.Equal("to both", (await two.ReadFrameAsync())!.Text);
        Assert.Equal("to other", (await other.ReadFrameAsync())!.Text);
        Assert.Equal(new TopicHubCounts { Topics = 2, Subscriptions = 3, Published = 3, Accepted = 4 }, hub.Counts);
    }

    [Fact]
    public async Task Subscription_ends_when_it_is_disposed_or_taken_back_or_with_its_connection()
    {
        await using RawPeer peer = TopicPeers.OpenFast();
        await using RawPeer other = TopicPeers.OpenFast();
        using var hub = new TopicHub();
        TopicSubscription a = hub.Subscribe(peer.Connection, "a");
        TopicSubscription b = hub.Subscribe(peer.Connection, "b");
        TopicSubscription c = hub.Subscribe(peer.Connection, "c");
        hub.Subscribe(other.Connection, "a");
        Assert.Same(a, hub.Subscribe(peer.Connection, "a"));
        Assert.Equal(("a", peer.Connection, true), (a.Topic, a.Connection, a.IsActive));
        Assert.Equal(2, hub.CountSubscribers("a"));

        a.Dispose();
        a.Dispose();
        Assert.Equal(1, hub.CountSubscribers("a"));
        Assert.True(hub.Unsubscribe(peer.Connection, "b"));
        Assert.False(hub.Unsubscribe(peer.Connection, "b"));
        Assert.False(hub.Unsubscribe(peer.Connection, "never"));
        Assert.Equal((false, false, true), (a.IsActive, b.IsActive, c.IsActive));
        Assert.NotSame(a, hub.Subscribe(peer.Connection, "a"));
        hub.UnsubscribeAll(peer.Connection);
        hub.UnsubscribeAll(peer.Connection);
        Assert.Equal((1, 1), (hub.Counts.Topics, hub.Counts.Subscriptions));
        c = hub.Subscribe(peer.Connection, "c");

        peer.Connection.Abort();
        await Settle.UntilAsync(() => !c.IsActive);
        Assert.Equal((1, 1), (hub.Counts.Topics, hub.Counts.Subscriptions));
        TopicSubscription late = hub.Subscribe(peer.Connection, "a");
        Assert.Equal((false, "a", peer.Connection), (late.IsActive, late.Topic, late.Connection));
        late.Dispose();
        Assert.False(hub.Unsubscribe(peer.Connection, "a"));
        Assert.Equal(new PublishResult(1, 0, 0), await hub.PublishTextAsync("a", "still"));
    }

    [Fact]
    public async Task Many_subscriptions_come_and_go_in_any_order()
    {
        const int Count = 200;
        List<RawPeer> peers = [.. Enumerable.Range(0, Count).Select(_ => TopicPeers.OpenFast())];
        using var hub = new TopicHub();
        TopicSubscription[] subscriptions = [.. peers.Select(peer => hub.Subscribe(peer.Connection, "t"))];
        new Random(Count).Shuffle(subscriptions);
        for (int gone = 0; gone < Count; gone++)
        {
            PublishResult result = await hub.PublishTextAsync("t", $"{gone}");
            Assert.Equal(new PublishResult(Count - gone, 0, 0), result);
            subscriptions[gone].Dispose();
        }

        for (int gone = 0; gone < Count; gone++)
        {
            RawPeer peer = peers.Single(peer => peer.Connection == subscriptions[gone].Connection);
            for (int i = 0; i <= gone; i++)
                Assert.Equal($"{i}", (await peer.ReadFrameAsync())!.Text);
            await peer.DisposeAsync();
        }

        Assert.Equal((0, 0), (hub.Counts.Topics, hub.Counts.Subscriptions));
    }

    [Fact]
    public async Task Disposed_hub_ends_its_subscriptions_and_leaves_the_connections_open()
    {
        await using RawPeer peer = TopicPeers.OpenFast();
        var hub = new TopicHub();
        TopicSubscription[] subscriptions = [hub.Subscribe(peer.Connection, "a"), hub.Subscribe(peer.Connection, "b")];
        await hub.PublishTextAsync("a", "before");
        hub.Dispose();
        hub.Dispose();
        Assert.DoesNotContain(subscriptions, subscription => subscription.IsActive);
        Assert.Throws<ObjectDisposedException>(() => hub.Subscribe(peer.Connection, "a"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => hub.PublishTextAsync("a", "after").AsTask());
        Assert.Equal("before", (await peer.ReadFrameAsync())!.Text);
        Assert.True(peer.Connection.IsOpen);
        await Settle.UntilAsync(() => peer.Pool.Outstanding == 0);
    }

    [Fact]
    public async Task Two_hubs_know_a_connection_each_for_itself()
    {
        await using RawPeer peer = TopicPeers.OpenFast();
        using var one = new TopicHub();
        using var two = new TopicHub();
        one.Subscribe(peer.Connection, "t");
        TopicSubscription other = two.Subscribe(peer.Connection, "t");
        other.Dispose();
        Assert.Equal((1, 0), (one.CountSubscribers("t"), two.CountSubscribers("t")));
        two.Subscribe(peer.Connection, "t");
        peer.Connection.Abort();
        await Settle.UntilAsync(() => one.CountSubscribers("t") + two.CountSubscribers("t") == 0);
    }

    [Fact]
    public async Task Message_that_was_received_is_passed_on_as_it_is()
    {
        await using RawPeer from = TopicPeers.OpenFast();
        await using RawPeer to = TopicPeers.OpenFast();
        using var hub = new TopicHub();
        hub.Subscribe(from.Connection, "t");
        hub.Subscribe(to.Connection, "t");
        foreach (Opcode opcode in (Opcode[])[Opcode.Text, Opcode.Binary])
        {
            await from.SendAsync(from.Frame(opcode, "as it is"u8));
            WebSocketMessage message = await from.Connection.ReceiveAsync().Soon();
            Assert.Equal(new PublishResult(1, 0, 0), await hub.PublishAsync("t", message, except: from.Connection));
            ReceivedFrame frame = (await to.ReadFrameAsync())!;
            Assert.Equal((opcode, "as it is"), (frame.Opcode, frame.Text));
        }

        WebSocketMessage stale = default;
        await from.SendAsync(from.TextFrame("1"), from.TextFrame("2"));
        stale = await from.Connection.ReceiveAsync().Soon();
        _ = await from.Connection.ReceiveAsync().Soon();
        Assert.Throws<InvalidOperationException>(() => { _ = hub.PublishAsync("t", stale); });
        Assert.Throws<InvalidOperationException>(() => { _ = hub.PublishAsync("t", default(WebSocketMessage)); });
    }

    [Fact]
    public async Task Token_that_is_cancelled_publishes_nothing()
    {
        await using RawPeer peer = TopicPeers.OpenFast();
        using var hub = new TopicHub();
        hub.Subscribe(peer.Connection, "t");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => hub.PublishTextAsync("t", "never", cancellationToken: new CancellationToken(canceled: true)).AsTask());
        Assert.Equal(0, hub.Counts.Published);
    }

    [Fact]
    public async Task Topic_is_published_over_sockets_to_whatever_was_agreed_on()
    {
        const int Rounds = 100;
        await using var test = new ServerTest();
        using var hub = new TopicHub();
        int subscribed = 0;
        test.Server.Map(
            "/",
            async (socket, cancel) =>
            {
                using TopicSubscription subscription = hub.Subscribe(socket, "news");
                Interlocked.Increment(ref subscribed);
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    await hub.PublishAsync("news", message, cancellationToken: cancel);
            },
            new() { PerMessageDeflate = PerMessageDeflateOptions.Default with { Threshold = 50 } });
        await test.Server.StartAsync();
        WebSocketClientOptions plain = WebSocketClientOptions.Default with { PerMessageDeflate = null };
        PerMessageDeflateOptions deflate = PerMessageDeflateOptions.Default;
        List<WebSocketConnection> clients = [];
        foreach (PerMessageDeflateOptions? offer in (PerMessageDeflateOptions?[])[null, deflate, deflate with { ServerMaxWindowBits = 10 }, null])
            clients.Add(await WebSocketClient.ConnectAsync(new Uri(test.Uri), plain with { PerMessageDeflate = offer }).Soon());
        await Settle.UntilAsync(() => Volatile.Read(ref subscribed) == clients.Count);

        for (int round = 0; round < Rounds; round++)
            _ = clients[0].SendTextAsync(Text(round));
        foreach (WebSocketConnection client in clients)
        {
            for (int round = 0; round < Rounds; round++)
                Assert.Equal(Text(round), (await client.ReceiveAsync().Soon()).GetText());
            await client.DisposeAsync();
        }

        await Settle.UntilAsync(() => hub.Counts is { Topics: 0, Subscriptions: 0 });
        await test.AssertNothingIsLeftAsync();

        static string Text(int round) => $"news {round} " + new string('n', round);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Burst_of_a_handler_makes_nobody_slow_who_reads(bool isEventLoop)
    {
        const int Subscribers = 8;
        const int Messages = 150;
        await using var test = new ServerTest(options => options with { EventLoop = isEventLoop ? new EventLoopOptions() : null });
        using var hub = new TopicHub();
        test.Server.Map("/", async (socket, cancel) =>
        {
            hub.Subscribe(socket, "t");
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                // More than ten times what a connection takes, without a pause.
                for (int i = 0; i < Messages; i++)
                    _ = hub.PublishTextAsync("t", $"{i} ".PadRight(5000), cancellationToken: cancel);
            }
        });
        await test.Server.StartAsync();
        List<WebSocketConnection> clients = [];
        for (int i = 0; i < Subscribers; i++)
            clients.Add(await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon());
        await Settle.UntilAsync(() => hub.Counts.Subscriptions == Subscribers);
        await clients[0].SendTextAsync("go");
        await Task.WhenAll(clients.Select(async client =>
        {
            for (int i = 0; i < Messages; i++)
                Assert.Equal($"{i}", (await client.ReceiveAsync().Soon()).GetText().TrimEnd());
        }));
        Assert.Equal((0, 0), (hub.Counts.Closed, hub.Counts.Abandoned));
        foreach (WebSocketConnection client in clients)
            await client.DisposeAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Subscription_and_publication_cost_next_to_nothing()
    {
        const int Count = 1000;
        using var hub = new TopicHub();
        var options = new WebSocketConnectionOptions { IdleTimeout = TimeSpan.Zero };
        SubscriberTransport[] transports = [.. Enumerable.Range(0, Count).Select(_ => new SubscriberTransport())];
        WebSocketConnection[] connections =
            [.. transports.Select(transport => new WebSocketConnection(transport, Role.Server, options, ConnectionDetails.None, []))];
        foreach (WebSocketConnection connection in connections)
            connection.Start();
        hub.Subscribe(connections[0], "t");
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (WebSocketConnection connection in connections)
            hub.Subscribe(connection, "t");
        // Two small objects, and its share of an array that has doubled.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Count, 1, 200);

        long least = long.MaxValue;
        var message = new PreparedMessage("1 ");
        for (int i = 1; i <= 20; i++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            ValueTask<PublishResult> published = hub.PublishAsync("t", message);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(new PublishResult(Count, 0, 0), await published);
            await Settle.UntilAsync(() => Array.TrueForAll(transports, transport => transport.Count == i));
        }

        // What is made once for each segment or flush is kept.
        Assert.InRange(least, 0, Count);
        foreach (WebSocketConnection connection in connections)
            connection.Abort();
    }

    [Fact]
    public void Option_out_of_range_throws_where_it_is_set()
    {
        Assert.Throws<ArgumentOutOfRangeException>("MaxBacklogBytes", () => new TopicHubOptions { MaxBacklogBytes = -1 });
        Assert.Throws<ArgumentOutOfRangeException>("MaxBacklogAge", () => new TopicHubOptions { MaxBacklogAge = TimeSpan.FromTicks(-1) });
        Assert.Throws<ArgumentOutOfRangeException>("SlowConsumer", () => new TopicHubOptions { SlowConsumer = (SlowConsumerPolicy)99 });
        Assert.Throws<ArgumentException>("CloseCode", () => new TopicHubOptions { CloseCode = CloseCode.Abnormal });
        Assert.Throws<ArgumentException>("CloseCode", () => new TopicHubOptions { CloseCode = CloseCode.NoStatus });
        Assert.Throws<ArgumentException>("CloseCode", () => new TopicHubOptions { CloseReason = "", CloseCode = CloseCode.NoStatus });
        Assert.Throws<ArgumentNullException>("TimeProvider", () => new TopicHubOptions { TimeProvider = null! });
        Assert.ThrowsAny<ArgumentException>(() => new TopicHubOptions { CloseReason = new string('x', 124) });
        Assert.Throws<ArgumentNullException>("connection", () => new TopicHub().Subscribe(null!, "t"));
    }
}
