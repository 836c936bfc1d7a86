using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule C3: the patience of the close handshake, and how it ends.</summary>
public sealed class CloseTimeoutTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Theory]
    [InlineData(Carrier.Memory, Role.Server)]
    [InlineData(Carrier.Memory, Role.Client)]
    [InlineData(Carrier.Socket, Role.Server)]
    [InlineData(Carrier.EventLoop, Role.Server)]
    [InlineData(Carrier.Tls, Role.Server)]
    [InlineData(Carrier.EventLoopTls, Role.Server)]
    [InlineData(Carrier.Tls, Role.Client)]
    [InlineData(Carrier.EventLoopTls, Role.Client)]
    public async Task C3_Everything_accepted_arrives_before_the_close(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role, o => o with { MaxBufferedBytes = 32 * 1024 * 1024 });
        byte[] payload = EventLog.Payload(16 * 1024 * 1024);
        Task sending = peer.Connection.SendAsync(payload).AsTask();
        Assert.NotEqual(SendResult.Full, peer.Connection.TrySend("small"u8));
        Task<CloseResult> closing = peer.Connection.CloseAsync(CloseCode.Normal, "all said");

        List<byte> received = [];
        ReceivedFrame frame;
        do
        {
            frame = (await peer.ReadFrameAsync())!;
            received.AddRange(frame.Payload);
        }
        while (!frame.IsFinal);
        Assert.True(payload.AsSpan().SequenceEqual(received.ToArray()));
        await sending.Soon();
        Assert.Equal("small", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal("all said", (await peer.ReadFrameAsync())!.CloseReason);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        CloseResult result = await closing.Soon();
        Assert.Equal((true, 0L, 0L), (result.IsClean, result.UnsentMessages, result.UnsentBytes));
    }

    [Fact]
    public async Task C3_Peer_that_takes_nothing_is_reset_at_the_end_of_the_timeout()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { WriteStallTimeout = TimeSpan.Zero }, capacity: 1000);
        peer.Connection.TrySend(new byte[10_000]);
        peer.Connection.TrySend(new byte[10]);
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        peer.Time.Advance(Timeout - Moment);
        Assert.False(closing.IsCompleted);
        peer.Time.Advance(Moment);
        CloseResult result = await closing.Soon();
        Assert.Equal((CloseCause.Local, false, (CloseCode?)null, 2L), (result.Cause, result.IsClean, result.SentCode, result.UnsentMessages));
        Assert.Equal(CloseCode.Abnormal, result.Code);
        await Assert.ThrowsAsync<IOException>(peer.ReadToEndAsync);
    }

    [Fact]
    public async Task C3_Timeout_counts_time_without_progress_while_data_drains()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { WriteStallTimeout = TimeSpan.Zero }, capacity: 1000);
        const int Count = 20;
        for (int i = 0; i < Count; i++)
            peer.Connection.TrySend(new byte[17_000]); // each leaves by itself
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        for (int i = 0; i < Count; i++)
        {
            peer.Time.Advance(Timeout - Moment);
            Assert.False(closing.IsCompleted);
            long before = peer.Own.BytesSent;
            Assert.Equal(17_000, (await peer.ReadFrameAsync())!.Payload.Length);
            await Settle.UntilAsync(() => peer.Own.BytesSent > before);
        }

        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await closing.Soon()).IsClean);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task C3_Peer_that_never_answers_close_is_given_up_in_the_ordinary_way(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        Task<CloseResult> closing = peer.Connection.CloseAsync(CloseCode.Normal, "hello?");
        Assert.Equal("hello?", (await peer.ReadFrameAsync())!.CloseReason);
        peer.Time.Advance(Timeout - Moment);
        Assert.False(closing.IsCompleted);
        peer.Time.Advance(Moment);
        Assert.Equal(
            new CloseResult
            {
                Cause = CloseCause.Local,
                Initiator = CloseInitiator.Local,
                SentCode = CloseCode.Normal,
                SentReason = "hello?",
            },
            await closing.Soon());
        Assert.Null(await peer.ReadFrameAsync()); // FIN, no reset
    }

    [Theory]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Client, true)]
    [InlineData(Role.Client, false)]
    public async Task C3_Peer_that_never_ends_its_transport_is_given_up(Role role, bool peerBegins)
    {
        await using RawPeer peer = RawPeer.Open(role);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        if (!peerBegins)
            _ = peer.Connection.CloseAsync();
        else
            await peer.SendAsync(peer.CloseFrame());
        await peer.ReadFrameAsync();
        if (!peerBegins)
            await peer.SendAsync(peer.CloseFrame());
        if (role == Role.Server)
            Assert.Null(await peer.ReadFrameAsync());
        await Settle.UntilAsync(() => peer.Connection.Close.Snapshot().IsClean);
        peer.Time.Advance(Timeout - Moment);
        Assert.False(peer.Connection.Closed.IsCompleted);
        peer.Time.Advance(Moment);
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
        Assert.Null(await peer.ReadFrameAsync());
        Assert.Empty(await reading.Soon());
    }

    [Fact]
    public async Task C3_Peer_that_sends_on_after_close_does_not_extend_the_timeout()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        await peer.ReadFrameAsync();
        for (int i = 0; i < 5; i++)
        {
            Assert.False(closing.IsCompleted);
            await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[1000]));
            await Settle.UntilAsync(() => peer.Connection.Deadlines.LastReceived == peer.Time.GetTimestamp());
            peer.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.False((await closing.Soon()).IsClean);
    }

    [Fact]
    public async Task C3_Timeout_after_the_close_was_taken_starts_anew()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { WriteStallTimeout = TimeSpan.Zero }, capacity: 1000);
        peer.Connection.TrySend(new byte[10_000]);
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        peer.Time.Advance(TimeSpan.FromSeconds(4));
        await peer.ReadFrameAsync();
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await Settle.UntilAsync(() => peer.Connection.BufferedBytes == 0);
        peer.Time.Advance(Timeout - Moment);
        Assert.False(closing.IsCompleted);
        peer.Time.Advance(Moment);
        Assert.Equal(CloseCode.Normal, (await closing.Soon()).SentCode);
    }

    [Fact]
    public async Task C3_Silence_during_the_handshake_is_not_taken_for_an_idle_peer()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { CloseTimeout = TimeSpan.FromMinutes(5) });
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        await peer.ReadFrameAsync();
        peer.Time.Advance(TimeSpan.FromMinutes(4));
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await closing.Soon()).IsClean);
    }

    [Fact]
    public async Task C3_Handshake_of_a_broken_output_ends_after_the_grace()
    {
        // The peer resets its reading side alone: what it has sent is still delivered.
        await using RawPeer peer = RawPeer.Create(wrap: inner => new ScriptedTransport(inner, failSend: 0));
        peer.Connection.Start();
        await peer.SendAsync(peer.TextFrame("said before"), peer.TextFrame("said after"));
        await peer.Connection.SendTextAsync("lost");
        await Settle.UntilAsync(() => peer.Connection.Send.IsBroken);
        Assert.Equal("said before", await ReadingTests.ReadTextAsync(peer.Connection));
        Assert.Equal("said after", await ReadingTests.ReadTextAsync(peer.Connection));
        await peer.SendAsync(peer.TextFrame("said late"));
        Assert.Equal("said late", await ReadingTests.ReadTextAsync(peer.Connection));
        peer.Time.Advance(TimeSpan.FromMilliseconds(500));
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.TransportFailed, "scripted", 1L), (result.Cause, result.Exception?.Message, result.UnsentMessages));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task C3_Close_of_the_peer_that_cannot_be_answered_ends_at_once(bool isViolation)
    {
        await using RawPeer peer = RawPeer.Create(wrap: inner => new ScriptedTransport(inner, failSend: 0));
        peer.Connection.Start();
        await peer.Connection.SendTextAsync("lost");
        await Settle.UntilAsync(() => peer.Connection.Send.IsBroken);
        await peer.SendAsync(isViolation ? [0xFF, 0xFF] : peer.CloseFrame(CloseCode.GoingAway));
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.TransportFailed, false), (result.Cause, result.IsClean));
        Assert.Equal(isViolation ? null : CloseCode.GoingAway, result.ReceivedCode);
        await reading.Soon();
    }
}
