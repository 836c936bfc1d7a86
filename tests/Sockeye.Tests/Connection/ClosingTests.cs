using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rules C2, C4 and C5: a connection ends from anywhere, in every state, once, with one account.</summary>
public sealed class ClosingTests
{
    public static TheoryData<Carrier, Role> Lines => new MatrixTheoryData<Carrier, Role>(
        Enum.GetValues<Carrier>(), [Role.Server, Role.Client]);

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task C2_Close_from_this_side_is_a_whole_handshake(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
        await peer.Connection.SendTextAsync("last");
        Task<CloseResult> closing = peer.Connection.CloseAsync(CloseCode.GoingAway, "bye");
        Assert.False(peer.Connection.IsOpen);
        Assert.Equal("last", (await peer.ReadFrameAsync())!.Text);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1001, "bye", role == Role.Client), (close.Opcode, close.CloseCode, close.CloseReason, close.IsMasked));
        Assert.False(closing.IsCompleted);
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway, "so long"));
        if (role == Role.Client)
            await peer.Transport.ShutdownAsync();
        Assert.Null(await peer.ReadFrameAsync()); // the server ends TCP first; the client has waited for it
        if (role == Role.Server)
            await peer.Transport.ShutdownAsync();

        CloseResult result = await closing.Soon();
        Assert.Equal(
            new CloseResult
            {
                Cause = CloseCause.Local,
                Initiator = CloseInitiator.Local,
                IsClean = true,
                SentCode = CloseCode.GoingAway,
                SentReason = "bye",
                ReceivedCode = CloseCode.GoingAway,
                ReceivedReason = "so long",
            },
            result);
        Assert.Equal((CloseCode.GoingAway, "so long"), (result.Code, result.Reason));
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task C1_Close_from_the_peer_is_answered(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        await peer.SendAsync(peer.CloseFrame((CloseCode)4321, "enough"));
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((4321, "enough"), (close.CloseCode, close.CloseReason));
        if (role == Role.Client)
            await peer.Transport.ShutdownAsync();
        Assert.Null(await peer.ReadFrameAsync());
        if (role == Role.Server)
            await peer.Transport.ShutdownAsync();

        Assert.Equal(["Close 4321 enough"], await reading.Soon());
        Assert.Equal(
            new CloseResult
            {
                Cause = CloseCause.Peer,
                Initiator = CloseInitiator.Peer,
                IsClean = true,
                SentCode = (CloseCode)4321,
                SentReason = "enough",
                ReceivedCode = (CloseCode)4321,
                ReceivedReason = "enough",
            },
            await peer.Connection.Closed);
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task C2_Both_sides_close_at_once(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
        Task<CloseResult> closing = peer.Connection.CloseAsync(CloseCode.Normal, "mine");
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway, "theirs"));
        await peer.Transport.ShutdownAsync();
        List<ReceivedFrame> sent = await peer.ReadToEndAsync();
        Assert.Equal((1000, "mine"), (Assert.Single(sent).CloseCode, sent[0].CloseReason));
        CloseResult result = await closing.Soon();
        Assert.Equal(
            new CloseResult
            {
                Cause = CloseCause.Local,
                Initiator = CloseInitiator.Local,
                IsClean = true,
                SentCode = CloseCode.Normal,
                SentReason = "mine",
                ReceivedCode = CloseCode.GoingAway,
                ReceivedReason = "theirs",
            },
            result);
    }

    [Fact]
    public async Task C2_Close_without_a_code_sends_an_empty_frame()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<CloseResult> closing = peer.Connection.CloseAsync(CloseCode.NoStatus);
        Assert.Empty((await peer.ReadFrameAsync())!.Payload);
        await peer.SendAsync(peer.Frame(Opcode.Close, []));
        await peer.Transport.ShutdownAsync();
        CloseResult result = await closing.Soon();
        Assert.Equal(
            (CloseCode.NoStatus, CloseCode.NoStatus, CloseCode.NoStatus, true),
            (result.Code, result.SentCode, result.ReceivedCode, result.IsClean));
    }

    [Fact]
    public async Task C2_Close_from_many_threads_sends_one_frame_and_gives_one_account()
    {
        for (int round = 0; round < 50; round++)
        {
            await using RawPeer peer = RawPeer.Open();
            Task<CloseResult>[] closing = [.. Enumerable.Range(0, 16).Select(i => Task.Run(() => (i % 4) switch
            {
                0 => peer.Connection.Closed,
                1 => DisposeAsync(peer.Connection),
                _ => peer.Connection.CloseAsync((CloseCode)(4000 + i), $"{i}"),
            }))];
            ReceivedFrame close = (await peer.ReadFrameAsync())!;
            await peer.SendAsync(peer.CloseFrame());
            await peer.Transport.ShutdownAsync();
            Assert.Null(await peer.ReadFrameAsync());
            CloseResult[] results = await Task.WhenAll(closing).Soon();
            Assert.All(results, result => Assert.Same(results[0], result));
            Assert.Equal(close.CloseCode, (int)results[0].SentCode!);
        }

        static async Task<CloseResult> DisposeAsync(WebSocketConnection connection)
        {
            await connection.DisposeAsync();
            return await connection.Closed;
        }
    }

    [Fact]
    public async Task C2_Close_inside_the_read_loop_gives_the_waiting_reader_what_still_comes()
    {
        await using RawPeer peer = RawPeer.Create();
        List<string> seen = [];
        Task<CloseResult>? closing = null;
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                seen.Add(message.GetText());
                closing ??= socket.CloseAsync(CloseCode.Normal, "first", CancellationToken.None);
                Assert.Throws<WebSocketClosedException>(() => socket.OpenMessage());
            }
        });
        await peer.SendTextAsync("0");
        Assert.Equal("first", (await peer.ReadFrameAsync())!.CloseReason);
        await peer.SendAsync(peer.TextFrame("1"), peer.TextFrame("2"), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal(["0", "1", "2"], seen);
        Assert.True((await closing!.Soon()).IsClean);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C2_Close_awaited_inside_the_handler_completes(bool offTheLoop)
    {
        await using RawPeer peer = RawPeer.Create();
        CloseResult? result = null;
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await socket.ReceiveAsync(cancel);
            if (offTheLoop)
                await Task.Yield();
            result = await socket.CloseAsync(CloseCode.Normal, "inside", cancel);
        });
        await peer.SendAsync(peer.TextFrame("0"), peer.TextFrame("1"));
        Assert.Equal("inside", (await peer.ReadFrameAsync())!.CloseReason);
        await peer.SendAsync(peer.TextFrame("2"), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Same(result, await peer.Connection.Closed);
        Assert.True(result!.IsClean);
    }

    [Fact]
    public async Task C2_Reading_ahead_no_longer_limits_once_our_close_is_queued()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 1000 });
        await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[2000]));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        for (int i = 0; i < 50; i++)
            await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[50_000]));
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await closing.Soon()).IsClean);
        // What had been read ahead before is still there.
        Assert.Equal(2000, (await peer.Connection.ReceiveAsync()).Length);
        Assert.True((await peer.Connection.ReceiveAsync()).IsEnd);
    }

    [Fact]
    public async Task C2_Token_ends_the_wait_alone()
    {
        await using RawPeer peer = RawPeer.Open();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => peer.Connection.CloseAsync(CloseCode.Normal, "go", new CancellationToken(canceled: true)));
        Assert.Equal("go", (await peer.ReadFrameAsync())!.CloseReason);

        using var source = new CancellationTokenSource();
        Task<CloseResult> closing = peer.Connection.CloseAsync(cancellationToken: source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => closing);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
    }

    [Fact]
    public async Task C2_Codes_and_reasons_that_must_not_be_sent_throw_at_the_call()
    {
        await using RawPeer peer = RawPeer.Open();
        for (int code = -1; code <= 70_000; code++)
        {
            bool isAllowed = code is >= 1000 and <= 1003 or 1005 or >= 1007 and <= 1014 or >= 3000 and <= 4999;
            if (!isAllowed)
                Assert.Throws<ArgumentException>(() => { _ = peer.Connection.CloseAsync((CloseCode)code); });
        }

        Assert.Throws<ArgumentException>(() => { _ = peer.Connection.CloseAsync(CloseCode.Normal, new string('x', 124)); });
        Assert.Throws<ArgumentException>(() => { _ = peer.Connection.CloseAsync(CloseCode.Normal, new string('ä', 62)); });
        Assert.Throws<ArgumentException>(() => { _ = peer.Connection.CloseAsync(CloseCode.NoStatus, "why"); });
        Assert.Throws<ArgumentNullException>(() => { _ = peer.Connection.CloseAsync(CloseCode.Normal, null!); });
        Assert.True(peer.Connection.IsOpen);
        _ = peer.Connection.CloseAsync(CloseCode.Normal, new string('x', 123));
        Assert.Equal(123, (await peer.ReadFrameAsync())!.CloseReason.Length);
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task C5_End_without_close_is_1006_at_once(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        await peer.SendAsync(peer.TextFrame("a"), peer.Frame(Opcode.Text, "cut"u8)[..3]);
        await peer.Transport.ShutdownAsync();
        Assert.Null(await peer.ReadFrameAsync());
        Assert.Equal(["Text a", "Close 1006 "], await reading.Soon());
        Assert.Equal(
            new CloseResult { Cause = CloseCause.TransportEnded, Initiator = CloseInitiator.Peer }, await peer.Connection.Closed);
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task C5_Reset_in_the_middle_of_a_frame_is_1006_with_its_cause(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        await peer.SendAsync(peer.TextFrame("a"), peer.Frame(Opcode.Ping, []), peer.Frame(Opcode.Text, new byte[1000])[..500]);
        await peer.ReadFrameAsync();
        peer.Transport.Abort();
        Assert.Equal(["Text a", "Ping ", "Close 1006 "], await reading.Soon());
        CloseResult result = await peer.Connection.Closed;
        Assert.Equal((CloseCause.TransportFailed, CloseInitiator.Peer, false), (result.Cause, result.Initiator, result.IsClean));
        Assert.IsType<IOException>(result.Exception, exactMatch: false);
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task C5_Peer_that_closes_and_is_gone_at_once_leaves_a_clean_account(Carrier carrier, Role role)
    {
        // Many clients end TCP without waiting; what is reported then must not depend on who was faster.
        for (int i = 0; i < 20; i++)
        {
            await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
            Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
            await peer.SendAsync(peer.TextFrame("a"), peer.CloseFrame(CloseCode.Normal, "bye"));
            await peer.ReadFrameAsync();
            peer.Transport.Abort();
            Assert.Equal(["Text a", "Close 1000 bye"], await reading.Soon());
            CloseResult result = await peer.Connection.Closed;
            Assert.Equal((CloseCause.Peer, true, (Exception?)null), (result.Cause, result.IsClean, result.Exception));
        }
    }

    [Theory]
    [InlineData("idle")]
    [InlineData("reading")]
    [InlineData("writing")]
    [InlineData("stopped")]
    [InlineData("paused")]
    [InlineData("closing")]
    [InlineData("draining")]
    [InlineData("never started")]
    public async Task C4_Abort_ends_at_once_in_every_state(string state)
    {
        await using RawPeer peer = RawPeer.Create(configure: o => o with { ReadAhead = 1000 }, capacity: 5000);
        if (state != "never started")
            peer.Connection.Start();
        Task<List<string>>? reading = state == "reading" ? EventLog.ReadEventsAsync(peer.Connection) : null;
        switch (state)
        {
            case "reading":
                await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);
                break;
            case "writing":
                peer.Connection.TrySend(new byte[100_000]);
                await Settle.UntilAsync(() => peer.Connection.BufferedBytes > 0);
                break;
            case "stopped":
                await peer.SendAsync(peer.TextFrame("0"), peer.CloseFrame());
                await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
                break;
            case "paused":
                await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[2000]));
                await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
                break;
            case "closing":
                _ = peer.Connection.CloseAsync();
                await peer.ReadFrameAsync();
                break;
            case "draining":
                _ = peer.Connection.CloseAsync();
                await peer.ReadFrameAsync();
                await peer.SendAsync(peer.CloseFrame());
                Assert.Null(await peer.ReadFrameAsync());
                break;
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(peer.Connection.Abort)));
        CloseResult result = await peer.Connection.Closed;
        Assert.True(peer.Connection.Closed.IsCompletedSuccessfully);
        Assert.Equal(state is "closing" or "draining" ? CloseCause.Local : CloseCause.Aborted, result.Cause);
        Assert.Equal(state is "draining", result.IsClean);
        Assert.Equal(state == "writing" ? 1 : 0, result.UnsentMessages);
        Assert.Equal(SendResult.Closed, peer.Connection.TrySend([1]));
        if (reading is not null)
            Assert.Equal(["Close 1006 "], await reading.Soon());
        // What waits to be read is dropped.
        if (result.IsClean)
            Assert.True((await peer.Connection.ReceiveAsync()).IsEnd);
        else
            await Assert.ThrowsAsync<WebSocketClosedException>(async () => await peer.Connection.ReceiveAsync());
    }

    [Fact]
    public async Task C5_Closed_completes_for_those_who_ask_before_and_after()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<CloseResult> before = peer.Connection.Closed;
        Assert.Same(before, peer.Connection.Closed);
        peer.Connection.Abort();
        CloseResult result = await before.Soon();
        Assert.Same(result, await peer.Connection.Closed);
        Assert.Same(result, await peer.Connection.CloseAsync());
        await peer.Connection.DisposeAsync();
        await peer.Connection.DisposeAsync();
        WebSocketClosedException sending = await Assert.ThrowsAsync<WebSocketClosedException>(
            async () => await peer.Connection.SendTextAsync("x"));
        Assert.Same(result, sending.Result);
    }
}
