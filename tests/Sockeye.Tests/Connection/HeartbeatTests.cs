using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>The idle timeout: after half of it in silence a ping, after the other half the end.</summary>
public sealed class HeartbeatTests
{
    private static readonly TimeSpan Half = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Heartbeat_silent_peer_is_asked_after_half_and_given_up_after_the_whole_timeout(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        peer.Time.Advance(Half - Moment);
        Assert.Equal(0, peer.Connection.BufferedBytes);
        Assert.Equal(0, Sent(peer));
        peer.Time.Advance(Moment);
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Ping, 0, role == Role.Client), (ping.Opcode, ping.Payload.Length, ping.IsMasked));
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);

        peer.Time.Advance(Half - Moment);
        Assert.True(peer.Connection.IsOpen);
        peer.Time.Advance(Moment);
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.IdleTimeout, CloseInitiator.Local, 1001), (result.Cause, result.Initiator, (int)result.Code));
        Assert.Equal("No response from ping frame.", result.Reason);
        Assert.False(result.IsClean);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1001, "No response from ping frame."), (close.Opcode, close.CloseCode, close.CloseReason));
        Assert.Null(await peer.ReadFrameAsync());
    }

    [Fact]
    public async Task Heartbeat_any_byte_counts_as_life()
    {
        await using RawPeer peer = RawPeer.Open();
        byte[] frame = peer.TextFrame("slow");
        foreach (byte b in frame)
        {
            peer.Time.Advance(Half - Moment);
            await peer.SendAsync([b]);
            await Settle.UntilAsync(() => peer.Connection.Deadlines.LastReceived == peer.Time.GetTimestamp());
        }

        peer.Time.Advance(Half - Moment);
        Assert.Equal(0, Sent(peer));
        Assert.Equal("slow", await ReadingTests.ReadTextAsync(peer.Connection));
        peer.Time.Advance(Moment);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
    }

    [Fact]
    public async Task Heartbeat_pong_restarts_the_silence()
    {
        await using RawPeer peer = RawPeer.Open();
        for (int i = 0; i < 5; i++)
        {
            peer.Time.Advance(Half);
            Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
            peer.Time.Advance(Half - Moment);
            await peer.SendAsync(peer.Frame(Opcode.Pong, []));
            await Settle.UntilAsync(() => peer.Connection.Deadlines.LastReceived == peer.Time.GetTimestamp());
            peer.Time.Advance(Half - Moment);
            Assert.Equal(2 * (i + 1), Sent(peer)); // the pings so far, of two bytes each
            await peer.SendAsync(peer.Frame(Opcode.Pong, []));
            await Settle.UntilAsync(() => peer.Connection.Deadlines.LastReceived == peer.Time.GetTimestamp());
        }

        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task Heartbeat_late_tick_restarts_the_silence_with_a_ping()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Time.Advance(Half);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        for (int i = 0; i < 3; i++)
        {
            peer.Time.Sleep(TimeSpan.FromHours(8));
            Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
            Assert.True(peer.Connection.IsOpen);
        }

        peer.Time.Advance(Half);
        Assert.Equal(CloseCause.IdleTimeout, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(15_000, false)]
    [InlineData(15_001, true)]
    public async Task Heartbeat_tick_counts_as_late_beyond_half_the_timeout(int lateBy, bool survives)
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Time.Advance(Half);
        peer.Time.Sleep(Half + TimeSpan.FromMilliseconds(lateBy));
        Assert.Equal(survives, peer.Connection.IsOpen);
    }

    [Fact]
    public async Task Heartbeat_first_tick_that_is_late_only_asks()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Time.Sleep(TimeSpan.FromDays(1));
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task R4_Idle_clock_rests_while_reading_ahead_is_stopped_and_restarts_with_a_ping()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 100 });
        await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[200]));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        peer.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(0, Sent(peer));
        Assert.True(peer.Connection.IsOpen);

        Assert.Equal(200, (await peer.Connection.ReceiveAsync()).Length);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReceiving); // else the silence may be our own
        peer.Time.Advance(TimeSpan.Zero);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        peer.Time.Advance(Half - Moment);
        Assert.True(peer.Connection.IsOpen);
        peer.Time.Advance(Moment);
        Assert.Equal(CloseCause.IdleTimeout, (await peer.Connection.Closed.Soon()).Cause);
    }

    [Fact]
    public async Task R4_Idle_clock_that_rested_briefly_sends_no_ping_before_its_time()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 100 });
        await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[200]));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        peer.Time.Advance(Moment);
        Assert.Equal(200, (await peer.Connection.ReceiveAsync()).Length);

        peer.Time.Advance(Half - Moment - Moment);
        Assert.Equal(0, Sent(peer));
        peer.Time.Advance(Moment);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
    }

    [Fact]
    public async Task Heartbeat_off_with_zero()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { IdleTimeout = TimeSpan.Zero });
        peer.Time.Advance(TimeSpan.FromDays(365));
        Assert.Equal(0, Sent(peer));
        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task Heartbeat_peer_that_takes_nothing_is_reset()
    {
        await using RawPeer peer = RawPeer.Open(
            configure: o => o with { WriteStallTimeout = TimeSpan.Zero }, capacity: 1000);
        Assert.Equal(SendResult.Accepted, peer.Connection.TrySend(new byte[10_000]));
        peer.Time.Advance(Half);
        peer.Time.Advance(Half);
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.IdleTimeout, (CloseCode?)null, 1L), (result.Cause, result.SentCode, result.UnsentMessages));
        await Assert.ThrowsAsync<IOException>(peer.ReadToEndAsync);
    }

    private static long Sent(RawPeer peer) => peer.Connection.Send.BufferedBytes + peer.Own.BytesSent;
}
