using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rules R2 and R6: a message is leased until the next read, wherever its bytes lie.</summary>
public sealed class LeaseTests
{
    public static TheoryData<string> Places => ["block", "gathered", "ahead", "ahead, kept in the block"];

    [Theory]
    [MemberData(nameof(Places))]
    public async Task R2_Members_of_a_stale_message_throw(string place)
    {
        await using RawPeer peer = RawPeer.Open();
        (WebSocketMessage message, byte[] payload) = await ReadOneAsync(peer, place);
        Assert.Equal(payload, message.ToArray());
        Assert.Equal(payload.Length, message.Length);
        Assert.True(message.IsBinary);
        Assert.Equal(payload, message.Memory.ToArray());

        WebSocketMessage next = await ReadNextAsync(peer);
        Assert.Equal("next", next.GetText());
        AssertStale(message);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task R2_Waiting_for_the_next_message_ends_the_lease(string place)
    {
        await using RawPeer peer = RawPeer.Open();
        (WebSocketMessage message, _) = await ReadOneAsync(peer, place);
        Task<WebSocketMessage> next = peer.Connection.ReceiveAsync().AsTask();
        AssertStale(message);
        await peer.SendTextAsync("next");
        Assert.Equal("next", (await next.Soon()).GetText());
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task R2_Lease_survives_what_comes_while_the_application_holds_it(string place)
    {
        await using RawPeer peer = RawPeer.Open();
        (WebSocketMessage message, byte[] payload) = await ReadOneAsync(peer, place);
        for (int i = 0; i < 20; i++)
        {
            // Each goes through the engine, as its pong shows, while the lease is out.
            await peer.SendAsync(peer.Frame(Opcode.Binary, EventLog.Payload(500, i)), peer.Frame(Opcode.Ping, [(byte)i]));
            Assert.Equal([(byte)i], (await peer.ReadFrameAsync())!.Payload);
            Assert.Equal(payload, message.ToArray());
        }

        for (int i = 0; i < 20; i++)
        {
            message = await peer.Connection.ReceiveAsync();
            Assert.Equal(EventLog.Payload(500, i), message.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task R2_Lease_survives_the_end_of_the_connection(string place)
    {
        await using RawPeer peer = RawPeer.Open();
        (WebSocketMessage message, byte[] payload) = await ReadOneAsync(peer, place);
        await peer.Transport.ShutdownAsync();
        await peer.Connection.Closed.Soon();
        Assert.Equal(payload, message.ToArray());
        peer.Connection.Abort();
        Assert.Equal(payload, message.ToArray());
        await peer.Connection.DisposeAsync();
        AssertStale(message);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task R2_Message_sent_unawaited_outlives_its_lease_on_another_connection(string place)
    {
        await using RawPeer peer = RawPeer.Open();
        await using RawPeer other = RawPeer.Open(capacity: 1024);
        (WebSocketMessage message, byte[] payload) = await ReadOneAsync(peer, place);
        Task sent = other.Connection.SendAsync(message).AsTask();
        WebSocketMessage next = await ReadNextAsync(peer);
        AssertStale(message);
        Assert.Equal("next", next.GetText());
        Assert.Equal(payload, (await other.ReadFrameAsync())!.Payload);
        await sent.Soon();
    }

    [Fact]
    public async Task R2_Event_is_stale_after_the_next_read()
    {
        await using RawPeer peer = RawPeer.Open();
        await peer.SendAsync(peer.Frame(Opcode.Ping, "1"u8), peer.TextFrame("a"));
        await peer.ReadFrameAsync();
        EventSequence.Enumerator events = peer.Connection.ReadEventsAsync().GetAsyncEnumerator();
        await events.MoveNextAsync();
        WebSocketEvent ping = events.Current;
        Assert.Equal("1", ping.Text);
        Assert.Throws<InvalidOperationException>(() => ping.Message);
        Assert.Throws<InvalidOperationException>(() => ping.CloseCode);
        await events.MoveNextAsync();
        Assert.Throws<InvalidOperationException>(() => ping.Kind);
        Assert.Throws<InvalidOperationException>(() => ping.Text);
        Assert.Throws<InvalidOperationException>(() => ping.ToArray());
        Assert.Throws<InvalidOperationException>(() => ping.Data.Length);
        Assert.Equal("a", events.Current.Message.GetText());
    }

    [Fact]
    public async Task R6_Handler_that_suspends_with_a_message_of_the_block_keeps_it_whole()
    {
        await using RawPeer peer = RawPeer.Create();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        List<string> seen = [];
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                string before = message.GetText();
                if (before == "0")
                    await go.Task;
                seen.Add(before + message.GetText());
            }
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1"), .. peer.TextFrame("2")]);
        for (int i = 3; i < 9; i++)
        {
            await peer.SendAsync(peer.TextFrame($"{i}"), peer.Frame(Opcode.Ping, []));
            Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
        }

        go.SetResult();
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal(["00", "11", "22", "33", "44", "55", "66", "77", "88"], seen);
    }

    [Fact]
    public async Task R6_Memory_of_an_ended_lease_is_poisoned()
    {
        await using RawPeer peer = RawPeer.Open();
        (WebSocketMessage message, byte[] payload) = await ReadOneAsync(peer, "gathered");
        ReadOnlyMemory<byte> taken = message.Memory;
        Assert.Equal(payload, taken.ToArray());
        await ReadNextAsync(peer);
        Assert.All(taken.ToArray(), b => Assert.Equal(0xA5, b));
    }

#if DEBUG
    [Fact]
    public async Task R6_Payload_in_the_block_is_poisoned_in_debug_builds_when_its_lease_ends()
    {
        await using RawPeer peer = RawPeer.Create();
        List<byte[]> after = [];
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            ReadOnlyMemory<byte> before = default;
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                after.Add(before.ToArray());
                before = message.Memory;
            }
        });
        await peer.SendAsync([.. peer.TextFrame("first"), .. peer.TextFrame("second"), .. peer.CloseFrame()]);
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal([[], [0xA5, 0xA5, 0xA5, 0xA5, 0xA5]], after);
    }
#endif

    /// <summary>Reads a message whose payload lies where the test wants it.</summary>
    private static async Task<(WebSocketMessage Message, byte[] Payload)> ReadOneAsync(RawPeer peer, string place)
    {
        byte[] payload = EventLog.Payload(place is "ahead, kept in the block" ? 20_000 : 1000, seed: 9);
        byte[] frame = peer.Frame(Opcode.Binary, payload);
        if (place.StartsWith("ahead", StringComparison.Ordinal))
        {
            await peer.SendAsync([.. frame, .. peer.Frame(Opcode.Ping, [])]);
            await peer.ReadFrameAsync(); // the pong: the message has been read ahead
            return (await peer.Connection.ReceiveAsync(), payload);
        }

        Task<WebSocketMessage> read = peer.Connection.ReceiveAsync().AsTask();
        if (place == "gathered")
        {
            int half = frame.Length / 2;
            // The ping shows that the first part has been read before the second one comes.
            await peer.SendAsync([.. peer.Frame(Opcode.Ping, []), .. frame[..half]]);
            await peer.ReadFrameAsync();
            await peer.SendAsync(frame[half..]);
        }
        else
        {
            await peer.SendAsync(frame);
        }

        return (await read.Soon(), payload);
    }

    private static async Task<WebSocketMessage> ReadNextAsync(RawPeer peer)
    {
        await peer.SendTextAsync("next");
        return await peer.Connection.ReceiveAsync().Soon();
    }

    private static void AssertStale(WebSocketMessage message)
    {
        Assert.Throws<InvalidOperationException>(() => message.Kind);
        Assert.Throws<InvalidOperationException>(() => message.IsText);
        Assert.Throws<InvalidOperationException>(() => message.IsBinary);
        Assert.Throws<InvalidOperationException>(() => message.Length);
        Assert.Throws<InvalidOperationException>(() => message.Span.Length);
        Assert.Throws<InvalidOperationException>(() => message.Memory);
        Assert.Throws<InvalidOperationException>(() => message.GetText());
        Assert.Throws<InvalidOperationException>(() => message.ToArray());
        Assert.Throws<InvalidOperationException>(() => message.ToOwned());
    }
}
