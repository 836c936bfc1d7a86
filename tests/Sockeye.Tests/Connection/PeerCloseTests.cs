using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule C1: the peer's Close, and a violation, act in stream order, and wait for who reads no longer than the grace.</summary>
public sealed class PeerCloseTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task C1_Close_waits_until_what_came_before_it_has_been_read()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("0"), peer.TextFrame("1"), peer.CloseFrame(CloseCode.GoingAway));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal($"{i}", await ReadingTests.ReadTextAsync(peer.Connection));
            await peer.Connection.SendTextAsync($"reply {i}");
            Assert.Equal($"reply {i}", (await peer.ReadFrameAsync())!.Text);
            Assert.True(peer.Connection.IsOpen);
        }

        peer.Time.Advance(Grace - Moment);
        await peer.Connection.SendTextAsync("one more");
        Task<WebSocketMessage> end = peer.Connection.ReceiveAsync().AsTask();
        Assert.False(peer.Connection.IsOpen);
        Assert.Equal("one more", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        Assert.True((await end.Soon()).IsEnd);
    }

    [Fact]
    public async Task C1_Close_does_not_pass_a_message_that_a_reader_has_asked_for_and_not_yet_awaited()
    {
        await using RawPeer peer = RawPeer.Open();
        ValueTask<WebSocketMessage> read = peer.Connection.ReceiveAsync();
        await peer.SendAsync(peer.TextFrame("0"), peer.CloseFrame(CloseCode.GoingAway));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        Assert.True(peer.Connection.IsOpen);
        Assert.Equal("0", (await read).GetText());
        await peer.Connection.SendTextAsync("reply");
        Assert.Equal("reply", (await peer.ReadFrameAsync())!.Text);
        Task<WebSocketMessage> end = peer.Connection.ReceiveAsync().AsTask();
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        Assert.True((await end.Soon()).IsEnd);
    }

    [Fact]
    public async Task C1_Close_behind_pings_that_nobody_wants_acts_when_the_reader_asks()
    {
        await using RawPeer peer = RawPeer.Open();
        ValueTask<WebSocketMessage> read = peer.Connection.ReceiveAsync();
        await peer.SendTextAsync("0");
        Assert.Equal("0", (await read).GetText());
        EventSequence.Enumerator events = peer.Connection.ReadEventsAsync().GetAsyncEnumerator();
        ValueTask<bool> next = events.MoveNextAsync();
        await peer.SendTextAsync("1");
        Assert.True(await next);
        await peer.SendAsync(peer.Frame(Opcode.Ping, "unwanted"u8), peer.CloseFrame(CloseCode.GoingAway));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        Task<WebSocketMessage> end = peer.Connection.ReceiveAsync().AsTask();
        Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        Assert.True((await end.Soon()).IsEnd);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C1_Grace_ends_the_wait(bool isViolation)
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("0"), isViolation ? [0xF1, 0x80, 0, 0, 0, 0] : peer.CloseFrame(CloseCode.GoingAway));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        peer.Time.Advance(TimeSpan.Zero);
        peer.Time.Advance(Grace - Moment);
        Assert.True(peer.Connection.IsOpen);
        Assert.Equal(0, peer.Own.BytesSent);
        peer.Time.Advance(Moment);
        Assert.Equal(isViolation ? 1002 : 1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal(!isViolation, result.IsClean);
        Assert.Equal("0", await ReadingTests.ReadTextAsync(peer.Connection));
    }

    [Theory]
    [InlineData(Role.Server, false, 1)]
    [InlineData(Role.Server, true, 1)]
    [InlineData(Role.Client, false, null)]
    [InlineData(Role.Client, true, 1)]
    public async Task C3_Transport_hears_that_the_answer_is_the_last_where_this_side_ends_it(Role role, bool isViolation, int? sends)
    {
        ScriptedTransport transport = null!;
        await using RawPeer peer = RawPeer.Create(role, wrap: inner => transport = new ScriptedTransport(inner));
        peer.Connection.Start();
        await peer.Connection.SendTextAsync("before");
        Assert.Equal("before", (await peer.ReadFrameAsync())!.Text);
        Task<WebSocketMessage> end = peer.Connection.ReceiveAsync().AsTask();
        await peer.SendAsync(isViolation ? peer.Frame((Opcode)3, ""u8) : peer.CloseFrame(CloseCode.Normal));
        Assert.Equal(isViolation ? 1002 : 1000, (await peer.ReadFrameAsync())!.CloseCode);
        Assert.Equal(sends, transport.SendsBeforeLast);
        await peer.Transport.ShutdownAsync();
        _ = await Record.ExceptionAsync(() => end.Soon());
    }

    [Fact]
    public async Task C3_Transport_holds_nothing_back_while_a_streamed_message_is_open()
    {
        ScriptedTransport transport = null!;
        await using RawPeer peer = RawPeer.Create(wrap: inner => transport = new ScriptedTransport(inner));
        peer.Connection.Start();
        await using StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await streamed.WriteAsync("one"u8.ToArray());
        Assert.Equal("one", (await peer.ReadFrameAsync())!.Text);
        Task<WebSocketMessage> end = peer.Connection.ReceiveAsync().AsTask();
        await peer.SendAsync(peer.CloseFrame(CloseCode.Normal));
        await Settle.UntilAsync(() => !peer.Connection.IsOpen);

        await streamed.CompleteAsync("two"u8.ToArray());

        Assert.Equal("two", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        Assert.Null(transport.SendsBeforeLast);
        await peer.Transport.ShutdownAsync();
        Assert.True((await end.Soon()).IsEnd);
    }

    [Fact]
    public async Task C1_Receiving_stops_at_once_with_the_close()
    {
        ScriptedTransport transport = null!;
        await using RawPeer peer = RawPeer.Create(wrap: inner => transport = new ScriptedTransport(inner));
        peer.Connection.Start();
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        await peer.SendAsync(peer.Frame(Opcode.Ping, "too late"u8));
        Assert.Equal((1, 1), (transport.Receives, transport.CompletedReceives));
        peer.Time.Advance(Grace);
        await peer.Transport.ShutdownAsync();
        Assert.Equal([Opcode.Close], (await peer.ReadToEndAsync()).Select(frame => frame.Opcode));
        await peer.Connection.Closed.Soon();
    }

    [Theory]
    [InlineData(Role.Server, 1, 1 << 20)]
    [InlineData(Role.Server, 64 * 1024, 1 << 20)]
    [InlineData(Role.Server, 64 * 1024, 100)]
    [InlineData(Role.Client, 64 * 1024, 1 << 20)]
    [InlineData(Role.Client, 1, 100)]
    public async Task C1_Replies_to_what_came_before_a_violation_leave_before_the_close(Role role, int readAhead, int capacity)
    {
        await using RawPeer peer = RawPeer.Create(role, o => o with { ReadAhead = readAhead }, capacity);
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                if (message.Length % 2 == 0)
                    await Task.Yield();
                await socket.SendAsync(message, cancel);
            }
        });
        byte[] input = [.. Enumerable.Range(1, 40).SelectMany(i => peer.TextFrame(new string('x', i)))];
        Task sending = peer.SendAsync([.. input, 0x83, (byte)(role == Role.Server ? 0x80 : 0), 0, 0, 0, 0, .. peer.TextFrame("after")]);
        List<ReceivedFrame> sent = [];
        while (sent.Count == 0 || sent[^1].Opcode != Opcode.Close)
            sent.Add((await peer.ReadFrameAsync())!);
        Assert.Equal(Enumerable.Range(1, 40), sent.SkipLast(1).Select(frame => frame.Payload.Length));
        Assert.Equal((1002, "reserved opcode"), (sent[^1].CloseCode, sent[^1].CloseReason));
        await sending.Soon();
        Assert.Null(await peer.ReadFrameAsync()); // who fails the connection ends it, in both roles
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        CloseResult result = await peer.Connection.Closed;
        Assert.Equal(
            new CloseResult
            {
                Cause = CloseCause.Violation,
                Violation = Violation.Of(Rule.OpcodeMustBeKnown),
                Initiator = CloseInitiator.Local,
                SentCode = CloseCode.ProtocolError,
                SentReason = "reserved opcode",
            },
            result);
        Assert.Equal(CloseCode.ProtocolError, result.Code);
    }
}
