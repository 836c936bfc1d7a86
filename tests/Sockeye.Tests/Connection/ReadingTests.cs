using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rules R1 and R3: one reader, and the ways to read.</summary>
public sealed class ReadingTests
{
    [Fact]
    public async Task R1_Read_while_another_waits_throws_and_disturbs_nothing()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<string> first = ReadTextAsync(peer.Connection);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);

        Assert.Throws<InvalidOperationException>(() => { _ = peer.Connection.ReceiveAsync().IsCompleted; });
        Assert.Throws<InvalidOperationException>(() =>
        {
            _ = peer.Connection.ReadAllAsync().GetAsyncEnumerator().MoveNextAsync().IsCompleted;
        });
        await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await peer.Connection.ReadEventsAsync().GetAsyncEnumerator().MoveNextAsync());

        await peer.SendTextAsync("one");
        Assert.Equal("one", await first.Soon());
        await peer.SendTextAsync("two");
        Assert.Equal("two", await ReadTextAsync(peer.Connection).Soon());
    }

    [Fact]
    public async Task R1_Read_awaited_twice_throws()
    {
        await using RawPeer peer = RawPeer.Open();
        ValueTask<WebSocketMessage> read = peer.Connection.ReceiveAsync();
        await peer.SendTextAsync("one");
        Assert.Equal("one", (await read).GetText());
        await peer.SendTextAsync("two");
        ValueTask<WebSocketMessage> next = peer.Connection.ReceiveAsync();
        if (!next.IsCompleted)
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await read);
        Assert.Equal("two", (await next).GetText());
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task R3_ReadAllAsync_ends_after_a_clean_close(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        await peer.SendAsync(peer.TextFrame("a"), peer.Frame(Opcode.Binary, [66]), peer.CloseFrame(CloseCode.GoingAway, "bye"));
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Text a", "Binary B"], await reading.Soon());
    }

    [Fact]
    public async Task R3_ReadAllAsync_throws_after_an_abnormal_end()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        await peer.SendTextAsync("a");
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Text a", "Threw 1006"], await reading.Soon());
    }

    [Fact]
    public async Task R3_ThrowOnAbnormalClose_off_ends_normally()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ThrowOnAbnormalClose = false });
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        await peer.SendTextAsync("a");
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Text a"], await reading.Soon());
        Assert.True((await peer.Connection.ReceiveAsync()).IsEnd);
        Assert.Equal(CloseCause.TransportEnded, (await peer.Connection.Closed).Cause);
    }

    [Fact]
    public async Task R3_Read_after_the_end_gives_the_same_end_again()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.Transport.ShutdownAsync();
        CloseResult result = await peer.Connection.Closed.Soon();
        for (int i = 0; i < 3; i++)
        {
            WebSocketClosedException e = await Assert.ThrowsAsync<WebSocketClosedException>(
                async () => await peer.Connection.ReceiveAsync());
            Assert.Same(result, e.Result);
        }

        Assert.Equal(["Close 1006 "], await EventLog.ReadEventsAsync(peer.Connection).Soon());
    }

    [Fact]
    public async Task R3_ReceiveAsync_returns_the_end_after_a_clean_close()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<WebSocketMessage> read = peer.Connection.ReceiveAsync().AsTask();
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        WebSocketMessage end = await read.Soon();
        Assert.True(end.IsEnd);
        Assert.Equal(WebSocketMessageKind.End, end.Kind);
        Assert.Throws<InvalidOperationException>(() => end.Length);
        Assert.True((await peer.Connection.ReceiveAsync()).IsEnd);
    }

    [Fact]
    public async Task R3_ReadAllOwnedAsync_gives_messages_that_may_be_kept()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("a"), peer.Frame(Opcode.Binary, [1, 2]), peer.TextFrame("c"), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        List<OwnedMessage> kept = [];
        await foreach (OwnedMessage message in peer.Connection.ReadAllOwnedAsync())
            kept.Add(message);
        Assert.Equal(["a", "\u0001\u0002", "c"], kept.Select(message => message.GetText()));
        Assert.Equal([true, false, true], kept.Select(message => message.IsText));
    }

    [Theory]
    [InlineData(false, 1000, "done", "Close 1000 done")]
    [InlineData(false, 4999, "", "Close 4999 ")]
    [InlineData(true, 0, "", "Close 1005 ")]
    public async Task R3_ReadEventsAsync_gives_everything_in_order_and_the_close_last(bool isEmpty, int code, string reason, string last)
    {
        await using RawPeer peer = RawPeer.Open();
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        await peer.SendAsync(
            peer.Frame(Opcode.Pong, "p0"u8),
            peer.TextFrame("a"),
            peer.Frame(Opcode.Ping, "p1"u8),
            peer.Frame(Opcode.Text, "b1"u8, isFinal: false),
            peer.Frame(Opcode.Ping, "p2"u8),
            peer.Frame(Opcode.Continuation, "b2"u8),
            peer.Frame(Opcode.Binary, []),
            peer.Frame(Opcode.Pong, []),
            isEmpty ? peer.Frame(Opcode.Close, []) : peer.CloseFrame((CloseCode)code, reason));
        await peer.Transport.ShutdownAsync();
        Assert.Equal(
            ["Pong p0", "Text a", "Ping p1", "Ping p2", "Text b1b2", "Binary ", "Pong ", last],
            await reading.Soon());
        List<ReceivedFrame> sent = await peer.ReadToEndAsync();
        Assert.Equal([Opcode.Pong, Opcode.Pong, Opcode.Close], sent.Select(frame => frame.Opcode));
        Assert.Equal(["p1", "p2"], sent.Take(2).Select(frame => frame.Text));
        Assert.Equal(isEmpty ? 1005 : code, sent[2].CloseCode);
    }

    [Fact]
    public async Task R3_ReadEventsAsync_shows_pings_and_pongs_from_before_the_first_read()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.Frame(Opcode.Pong, "0"u8), peer.TextFrame("a"), peer.Frame(Opcode.Ping, "1"u8));
        Assert.Equal("1", (await peer.ReadFrameAsync())!.Text); // answered before anybody reads
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Pong 0", "Text a", "Ping 1", "Close 1000 "], await EventLog.ReadEventsAsync(peer.Connection).Soon());
    }

    [Fact]
    public async Task R3_Control_frames_from_before_the_first_read_are_skipped_by_readers_of_messages()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.Frame(Opcode.Pong, "0"u8), peer.Frame(Opcode.Ping, "1"u8), peer.TextFrame("a"));
        Assert.Equal("1", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal("a", await ReadTextAsync(peer.Connection).Soon());
    }

    [Theory]
    [InlineData("eof", 1006, CloseCause.TransportEnded)]
    [InlineData("reset", 1006, CloseCause.TransportFailed)]
    [InlineData("violation", 1002, CloseCause.Violation)]
    [InlineData("abort", 1006, CloseCause.Aborted)]
    public async Task R3_ReadEventsAsync_never_throws(string how, int code, CloseCause cause)
    {
        await using RawPeer peer = RawPeer.Open();
        Task<List<WebSocketEvent>> reading = Task.Run(async () =>
        {
            List<WebSocketEvent> events = [];
            await foreach (WebSocketEvent e in peer.Connection.ReadEventsAsync())
                events.Add(e);
            return events;
        });
        if (how == "violation")
            await peer.SendAsync([0x83, 0x80, 0, 0, 0, 0]);
        if (how == "abort")
            peer.Connection.Abort();
        else if (how == "reset")
            peer.Transport.Abort();
        else
            await peer.Transport.ShutdownAsync();

        WebSocketEvent end = Assert.Single(await reading.Soon());
        Assert.Equal((code, cause), ((int)end.CloseCode, end.Close.Cause));
        Assert.Same(end.Close, await peer.Connection.Closed);
        Assert.Throws<InvalidOperationException>(() => end.Message);
    }

    [Fact]
    public async Task R3_AutoPong_off_leaves_the_answer_to_the_application()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { AutoPong = false });
        Task reading = Task.Run(async () =>
        {
            await foreach (WebSocketEvent e in peer.Connection.ReadEventsAsync())
            {
                if (e.Kind == WebSocketEventKind.Ping)
                    await peer.Connection.SendPongAsync(e.ToArray().Reverse().ToArray());
            }
        });
        await peer.SendAsync(peer.Frame(Opcode.Ping, "abc"u8));
        ReceivedFrame pong = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Pong, "cba"), (pong.Opcode, pong.Text));
        peer.Connection.Abort();
        await reading.Soon();
    }

    internal static async Task<string> ReadTextAsync(WebSocketConnection connection) => (await connection.ReceiveAsync()).GetText();
}
