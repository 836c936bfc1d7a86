using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rules S4, S5 and S6: fragments, and the lane of pings and pongs.</summary>
public sealed class ControlLaneTests
{
    private static readonly Func<WebSocketConnectionOptions, WebSocketConnectionOptions> LowMarks =
        options => options with { HighWaterMark = 100, LowWaterMark = 10 };

    [Theory]
    [InlineData(Role.Server, 4, 10, new[] { 4, 4, 2 })]
    [InlineData(Role.Client, 4, 10, new[] { 4, 4, 2 })]
    [InlineData(Role.Server, 4, 8, new[] { 4, 4 })]
    [InlineData(Role.Server, 4, 4, new[] { 4 })]
    [InlineData(Role.Server, 4, 0, new[] { 0 })]
    [InlineData(Role.Server, 0, 100_000, new[] { 100_000 })]
    [InlineData(Role.Client, 40_000, 100_000, new[] { 40_000, 40_000, 20_000 })]
    [InlineData(Role.Server, 40_000, 100_000, new[] { 40_000, 40_000, 20_000 })]
    [InlineData(Role.Server, 1 << 20, 1 << 20, new[] { 1 << 20 })]
    [InlineData(Role.Client, 1 << 20, (1 << 20) + 1, new[] { 1 << 20, 1 })]
    public async Task S4_Messages_above_FragmentSize_leave_as_fragments(Role role, int fragmentSize, int length, int[] expected)
    {
        await using RawPeer peer = GatedPeer.Open(role, options => options with { FragmentSize = fragmentSize }, capacity: 4 << 20);
        byte[] payload = GatedPeer.Bytes(length);
        for (int way = 0; way < 3; way++)
        {
            ValueTask sent = default;
            if (way == 0)
                sent = peer.Connection.SendAsync(payload);
            else if (way == 1)
                Assert.NotEqual(SendResult.Full, peer.Connection.TrySend(payload));
            else
                sent = peer.Connection.SendSpanAsync<byte>(payload);
            List<byte> received = [];
            for (int i = 0; i < expected.Length; i++)
            {
                ReceivedFrame frame = (await peer.ReadFrameAsync())!;
                Assert.Equal((i == 0 ? Opcode.Binary : Opcode.Continuation, i == expected.Length - 1), (frame.Opcode, frame.IsFinal));
                Assert.Equal(expected[i], frame.Payload.Length);
                received.AddRange(frame.Payload);
            }

            Assert.True(received.ToArray().AsSpan().SequenceEqual(payload));
            await sent.Soon();
        }

        Assert.Equal(0, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S4_Text_above_FragmentSize_leaves_as_fragments_that_are_text_together()
    {
        await using RawPeer peer = GatedPeer.Open(configure: options => options with { FragmentSize = 5 });
        await peer.Connection.SendTextAsync("ä€😀 ä€😀");
        ReceivedFrame message = await peer.ReadMessageAsync();
        Assert.Equal((Opcode.Text, "ä€😀 ä€😀"), (message.Opcode, message.Text));
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S5_Pings_pass_between_the_fragments_of_a_large_message_while_the_peer_reads_slowly(Role role)
    {
        await using RawPeer peer = GatedPeer.Open(role, capacity: 64 * 1024);
        byte[] payload = GatedPeer.Bytes(10 << 20);
        Task sent = peer.Connection.SendAsync(payload).AsTask();
        List<byte> received = [];
        Task<TimeSpan> pinged = Task.FromResult(TimeSpan.Zero);
        int fragments = 0;
        int pings = 0;
        while (fragments < 10)
        {
            if (fragments == 1 + (3 * pings) && pinged.IsCompleted)
                pinged = peer.Connection.PingAsync();
            ReceivedFrame frame = (await peer.ReadFrameAsync())!;
            if (frame.Opcode == Opcode.Ping)
            {
                // At most the one fragment that was under way has come before it.
                Assert.InRange(fragments - (1 + (3 * pings)), 0, 1);
                await peer.SendAsync(peer.Frame(Opcode.Pong, frame.Payload));
                await pinged.Soon();
                pings++;
                continue;
            }

            fragments++;
            received.AddRange(frame.Payload);
        }

        Assert.True(received.ToArray().AsSpan().SequenceEqual(payload));
        Assert.Equal(3, pings);
        await sent.Soon();
    }

    [Fact]
    public async Task S5_PingAsync_overtakes_queued_messages_and_returns_the_round_trip_time()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: LowMarks);
        ValueTask sent = peer.Connection.SendAsync(new byte[200]);
        Task<TimeSpan> pinged = peer.Connection.PingAsync("mine"u8.ToArray());
        Task<TimeSpan> second = peer.Connection.PingAsync();
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Ping, "mine"), (ping.Opcode, ping.Text));
        ping = (await peer.ReadFrameAsync())!;
        Assert.Equal(Opcode.Ping, ping.Opcode);
        Assert.Equal(200, (await peer.ReadFrameAsync())!.Payload.Length);
        await sent;

        peer.Time.Advance(TimeSpan.FromMilliseconds(123));
        await peer.SendAsync(peer.Frame(Opcode.Pong, "mine"u8));
        Assert.Equal(TimeSpan.FromMilliseconds(123), await pinged.Soon());
        Assert.False(second.IsCompleted);
        peer.Time.Advance(TimeSpan.FromMilliseconds(1));
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        Assert.Equal(TimeSpan.FromMilliseconds(124), await second.Soon());
    }

    [Fact]
    public async Task S5_A_pong_to_the_newest_ping_answers_those_that_left_before_it()
    {
        await using RawPeer peer = GatedPeer.Open();
        Task<TimeSpan>[] pinged = [.. Enumerable.Range(0, 5).Select(_ => peer.Connection.PingAsync())];
        ReceivedFrame[] pings = new ReceivedFrame[5];
        for (int i = 0; i < 5; i++)
            pings[i] = (await peer.ReadFrameAsync())!;
        Assert.Equal(5, pings.DistinctBy(ping => ping.Text).Count());
        await peer.SendAsync(peer.Frame(Opcode.Pong, pings[3].Payload));
        for (int i = 0; i < 4; i++)
            await pinged[i].Soon();
        Assert.False(pinged[4].IsCompleted);
        await peer.SendAsync(peer.Frame(Opcode.Pong, "unasked"u8), peer.Frame(Opcode.Pong, []), peer.Frame(Opcode.Pong, pings[4].Payload));
        await pinged[4].Soon();
    }

    [Fact]
    public async Task S5_A_pong_to_a_ping_that_has_not_left_answers_nothing()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        Task<TimeSpan> pinged = peer.Connection.PingAsync("guess"u8.ToArray());
        await peer.SendAsync(peer.Frame(Opcode.Pong, "guess"u8));
        await peer.SendTextAsync("mark");
        await peer.Connection.ReceiveAsync().Soon();
        Assert.False(pinged.IsCompleted);
    }

    [Fact]
    public async Task S5_ConfirmAsync_does_not_overtake_and_is_not_answered_by_what_overtook_it()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: LowMarks);
        ValueTask sent = peer.Connection.SendAsync(new byte[200]);
        Task<TimeSpan> confirmed = peer.Connection.ConfirmAsync();
        Task<TimeSpan> pinged = peer.Connection.PingAsync();
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the lane
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the message and what stands behind it
        await peer.ReadFirstAsync();
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        await pinged.Soon();
        Assert.False(confirmed.IsCompleted);

        peer.Gate().Release();
        await sent;
        Assert.Equal(200, (await peer.ReadFrameAsync())!.Payload.Length);
        ping = (await peer.ReadFrameAsync())!;
        Assert.Equal(Opcode.Ping, ping.Opcode);
        // A peer that answers the newest ping alone: it left after the one that confirms.
        Task<TimeSpan> newest = peer.Connection.PingAsync();
        ping = (await peer.ReadFrameAsync())!;
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        await newest.Soon();
        await confirmed.Soon();
    }

    [Fact]
    public async Task S5_Close_goes_behind_every_accepted_message_though_pings_pass()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: LowMarks);
        ValueTask large = peer.Connection.SendAsync(new byte[20_000]);
        ValueTask small = peer.Connection.SendAsync(new byte[200]);
        Task<TimeSpan> pinged = peer.Connection.PingAsync();
        Task<CloseResult> closed = peer.Connection.CloseAsync(CloseCode.Normal, "done");
        peer.Gate().Release();
        await large;
        await small;
        await peer.ReadFirstAsync();
        Opcode[] order = [Opcode.Ping, Opcode.Binary, Opcode.Binary, Opcode.Close];
        foreach (Opcode opcode in order)
            Assert.Equal(opcode, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await closed.Soon()).IsClean);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => pinged.Soon());
    }

    [Fact]
    public async Task S5_PingAsync_whose_token_fires_ends_the_wait_alone()
    {
        await using RawPeer peer = GatedPeer.Open();
        using var cancel = new CancellationTokenSource();
        Task<TimeSpan> pinged = peer.Connection.PingAsync(cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pinged.Soon());
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        Task<TimeSpan> second = peer.Connection.PingAsync();
        ping = (await peer.ReadFrameAsync())!;
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        await second.Soon();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task S6_Ten_pings_below_the_high_water_mark_get_ten_pongs(bool isStreamOpen)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        StreamedMessage? streamed = isStreamOpen ? peer.Connection.OpenMessage() : null;
        for (int i = 0; i < 10; i++)
            await peer.SendAsync(peer.Frame(Opcode.Ping, [(byte)i]));
        await peer.SendTextAsync("mark");
        await peer.Connection.ReceiveAsync().Soon();
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        for (int i = 0; i < 10; i++)
        {
            ReceivedFrame pong = (await peer.ReadFrameAsync())!;
            Assert.Equal(Opcode.Pong, pong.Opcode);
            Assert.Equal([(byte)i], pong.Payload);
        }

        if (streamed is not null)
            await streamed.DisposeAsync();
    }

    [Fact]
    public async Task S6_Ten_pings_above_the_high_water_mark_get_the_newest_ones_pong()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: LowMarks);
        await peer.SendAsync(peer.Frame(Opcode.Ping, "below"u8));
        await peer.SendTextAsync("mark");
        await peer.Connection.ReceiveAsync().Soon();
        ValueTask sent = peer.Connection.SendAsync(new byte[200]);
        for (int i = 0; i < 10; i++)
            await peer.SendAsync(peer.Frame(Opcode.Ping, Encoding.ASCII.GetBytes(new string((char)('0' + i), 125))));
        await peer.SendTextAsync("mark");
        await peer.Connection.ReceiveAsync().Soon();
        peer.Gate().Release();
        await sent;
        await peer.ReadFirstAsync();
        ReceivedFrame pong = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Pong, new string('9', 125)), (pong.Opcode, pong.Text));
        Assert.Equal("below", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(200, (await peer.ReadFrameAsync())!.Payload.Length);
        await peer.Connection.SendTextAsync("end");
        Assert.Equal("end", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task S6_Control_payloads_above_125_bytes_throw_at_the_call()
    {
        await using RawPeer peer = GatedPeer.Open();
        WebSocketConnection socket = peer.Connection;
        Assert.Throws<ArgumentException>(() => { _ = socket.PingAsync(new byte[126]); });
        Assert.Throws<ArgumentException>(() => { _ = socket.SendPongAsync(new byte[126]); });
        Assert.Equal(0, socket.BufferedBytes);
        _ = socket.PingAsync(GatedPeer.Bytes(125));
        await socket.SendPongAsync(GatedPeer.Bytes(125));
        for (int i = 0; i < 2; i++)
            Assert.Equal(GatedPeer.Bytes(125), (await peer.ReadFrameAsync())!.Payload);
    }

    [Fact]
    public async Task S6_Without_AutoPong_pings_are_answered_by_SendPongAsync_alone()
    {
        await using RawPeer peer = GatedPeer.Open(configure: options => options with { AutoPong = false });
        await peer.SendAsync(peer.Frame(Opcode.Ping, "one"u8), peer.Frame(Opcode.Ping, "two"u8));
        EventSequence.Enumerator events = peer.Connection.ReadEventsAsync().GetAsyncEnumerator();
        await events.MoveNextAsync().Soon();
        await events.MoveNextAsync().Soon();
        Assert.Equal((WebSocketEventKind.Ping, "two"), (events.Current.Kind, events.Current.Text));
        await peer.Connection.SendPongAsync("unsolicited"u8.ToArray());
        await peer.Connection.SendPongAsync(events.Current.ToArray());
        Assert.Equal((Opcode.Pong, "unsolicited"), Read(await peer.ReadFrameAsync()));
        Assert.Equal((Opcode.Pong, "two"), Read(await peer.ReadFrameAsync()));
        static (Opcode Opcode, string Text) Read(ReceivedFrame? frame) => (frame!.Opcode, frame.Text);
    }

    [Fact]
    public async Task S6_SendPongAsync_above_the_high_water_mark_waits_for_room()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: LowMarks);
        List<Task> sent = [];
        for (int i = 0; i < 100; i++)
            sent.Add(peer.Connection.SendPongAsync(GatedPeer.Bytes(125)).AsTask());
        Assert.False(sent[0].IsCompleted);
        peer.Gate().Release();
        await Task.WhenAll(sent).Soon();
        await peer.ReadFirstAsync();
        for (int i = 0; i < 100; i++)
            Assert.Equal(GatedPeer.Bytes(125), (await peer.ReadFrameAsync())!.Payload);
    }

    [Fact]
    public async Task Masks_of_a_client_are_fresh_for_each_frame_and_come_from_the_source()
    {
        await using (RawPeer peer = GatedPeer.Open(Role.Client, options => options with { FragmentSize = 10 }))
        {
            HashSet<uint> keys = [];
            for (int i = 0; i < 300; i++)
                await peer.Connection.SendAsync(new byte[100]);
            for (int i = 0; i < 3000; i++)
                keys.Add((await peer.ReadFrameAsync())!.MaskKey);
            Assert.True(keys.Count > 2990, $"{keys.Count} different keys");
        }

        byte next = 0;
        await using (RawPeer peer = GatedPeer.Open(Role.Client, options => options with { MaskSource = key => key.Fill(++next), FragmentSize = 20_000 }))
        {
            await peer.Connection.SendTextAsync("one");
            await peer.Connection.SendAsync(GatedPeer.Bytes(30_000)).Soon();
            _ = peer.Connection.PingAsync();
            uint key = 0;
            foreach (int length in (int[])[3, 20_000, 10_000, 8])
            {
                ReceivedFrame frame = (await peer.ReadFrameAsync())!;
                Assert.Equal((key += 0x01010101u, length), (frame.MaskKey, frame.Payload.Length));
            }
        }
    }

    [Fact]
    public async Task Mask_source_that_throws_harms_no_other_frame()
    {
        bool fails = false;
        await using RawPeer peer = GatedPeer.Open(Role.Client, options => options with
        {
            MaskSource = key =>
            {
                if (fails)
                    throw new InvalidOperationException("No randomness.");
                key.Fill(7);
            },
        });
        await peer.Connection.SendTextAsync("one");
        fails = true;
        Assert.Throws<InvalidOperationException>(() => { _ = peer.Connection.SendTextAsync("never"); });
        fails = false;
        await peer.Connection.SendTextAsync("two");
        Assert.Equal("one", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal("two", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(0, peer.Connection.BufferedBytes);

        fails = true;
        Task large = peer.Connection.SendAsync(new byte[20_000]).AsTask();
        peer.Time.Advance(WebSocketConnectionOptions.Default.CloseGrace);
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.IsType<InvalidOperationException>(result.Exception);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
    }

    [Fact]
    public async Task Mask_source_that_throws_at_the_Close_frame_does_not_keep_the_connection()
    {
        await using RawPeer peer = GatedPeer.Open(Role.Client, options => options with
        {
            MaskSource = _ => throw new InvalidOperationException("No randomness."),
        });
        Task<CloseResult> closing = peer.Connection.CloseAsync();
        Assert.Equal(SendResult.Closed, peer.Connection.TrySend("late"u8, WebSocketMessageKind.Text));
        peer.Time.Advance(WebSocketConnectionOptions.Default.CloseTimeout);
        CloseResult result = await closing.Soon();
        Assert.Null(result.SentCode);
        Assert.IsType<InvalidOperationException>(result.Exception);
    }
}
