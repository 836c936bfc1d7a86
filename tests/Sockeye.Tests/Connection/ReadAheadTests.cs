using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule R4: the engine receives from the moment of opening, within a bound.</summary>
public sealed class ReadAheadTests
{
    [Fact]
    public async Task R4_Pings_are_answered_and_pongs_matched_while_nobody_reads()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<TimeSpan> ping = peer.Connection.PingAsync("mine"u8.ToArray());
        Assert.Equal("mine", (await peer.ReadFrameAsync())!.Text);
        for (int i = 0; i < 10; i++)
            await peer.SendAsync(peer.TextFrame($"{i}"), peer.Frame(Opcode.Ping, [(byte)i]));
        for (int i = 0; i < 10; i++)
        {
            ReceivedFrame pong = (await peer.ReadFrameAsync())!;
            Assert.Equal((Opcode.Pong, (byte)i), (pong.Opcode, pong.Payload[0]));
        }

        peer.Time.Advance(TimeSpan.FromMilliseconds(7));
        await peer.SendAsync(peer.Frame(Opcode.Pong, "mine"u8));
        Assert.Equal(TimeSpan.FromMilliseconds(7), await ping.Soon());
        for (int i = 0; i < 10; i++)
            Assert.Equal($"{i}", await ReadingTests.ReadTextAsync(peer.Connection));
    }

    [Fact]
    public async Task R4_Receiving_stops_when_enough_has_been_read_ahead_and_goes_on_when_half_is_read()
    {
        ScriptedTransport transport = null!;
        await using RawPeer peer = RawPeer.Create(
            configure: o => o with { ReadAhead = 10_000, IdleTimeout = TimeSpan.Zero },
            wrap: inner => transport = new ScriptedTransport(inner));
        peer.Connection.Start();
        for (int i = 0; i < 10; i++)
        {
            await peer.SendAsync([.. peer.Frame(Opcode.Binary, EventLog.Payload(1000, i)), .. peer.Frame(Opcode.Ping, [])]);
            if (i < 9)
                await peer.ReadFrameAsync(); // each piece is one receive
        }

        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        Assert.Equal((10, 10), (transport.Receives, transport.CompletedReceives));

        // Nothing is asked for while the application is away, whatever comes.
        await peer.SendAsync(peer.Frame(Opcode.Binary, EventLog.Payload(1000, 10)), peer.Frame(Opcode.Ping, []));
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(EventLog.Payload(1000, i), (await peer.Connection.ReceiveAsync()).ToArray());
            Assert.Equal(i < 4, peer.Connection.Receive.IsPaused);
        }

        Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
        for (int i = 5; i < 11; i++)
            Assert.Equal(EventLog.Payload(1000, i), (await peer.Connection.ReceiveAsync()).ToArray());
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(64, 5)]
    [InlineData(65, 5)]
    [InlineData(1000, 50_000)]
    [InlineData(1000, 100_000)]
    public async Task R4_One_message_may_exceed_the_bound(int readAhead, int size)
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = readAhead });
        for (int i = 0; i < 3; i++)
            await peer.SendAsync(peer.Frame(Opcode.Binary, EventLog.Payload(size, i)));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        for (int i = 0; i < 3; i++)
            Assert.Equal(EventLog.Payload(size, i), (await peer.Connection.ReceiveAsync().Soon()).ToArray());
    }

    [Fact]
    public async Task R4_Empty_messages_count_too()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 640 });
        for (int i = 0; i < 30; i++)
            await peer.SendAsync(peer.Frame(Opcode.Text, []));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        for (int i = 0; i < 30; i++)
            Assert.Equal(0, (await peer.Connection.ReceiveAsync().Soon()).Length);
    }

    [Fact]
    public async Task R4_Paused_input_is_all_there_when_reading_begins()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 1000 });
        const int Count = 500;
        byte[] all = [.. Enumerable.Range(0, Count).SelectMany(i => peer.Frame(Opcode.Binary, EventLog.Payload(i, i)))];
        await peer.SendAsync(all);
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        for (int i = 0; i < Count; i++)
            Assert.Equal(EventLog.Payload(i, i), (await peer.Connection.ReceiveAsync().Soon()).ToArray());
    }

    [Fact]
    public async Task R4_IgnoreMessages_discards_data_and_keeps_control_alive()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 1000 });
        await peer.SendAsync(peer.Frame(Opcode.Binary, EventLog.Payload(5000)));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        peer.Connection.IgnoreMessages();
        for (int i = 0; i < 50; i++)
            await peer.SendAsync(peer.Frame(Opcode.Binary, EventLog.Payload(5000)), peer.Frame(Opcode.Ping, [(byte)i]));
        for (int i = 0; i < 50; i++)
            Assert.Equal([(byte)i], (await peer.ReadFrameAsync())!.Payload);
        await peer.Connection.SendTextAsync("still sending");
        Assert.Equal("still sending", (await peer.ReadFrameAsync())!.Text);

        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway));
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode); // at once: there is nothing to read before it
        await peer.Transport.ShutdownAsync();
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
    }

    [Fact]
    public async Task R4_IgnoreMessages_while_the_close_waits_lets_it_act()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.TextFrame("a"), peer.CloseFrame());
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        peer.Connection.IgnoreMessages();
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
    }

    [Fact]
    public async Task R4_IgnoreMessages_cancels_the_handler_when_the_connection_ends()
    {
        await using RawPeer peer = RawPeer.Create();
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            socket.IgnoreMessages();
            await Task.Delay(Timeout.Infinite, cancel);
        });
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.True((await peer.Connection.Closed).IsClean);
    }

    [Fact]
    public async Task R4_Connection_that_waits_holds_no_memory()
    {
        await using RawPeer peer = RawPeer.Open();
        byte[] ping = peer.Frame(Opcode.Ping, EventLog.Payload(125));
        byte[] text = peer.Frame(Opcode.Text, new byte[100]);
        for (int split = 1; split < ping.Length; split += 7)
        {
            await peer.SendAsync([.. text, .. ping[..split]]);
            Assert.Equal(100, (await peer.Connection.ReceiveAsync()).Length);
            await peer.SendAsync(ping[split..]);
            Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
            Task<WebSocketMessage> read = peer.Connection.ReceiveAsync().AsTask();
            await Settle.UntilAsync(
                () => peer.Pool.Outstanding == 0 && peer.Buffers.SlabsHeld == 0,
                () => $"{split}: {peer.Buffers.SlabsHeld} {string.Join('\n', peer.Pool.Traces)}");
            await peer.SendAsync(text);
            await read.Soon();
        }
    }
}
