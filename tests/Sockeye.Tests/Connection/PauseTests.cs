using System.Collections.Concurrent;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Pausing and resuming, and the longest life of a connection.</summary>
public sealed class PauseTests
{
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task Callback_that_pauses_has_got_its_last_message_until_it_is_resumed()
    {
        await using RawPeer peer = RawPeer.Create();
        var seen = new ConcurrentQueue<string>();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = (socket, message) =>
            {
                seen.Enqueue(message.GetText());
                if (seen.Count % 2 == 1)
                    socket.Pause();
                return default;
            },
        });

        // All in one piece: the rest of it waits, too.
        await peer.SendAsync([.. Enumerable.Range(0, 5).SelectMany(i => peer.TextFrame($"{i}")), .. peer.Frame(Opcode.Ping, "p"u8)]);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.Equal(["0"], seen);
        Assert.True(peer.Connection.IsPaused);
        await peer.Connection.SendTextAsync("sending goes on");
        Assert.Equal("sending goes on", (await peer.ReadFrameAsync())!.Text);

        peer.Connection.Resume();
        Assert.False(peer.Connection.IsPaused);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused && seen.Count == 3);
        Assert.Equal(["0", "1", "2"], seen);
        peer.Connection.Resume();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused && seen.Count == 5);
        peer.Connection.Resume();
        ReceivedFrame pong = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Pong, "p"), (pong.Opcode, pong.Text));
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task Connection_that_is_paused_from_outside_hands_over_nothing_that_comes_later()
    {
        await using RawPeer peer = RawPeer.Create();
        var seen = new ConcurrentQueue<string>();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = (_, message) =>
            {
                seen.Enqueue(message.GetText());
                return default;
            },
        });
        await peer.SendAsync(peer.TextFrame("before"));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReceiving && seen.Count == 1);

        peer.Connection.Pause();
        peer.Connection.Pause();
        await peer.SendAsync(peer.TextFrame("later"), peer.TextFrame("and later"));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.Equal(["before"], seen);

        peer.Connection.Resume();
        await Settle.UntilAsync(() => seen.Count == 3);
        peer.Connection.Resume();
        Assert.Equal(["before", "later", "and later"], seen);
        peer.Connection.Abort();
        await handled.Soon();
    }

    // T4: never concurrent.
    [Fact]
    public async Task Resuming_while_a_callback_is_incomplete_waits_for_it()
    {
        await using RawPeer peer = RawPeer.Create();
        var go = new TaskCompletionSource();
        int inside = 0;
        int most = 0;
        int done = 0;
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, _) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref inside));
                socket.Pause();
                socket.Resume();
                await go.Task;
                socket.Pause();
                Interlocked.Decrement(ref inside);
                Interlocked.Increment(ref done);
            },
        });
        await peer.SendAsync(peer.TextFrame("a"), peer.TextFrame("b"), peer.TextFrame("c"));
        await Settle.UntilAsync(() => Volatile.Read(ref inside) == 1 && peer.Connection.Receive.IsPaused);

        go.SetResult();
        for (int i = 1; i <= 3; i++)
        {
            await Settle.UntilAsync(() => Volatile.Read(ref done) == i && peer.Connection.Receive.IsPaused);
            peer.Connection.Resume();
        }

        Assert.Equal(1, most);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task Reader_of_a_paused_connection_gets_what_has_been_received_and_then_waits()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync([.. peer.TextFrame("received"), .. peer.Frame(Opcode.Ping, [])]);
        Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReceiving);
        peer.Connection.Pause();
        await peer.SendAsync(peer.TextFrame("later"));

        Assert.Equal("received", (await peer.Connection.ReceiveAsync().Soon()).GetText());
        Task<WebSocketMessage> next = peer.Connection.ReceiveAsync().AsTask();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.False(next.IsCompleted);

        peer.Connection.Resume();
        Assert.Equal("later", (await next.Soon()).GetText());
    }

    [Fact]
    public async Task Closing_a_paused_connection_ends_it_in_good_manners()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Connection.Pause();
        await peer.SendAsync(peer.TextFrame("unread"));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);

        Task<CloseResult> closing = peer.Connection.CloseAsync();
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();

        Assert.True((await closing.Soon()).IsClean);
    }

    [Fact]
    public async Task Paused_connection_that_ignores_messages_receives_again()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Connection.Pause();
        await peer.SendAsync([.. peer.TextFrame("unread"), .. peer.Frame(Opcode.Ping, "p"u8)]);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);

        peer.Connection.IgnoreMessages();
        Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
        peer.Connection.Pause();
        Assert.False(peer.Connection.IsPaused);
        await peer.SendAsync(peer.Frame(Opcode.Ping, "q"u8));
        Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
    }

    [Fact]
    public async Task Idle_clock_rests_while_a_connection_is_paused()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Connection.Pause();
        await peer.SendAsync(peer.TextFrame("a"));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);

        peer.Time.Advance(TimeSpan.FromHours(1));
        Assert.True(peer.Connection.IsOpen);

        peer.Connection.Resume();
        peer.Time.Advance(TimeSpan.Zero); // what is due now
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.Frame(Opcode.Pong, []));
        Assert.Equal("a", (await peer.Connection.ReceiveAsync().Soon()).GetText());
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Connection_is_closed_when_it_has_lived_as_long_as_it_may(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role, options => options with { MaxLifetime = Life, IdleTimeout = TimeSpan.Zero });
        Task<string[]> reading = ReadAsync();
        peer.Time.Advance((0.9 * Life) - TimeSpan.FromMilliseconds(1));
        await peer.SendAsync(peer.TextFrame("still"));
        await peer.Connection.SendTextAsync("accepted");
        Assert.Equal("accepted", (await peer.ReadFrameAsync())!.Text);
        Assert.True(peer.Connection.IsOpen);

        for (int second = 0; second <= 0.1 * Life.TotalSeconds && peer.Connection.IsOpen; second++)
            peer.Time.Advance(TimeSpan.FromSeconds(1));
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((1001, "Maximum lifetime reached."), (close.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway));
        await peer.Transport.ShutdownAsync();

        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.LifetimeReached, CloseInitiator.Local, true), (result.Cause, result.Initiator, result.IsClean));
        Assert.Equal(["still"], await reading.Soon());

        async Task<string[]> ReadAsync()
        {
            List<string> read = [];
            await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync())
                read.Add(message.GetText());
            return [.. read];
        }
    }

    [Fact]
    public async Task Connections_of_one_moment_do_not_all_end_in_one_moment()
    {
        const int Count = 50;
        List<RawPeer> peers = [];
        for (int i = 0; i < Count; i++)
            peers.Add(RawPeer.Open(configure: options => options with { MaxLifetime = Life, IdleTimeout = TimeSpan.Zero }));
        HashSet<int> ends = [];
        int open = Count;
        for (int step = 1; step <= 100; step++)
        {
            peers.ForEach(peer => peer.Time.Advance(step == 1 ? 0.9 * Life : 0.001 * Life));
            int left = peers.Count(peer => peer.Connection.IsOpen);
            if (left < open)
                ends.Add(step);
            open = left;
        }

        peers.ForEach(peer => peer.Time.Advance(0.1 * Life));
        Assert.All(peers, peer => Assert.False(peer.Connection.IsOpen));
        Assert.InRange(ends.Count, 10, Count); // fewer steps than that would be a miracle
        foreach (RawPeer peer in peers)
            await peer.DisposeAsync();
    }

    [Fact]
    public async Task Connections_live_for_ever_by_default()
    {
        await using RawPeer peer = RawPeer.Open(configure: options => options with { IdleTimeout = TimeSpan.Zero });
        peer.Time.Advance(TimeSpan.FromDays(1000));
        Assert.True(peer.Connection.IsOpen);
        Assert.Throws<ArgumentOutOfRangeException>("MaxLifetime", () => new WebSocketConnectionOptions { MaxLifetime = TimeSpan.FromTicks(-1) });
    }
}
