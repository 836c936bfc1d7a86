using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Topics;

/// <summary>Several hubs, as on several machines, and what goes between them.</summary>
public sealed class BackplaneTests
{
    [Fact]
    public async Task Publication_reaches_the_subscribers_of_every_node_once()
    {
        var backplane = new InProcessBackplane();
        await using RawPeer here = TopicPeers.OpenFast();
        await using RawPeer there = TopicPeers.OpenFast();
        using var one = new TopicHub(new() { Backplane = backplane });
        using var two = new TopicHub(new() { Backplane = backplane });
        one.Subscribe(here.Connection, "t");
        two.Subscribe(there.Connection, "t");

        Assert.Equal(new PublishResult(1, 0, 0), await one.PublishTextAsync("t", "1"));
        Assert.Equal(new PublishResult(0, 0, 0), await one.PublishTextAsync("t", "2", except: here.Connection));
        Assert.Equal(new PublishResult(1, 0, 0), await two.PublishTextAsync("t", "3"));

        foreach (string expected in (string[])["1", "3"])
            Assert.Equal(expected, (await here.ReadFrameAsync())!.Text);
        foreach (string expected in (string[])["1", "2", "3"])
            Assert.Equal(expected, (await there.ReadFrameAsync())!.Text);
        Assert.Equal((2, 3), (one.Counts.Accepted, two.Counts.Accepted));
    }

    [Fact]
    public async Task Node_subscribes_only_to_what_its_own_connections_want()
    {
        var backplane = new InProcessBackplane();
        await using RawPeer one = TopicPeers.OpenFast();
        await using RawPeer two = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane });
        using var other = new TopicHub(new() { Backplane = backplane });
        TopicSubscription first = hub.Subscribe(one.Connection, "t");
        TopicSubscription second = hub.Subscribe(two.Connection, "t");
        hub.Subscribe(two.Connection, "u");
        Assert.Equal((1, 1, 0), (backplane.CountNodes("t"), backplane.CountNodes("u"), backplane.CountNodes("v")));

        first.Dispose();
        Assert.Equal(1, backplane.CountNodes("t"));
        second.Dispose();
        Assert.Equal(0, backplane.CountNodes("t"));
        hub.Subscribe(one.Connection, "t");
        other.Subscribe(one.Connection, "t");
        Assert.Equal(2, backplane.CountNodes("t"));
        one.Connection.Abort();
        await Settle.UntilAsync(() => backplane.CountNodes("t") == 0);
        hub.Dispose();
        Assert.Equal(0, backplane.CountNodes("u"));
    }

    [Fact]
    public async Task Key_and_waiting_go_with_a_publication()
    {
        var backplane = new InProcessBackplane();
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var from = new TopicHub(new() { Backplane = backplane });
        using var conflating = new TopicHub(new() { Backplane = backplane, SlowConsumer = SlowConsumerPolicy.Conflate });
        using (conflating.Subscribe(slow.Connection, "t"))
        {
            from.Fill();
            from.Publish(10, "a");
            from.Publish(11, "a");
            Assert.Equal(1, conflating.Counts.Conflated);
        }

        using var waiting = new TopicHub(new() { Backplane = backplane, SlowConsumer = SlowConsumerPolicy.Wait, MaxBacklogBytes = 0 });
        waiting.Subscribe(slow.Connection, "t");
        Task<PublishResult> published = from.PublishAsync("t", TopicPeers.Message(12)).AsTask();
        Assert.Equal(1, waiting.Counts.Waited);
        Assert.False(published.IsCompleted);
        await slow.ReleaseAsync();
        Assert.Equal(default, await published.Soon());
        await slow.AssertReadsAsync([.. Enumerable.Range(0, TopicPeers.Room), 12]);
    }

    [Fact]
    public async Task Slow_backplane_is_asked_for_one_thing_at_a_time_and_for_the_last_wish()
    {
        var backplane = new HeldBackplane();
        await using RawPeer peer = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane });
        hub.Subscribe(peer.Connection, "t").Dispose();
        hub.Subscribe(peer.Connection, "t").Dispose();
        Assert.Equal(["subscribe t"], backplane.Calls);
        backplane.Complete();
        await Settle.UntilAsync(() => backplane.Calls.Count == 2);
        hub.Subscribe(peer.Connection, "t");
        hub.Subscribe(peer.Connection, "u");
        Assert.Equal(["subscribe t", "dispose t", "subscribe u"], backplane.Calls);
        backplane.Complete();
        await Settle.UntilAsync(() => backplane.Calls.Count == 4);
        Assert.Equal("subscribe t", backplane.Calls[3]);
        backplane.Complete();
        Assert.Equal(4, backplane.Calls.Count);
    }

    [Fact]
    public async Task Backplane_that_fails_is_logged_escaped_and_asked_again()
    {
        var backplane = new HeldBackplane { Failure = new IOException("The broker is down.") };
        using var log = new Attacks.TextLog();
        await using RawPeer peer = TopicPeers.OpenFast();
        await using RawPeer other = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane, TimeProvider = new ManualTimeProvider() }, log);
        hub.Subscribe(peer.Connection, "t\u001B[31m");
        await Settle.UntilAsync(() => !log.Lines.IsEmpty);
        Assert.All(log.Lines, line => Assert.DoesNotContain(line.Text, c => c is < ' ' or > '~'));

        backplane.Failure = null;
        hub.Subscribe(other.Connection, "t\u001B[31m");
        await Settle.UntilAsync(() => backplane.Calls.Count == 2);
        backplane.Complete();
    }

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(0.5, 0.75)]
    public async Task Pauses_before_a_backplane_is_asked_again_are_random_from_their_half_on(double random, double part)
    {
        var time = new ManualTimeProvider();
        var backplane = new HeldBackplane { Failure = new IOException("The broker is down.") };
        await using RawPeer peer = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane, TimeProvider = time, Random = () => random });
        hub.Subscribe(peer.Connection, "t");
        foreach (int seconds in (int[])[1, 2, 4, 8, 16, 30])
        {
            TimeSpan pause = part * TimeSpan.FromSeconds(seconds);
            await Settle.UntilAsync(() => time.NextDue == pause, () => $"next: {time.NextDue}");
            time.Advance(pause);
        }
    }

    [Theory]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.ThrowsLater)]
    public async Task Publication_that_the_backplane_does_not_take_is_delivered_here_and_told(Fault fault)
    {
        var failure = new IOException("The broker is down.");
        var backplane = new HeldBackplane { Failure = failure, Fault = fault };
        var logs = new RecordedLogs();
        await using RawPeer peer = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane, TimeProvider = new ManualTimeProvider() }, logs);
        hub.Subscribe(peer.Connection, "t");
        for (int i = 0; i < 3; i++)
        {
            PublishResult result = await hub.PublishTextAsync("t", "here all the same");
            Assert.Equal(new PublishResult(1, 0, 0) { BackplaneError = failure }, result);
            Assert.Equal("here all the same", (await peer.ReadFrameAsync())!.Text);
        }

        // Publishers decide how often it happens: it is said once a minute.
        Assert.Single(logs.Lines, line => line.Id == 231 && line.Exception == failure);
        backplane.Failure = null;
        Assert.Null((await hub.PublishTextAsync("t", "again")).BackplaneError);
    }

    [Fact]
    public async Task Wait_for_the_backplane_ends_by_the_token_alone()
    {
        var backplane = new HeldBackplane { Fault = Fault.IgnoresToken };
        using var hub = new TopicHub(new() { Backplane = backplane });
        using var cancel = new CancellationTokenSource();
        Task<PublishResult> publishing = hub.PublishTextAsync("t", "1", cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        backplane.Complete(new OperationCanceledException(cancel.Token));
        await Assert.ThrowsAsync<OperationCanceledException>(() => publishing.Soon());

        Task<PublishResult> other = hub.PublishTextAsync("t", "2").AsTask();
        backplane.Complete(new OperationCanceledException("by nobody's token"));
        Assert.IsType<OperationCanceledException>((await other.Soon()).BackplaneError);
    }

    [Theory]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.ThrowsLater)]
    [InlineData(Fault.GivesNull)]
    public async Task Subscription_that_is_refused_is_asked_for_again_less_and_less_often(Fault fault)
    {
        var time = new ManualTimeProvider();
        var backplane = new HeldBackplane { Failure = new IOException("The broker is down."), Fault = fault };
        var logs = new RecordedLogs();
        await using RawPeer peer = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane, TimeProvider = time, Random = () => 1 }, logs);
        hub.Subscribe(peer.Connection, "t");
        int asked = 1;
        foreach (int seconds in (int[])[1, 2, 4, 8, 16, 30, 30])
        {
            await Settle.UntilAsync(() => time.NextDue is not null);
            Assert.Equal((asked, TimeSpan.FromSeconds(seconds)), (backplane.Calls.Count, time.NextDue!.Value));
            time.Advance(TimeSpan.FromSeconds(seconds));
            await Settle.UntilAsync(() => backplane.Calls.Count == asked + 1);
            asked++;
        }

        await Settle.UntilAsync(() => time.NextDue is not null);
        // Of 91 seconds and eight refusals, the first and the one after a minute are told.
        Assert.Equal(2, logs.Lines.Count(line => line.Id == 230));
        backplane.Failure = null;
        backplane.Fault = Fault.ThrowsLater;
        time.Advance(TimeSpan.FromSeconds(30));
        await Settle.UntilAsync(() => backplane.Calls.Count == asked + 1);
        backplane.Complete();
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(asked + 1, backplane.Calls.Count);
    }

    [Fact]
    public async Task Subscription_that_nobody_wants_any_more_is_not_asked_for_again()
    {
        var time = new ManualTimeProvider();
        var backplane = new HeldBackplane { Failure = new IOException("The broker is down.") };
        var logs = new RecordedLogs();
        await using RawPeer peer = TopicPeers.OpenFast();
        using var hub = new TopicHub(new() { Backplane = backplane, TimeProvider = time }, logs);
        TopicSubscription subscription = hub.Subscribe(peer.Connection, "t");
        await Settle.UntilAsync(() => time.NextDue is not null);
        subscription.Dispose();
        await Settle.UntilAsync(() => time.NextDue is null);
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(["subscribe t"], backplane.Calls);
    }

    /// <summary>Says how a backplane fails, while it has a failure.</summary>
    public enum Fault
    {
        ThrowsLater,
        ThrowsAtOnce,
        GivesNull,
        IgnoresToken,
    }

    private sealed class HeldBackplane : IBackplane
    {
        private readonly Lock _sync = new();
        private readonly List<string> _calls = [];
        private List<TaskCompletionSource> _held = [];

        public Exception? Failure { get; set; }

        public Fault Fault { get; set; }

        public IReadOnlyList<string> Calls
        {
            get
            {
                lock (_sync)
                    return [.. _calls];
            }
        }

        public void Complete(Exception? failure = null)
        {
            List<TaskCompletionSource> held;
            lock (_sync)
                (held, _held) = (_held, []);
            held.ForEach(one =>
            {
                if (failure is null)
                    one.SetResult();
                else
                    one.SetException(failure);
            });
        }

        public ValueTask<IAsyncDisposable> SubscribeAsync(string topic, Func<BackplaneMessage, ValueTask> receive)
        {
            Task holding = HoldAsync($"subscribe {topic}");
            if (Failure is not null && Fault == Fault.ThrowsAtOnce)
                throw Failure;
            return new ValueTask<IAsyncDisposable>(SubscribeAsync(topic, holding));
        }

        public ValueTask PublishAsync(string topic, BackplaneMessage message, CancellationToken cancellationToken)
        {
            if (Fault == Fault.IgnoresToken)
                return new ValueTask(HoldAsync($"publish {topic}"));
            if (Failure is not null && Fault == Fault.ThrowsAtOnce)
                throw Failure;
            return Failure is null ? default : ValueTask.FromException(Failure);
        }

        private async Task<IAsyncDisposable> SubscribeAsync(string topic, Task holding)
        {
            if (Failure is not null && Fault == Fault.GivesNull)
                return null!;
            await holding;
            return new Subscription(this, topic);
        }

        private Task HoldAsync(string call)
        {
            var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_sync)
            {
                _calls.Add(call);
                if (Failure is not null)
                    return Task.FromException(Failure);
                _held.Add(held);
            }

            return held.Task;
        }

        private sealed class Subscription(HeldBackplane backplane, string topic) : IAsyncDisposable
        {
            public ValueTask DisposeAsync() => new(backplane.HoldAsync($"dispose {topic}"));
        }
    }
}
