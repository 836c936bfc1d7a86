using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>The smoothed round-trip time of a connection.</summary>
public sealed class RoundTripTests
{
    private static readonly TimeSpan Half = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Each_ping_that_is_answered_counts_for_an_eighth(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        Assert.Null(peer.Connection.SmoothedRoundTripTime);
        Assert.Equal(Milliseconds(80), await PingAsync(peer, Milliseconds(80)));
        Assert.Equal(Milliseconds(80), peer.Connection.SmoothedRoundTripTime);
        Assert.Equal(Milliseconds(160), await PingAsync(peer, Milliseconds(160)));
        Assert.Equal(Milliseconds(90), peer.Connection.SmoothedRoundTripTime);

        peer.Connection.Abort();
        Assert.Equal(Milliseconds(90), peer.Connection.SmoothedRoundTripTime);
    }

    // What waits behind data tells of the data, and what a later pong answers of the wait for that one.
    [Fact]
    public async Task Waits_that_are_not_the_way_do_not_count()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<TimeSpan> confirming = peer.Connection.ConfirmAsync();
        ReceivedFrame asked = (await peer.ReadFrameAsync())!;
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);
        peer.Time.Advance(Milliseconds(500));
        await peer.SendAsync(peer.Frame(Opcode.Pong, asked.Payload));
        Assert.Equal(Milliseconds(500), await confirming.Soon());
        Assert.Null(peer.Connection.SmoothedRoundTripTime);

        Task<TimeSpan> first = peer.Connection.PingAsync("first"u8.ToArray());
        await peer.ReadFrameAsync();
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);
        peer.Time.Advance(Milliseconds(300));
        Task<TimeSpan> second = peer.Connection.PingAsync("second"u8.ToArray());
        await peer.ReadFrameAsync();
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);
        peer.Time.Advance(Milliseconds(40));
        await peer.SendAsync(peer.Frame(Opcode.Pong, "second"u8));
        Assert.Equal((Milliseconds(340), Milliseconds(40)), (await first.Soon(), await second.Soon()));
        Assert.Equal(Milliseconds(40), peer.Connection.SmoothedRoundTripTime);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Heartbeat_pings_count(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        await AnswerHeartbeatAsync(peer, Milliseconds(80));
        Assert.Equal(Milliseconds(80), peer.Connection.SmoothedRoundTripTime);
        await PongAsync(peer); // nobody asked for this one
        Assert.Equal(Milliseconds(160), await PingAsync(peer, Milliseconds(160)));
        Assert.Equal(Milliseconds(90), peer.Connection.SmoothedRoundTripTime);
        await AnswerHeartbeatAsync(peer, Milliseconds(170));
        Assert.Equal(Milliseconds(100), peer.Connection.SmoothedRoundTripTime);
    }

    // Which of two pings is answered is not known, nor how long a pong lay unread.
    [Fact]
    public async Task Heartbeat_pongs_that_do_not_tell_the_way_do_not_count()
    {
        await using RawPeer peer = RawPeer.Open(configure: options => options with { ReadAhead = 100 });
        await PongAsync(peer);
        peer.Time.Advance(Half);
        peer.Time.Sleep(TimeSpan.FromHours(1));
        Assert.Equal((Opcode.Ping, Opcode.Ping), ((await peer.ReadFrameAsync())!.Opcode, (await peer.ReadFrameAsync())!.Opcode));
        await PongAsync(peer);
        Assert.Null(peer.Connection.SmoothedRoundTripTime);

        peer.Time.Advance(Half);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[200]));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        await peer.SendAsync(peer.Frame(Opcode.Pong, []));
        peer.Time.Advance(Milliseconds(500));
        Assert.Equal(200, (await peer.Connection.ReceiveAsync().AsTask().Soon()).Length);
        await PongAsync(peer);
        Assert.Null(peer.Connection.SmoothedRoundTripTime);
    }

    [Fact]
    public async Task Heartbeat_pongs_count_again_where_a_peer_answered_two_pings_with_one()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Time.Advance(Half);
        peer.Time.Sleep(TimeSpan.FromHours(1));
        Assert.Equal((Opcode.Ping, Opcode.Ping), ((await peer.ReadFrameAsync())!.Opcode, (await peer.ReadFrameAsync())!.Opcode));
        await PongAsync(peer);
        await AnswerHeartbeatAsync(peer, Milliseconds(40));
        Assert.Null(peer.Connection.SmoothedRoundTripTime);

        await AnswerHeartbeatAsync(peer, Milliseconds(80));
        Assert.Equal(Milliseconds(80), peer.Connection.SmoothedRoundTripTime);
    }

    // The pong that comes behind the third ping may be the second's, of which an hour tells nothing.
    [Fact]
    public async Task Heartbeat_pongs_count_again_when_no_earlier_one_is_awaited()
    {
        await using RawPeer peer = RawPeer.Open();
        peer.Time.Advance(Half);
        peer.Time.Sleep(TimeSpan.FromHours(1));
        Assert.Equal((Opcode.Ping, Opcode.Ping), ((await peer.ReadFrameAsync())!.Opcode, (await peer.ReadFrameAsync())!.Opcode));
        await PongAsync(peer);
        peer.Time.Advance(Half);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);
        peer.Time.Advance(Milliseconds(10));
        await PongAsync(peer);
        await PongAsync(peer);
        Assert.Null(peer.Connection.SmoothedRoundTripTime);

        await AnswerHeartbeatAsync(peer, Milliseconds(80));
        Assert.Equal(Milliseconds(80), peer.Connection.SmoothedRoundTripTime);
    }

    // RFC 6298, section 2: the first as it is, then an eighth of each.
    [Fact]
    public void Smoothed_time_moves_by_an_eighth()
    {
        SmoothedTime time = default;
        Assert.Null(time.Value);
        int[] measured = [100, 180, 30, 100];
        int[] smoothed = [100, 110, 100, 100];
        for (int i = 0; i < measured.Length; i++)
        {
            time.Add(Milliseconds(measured[i]));
            Assert.Equal(Milliseconds(smoothed[i]), time.Value);
        }
    }

    private static async Task AnswerHeartbeatAsync(RawPeer peer, TimeSpan wait)
    {
        peer.Time.Advance(Half);
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);
        peer.Time.Advance(wait);
        await PongAsync(peer);
    }

    /// <summary>Sends a pong without a payload and waits until it has been seen, by means of a message behind it.</summary>
    private static async Task PongAsync(RawPeer peer)
    {
        await peer.SendAsync(peer.Frame(Opcode.Pong, []));
        await peer.SendTextAsync("seen");
        Assert.Equal("seen", await ReadingTests.ReadTextAsync(peer.Connection));
    }

    private static async Task<TimeSpan> PingAsync(RawPeer peer, TimeSpan wait)
    {
        Task<TimeSpan> pinging = peer.Connection.PingAsync();
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        await Settle.UntilAsync(() => !peer.Connection.Send.IsWriting);
        peer.Time.Advance(wait);
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        return await pinging.Soon();
    }

    private static TimeSpan Milliseconds(int count) => TimeSpan.FromMilliseconds(count);
}
