using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.Tests.Connection;

/// <summary>Rule S9: a peer that takes nothing.</summary>
public sealed class WriteStallTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private static readonly Func<WebSocketConnectionOptions, WebSocketConnectionOptions> StallOnly =
        options => options with { IdleTimeout = TimeSpan.Zero, WriteStallTimeout = Timeout };

    [Fact]
    public async Task S9_Bytes_of_which_none_is_taken_fail_the_connection()
    {
        await using RawPeer peer = await OpenHeldAsync(configure: StallOnly);
        await peer.Connection.SendTextAsync("waits");
        peer.Time.Advance(Timeout - TimeSpan.FromMilliseconds(1));
        Assert.True(peer.Connection.IsOpen);
        peer.Time.Advance(TimeSpan.FromMilliseconds(1));
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.WriteStalled, CloseCode.Abnormal, 2L), (result.Cause, result.Code, result.UnsentMessages));
        WebSocketClosedException e = await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.SendTextAsync("x").AsTask());
        Assert.Equal(CloseCause.WriteStalled, e.Result.Cause);
    }

    [Fact]
    public async Task S9_It_is_as_long_as_IdleTimeout_unless_set()
    {
        await using RawPeer peer = await OpenHeldAsync(configure: options => options with { IdleTimeout = Timeout });
        // The peer is alive and sends, and takes nothing.
        for (int i = 0; i < 4; i++)
        {
            await peer.SendTextAsync("alive");
            await peer.Connection.ReceiveAsync().Soon();
            Assert.True(peer.Connection.IsOpen);
            peer.Time.Advance(Timeout / 4);
        }

        Assert.Equal(CloseCause.WriteStalled, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Fact]
    public async Task S9_Any_progress_keeps_the_connection()
    {
        await using RawPeer peer = await OpenHeldAsync(configure: StallOnly);
        for (int i = 0; i < 10; i++)
        {
            peer.Gate().Progress(1);
            peer.Time.Advance(Timeout - TimeSpan.FromMilliseconds(1));
            Assert.True(peer.Connection.IsOpen);
        }

        peer.Gate().Release();
        await peer.ReadFirstAsync();
    }

    [Fact]
    public async Task S9_Each_write_has_its_own_time()
    {
        await using RawPeer peer = await OpenHeldAsync(configure: StallOnly);
        peer.Time.Advance(Timeout * 0.8);
        peer.Gate().ReleaseOne();
        await peer.ReadFirstAsync();
        await peer.Connection.SendTextAsync("second");
        await peer.Gate().WriteAsync();
        peer.Time.Advance(Timeout * 0.9);
        Assert.True(peer.Connection.IsOpen);
        peer.Time.Advance(Timeout * 1.1);
        Assert.Equal(CloseCause.WriteStalled, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Fact]
    public async Task S9_Peer_that_vanishes_is_noticed_a_quarter_of_the_time_late_at_most()
    {
        await using RawPeer peer = await OpenHeldAsync(configure: StallOnly);
        peer.Gate().Progress(1);
        peer.Time.Advance(Timeout);
        Assert.True(peer.Connection.IsOpen);
        peer.Time.Advance(Timeout / 4);
        Assert.Equal(CloseCause.WriteStalled, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Theory]
    [InlineData(5000, false)]
    [InlineData(5001, true)]
    public async Task T3_Look_that_comes_late_by_more_than_half_the_time_begins_again(int lateBy, bool survives)
    {
        await using RawPeer peer = await OpenHeldAsync(configure: StallOnly);
        peer.Time.Advance(Timeout * 0.75);
        peer.Time.Sleep((Timeout / 4) + TimeSpan.FromMilliseconds(lateBy));
        Assert.Equal(survives, peer.Connection.IsOpen);
        peer.Time.Advance(Timeout);
        Assert.Equal(CloseCause.WriteStalled, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Fact]
    public async Task T3_Machine_that_sleeps_while_bytes_wait_disconnects_nobody()
    {
        var clock = new ManualTimeProvider();
        await using var pair = WebSocketPair.Create(new() { TimeProvider = clock }, link: new TestLink(1000, clock));
        pair.Server.Pause();
        Task send = pair.Client.SendAsync(new byte[300_000]).AsTask();
        await Settle.UntilAsync(() => pair.Client.Deadlines.WatchesWrite);
        clock.Advance(TimeSpan.FromSeconds(1));
        pair.Link.ToServer.Stall();
        clock.Sleep(TimeSpan.FromHours(1));
        Assert.True(pair.Client.IsOpen);

        pair.Link.ToServer.Resume();
        pair.Server.Resume();
        Assert.Equal(300_000, (await pair.Server.ReceiveAsync().AsTask().Soon()).Length);
        await send.Soon();
    }

    [Fact]
    public async Task S9_Zero_is_off()
    {
        await using RawPeer peer = await OpenHeldAsync(
            configure: options => options with { IdleTimeout = TimeSpan.Zero, WriteStallTimeout = TimeSpan.Zero });
        peer.Time.Advance(TimeSpan.FromDays(2));
        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task S9_The_longest_time_of_all_is_no_time_at_once()
    {
        await using RawPeer peer = await OpenHeldAsync(
            configure: options => options with { IdleTimeout = TimeSpan.MaxValue, CloseTimeout = TimeSpan.MaxValue, CloseGrace = TimeSpan.MaxValue });
        peer.Time.Advance(TimeSpan.FromDays(2));
        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task S9_Bytes_that_wait_for_a_streamed_message_do_not_wait_for_the_peer()
    {
        await using RawPeer peer = await OpenHeldAsync(configure: StallOnly);
        await using StreamedMessage streamed = peer.Connection.OpenMessage();
        await peer.Connection.SendTextAsync("behind");
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        await Settle.UntilAsync(() => peer.Connection.BufferedBytes == 8); // the engine has been told that the first one was taken
        for (int i = 0; i < 5; i++)
        {
            peer.Time.Advance(Timeout);
            Assert.True(peer.Connection.IsOpen);
        }

        await streamed.CompleteAsync();
        Assert.Empty((await peer.ReadMessageAsync()).Payload);
        Assert.Equal("behind", (await peer.ReadMessageAsync()).Text);
    }

    /// <summary>Makes a connection whose first write is held, and watched.</summary>
    private static async Task<RawPeer> OpenHeldAsync(
        Func<WebSocketConnectionOptions, WebSocketConnectionOptions> configure, Role role = Role.Server)
    {
        RawPeer peer = await GatedPeer.OpenHeldAsync(role, configure);
        bool isOff = configure(new WebSocketConnectionOptions()) is { WriteStallTimeout: { } timeout } && timeout == TimeSpan.Zero;
        await Settle.UntilAsync(() => isOff || peer.Connection.Deadlines.WatchesWrite);
        return peer;
    }
}
