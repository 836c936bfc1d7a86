using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>The smoothed round-trip time of a connection.</summary>
public sealed class RoundTripTests
{
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
