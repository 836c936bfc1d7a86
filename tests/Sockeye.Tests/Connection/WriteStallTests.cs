using Sockeye.Protocol;

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
