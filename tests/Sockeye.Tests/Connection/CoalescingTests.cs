using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule S10: how many writes the transport sees.</summary>
public sealed class CoalescingTests
{
    private const int Count = 32;

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S10_Replies_to_pipelined_messages_leave_in_one_write(Role role)
    {
        await using RawPeer peer = GatedPeer.Create(role);
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                await socket.SendAsync(message);
        });
        for (int round = 1; round <= 3; round++)
        {
            await SendPipelinedAsync(peer);
            await ReadPipelinedAsync(peer);
            Assert.Equal(round, peer.Gate().Writes.Count);
        }

        peer.Connection.Abort();
        await handled.Soon();
    }

    [Theory]
    [InlineData(64 * 1024, 1)]
    [InlineData(1024 * 1024, 9)]
    public async Task S2_Large_message_of_a_client_leaves_in_pieces_with_room_for_the_header(int length, int most)
    {
        await using RawPeer peer = GatedPeer.Create(Role.Client);
        Task sent = peer.Connection.SendAsync(new byte[length]).AsTask();
        Assert.Equal(length, (await peer.ReadFrameAsync())!.Payload.Length);
        await sent.Soon();
        Assert.InRange(peer.Gate().Writes.Count, 1, most);
    }

    [Fact]
    public async Task S10_Replies_of_the_callback_form_leave_in_one_write()
    {
        await using RawPeer peer = GatedPeer.Create();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler { Message = (socket, message) => socket.SendAsync(message) });
        await SendPipelinedAsync(peer);
        await ReadPipelinedAsync(peer);
        Assert.Single(peer.Gate().Writes);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task S10_Pongs_leave_together_with_replies()
    {
        await using RawPeer peer = GatedPeer.Create();
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                await socket.SendAsync(message);
        });
        byte[] frames = [.. Enumerable.Range(0, Count).SelectMany(i => peer.Frame(i % 2 == 0 ? Opcode.Ping : Opcode.Text, "x"u8))];
        await peer.SendAsync(frames);
        for (int i = 0; i < Count; i++)
            Assert.Equal(i % 2 == 0 ? Opcode.Pong : Opcode.Text, (await peer.ReadFrameAsync())!.Opcode);
        Assert.Single(peer.Gate().Writes);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public Task S10_A_reply_leaves_when_the_handler_suspends_though_input_is_unparsed() =>
        AssertFirstReplyLeavesAsync((peer, go) => peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                await socket.SendAsync(message);
                await go;
            }
        }));

    [Fact]
    public Task S10_A_reply_leaves_when_a_callback_suspends() =>
        AssertFirstReplyLeavesAsync((peer, go) => peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, message) =>
            {
                await socket.SendAsync(message);
                await go;
            },
        }));

    [Fact]
    public async Task S10_What_is_sent_before_the_first_read_leaves()
    {
        await using RawPeer peer = GatedPeer.Create();
        var go = new TaskCompletionSource();
        Task handled = peer.HandleAsync(async socket =>
        {
            await socket.SendTextAsync("welcome");
            await go.Task;
        });
        Assert.Equal("welcome", (await peer.ReadFrameAsync())!.Text);
        go.SetResult();
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task S10_A_handler_that_blocks_holds_its_replies_back_until_it_drains_or_so_much_has_gathered()
    {
        await using RawPeer peer = GatedPeer.Create();
        List<int> writes = [];
        Task handled = peer.HandleAsync(async socket =>
        {
            await socket.ReceiveAsync();
            await socket.SendTextAsync("one");
            writes.Add(peer.Gate().Writes.Count);
            _ = socket.DrainAsync();
            writes.Add(peer.Gate().Writes.Count);
            for (int i = 0; i < 5; i++)
                _ = socket.SendAsync(new byte[16_000]);
            writes.Add(peer.Gate().Writes.Count);
        });
        await peer.SendTextAsync("go");
        for (int i = 0; i < 7; i++)
            Assert.NotNull(await peer.ReadFrameAsync());
        Assert.Equal(0, writes[0]);
        Assert.Equal(1, writes[1]);
        Assert.True(writes[2] > 1);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task S10_Sends_of_other_threads_gather_for_one_turn_of_the_pool()
    {
        await using RawPeer peer = GatedPeer.Open();
        lock (peer.Connection.Sync)
        {
            // Whoever flushes waits here: the turn of the pool has not come.
            for (int i = 0; i < Count; i++)
                peer.Connection.TrySend([(byte)i]);
        }

        await ReadPipelinedAsync(peer);
        Assert.Single(peer.Gate().Writes);
    }

    [Fact]
    public async Task S10_What_is_sent_during_a_write_leaves_with_the_next_one()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        for (int i = 0; i < Count; i++)
            await peer.Connection.SendAsync(new[] { (byte)i });
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        await ReadPipelinedAsync(peer);
        Assert.Equal([2, Count * 3], peer.Gate().Writes);
    }

    [Fact]
    public async Task S10_A_sender_writes_for_others_only_so_often()
    {
        await using RawPeer peer = GatedPeer.Open(capacity: 16 << 20);
        int thread = Environment.CurrentManagedThreadId;
        int own = 0;
        int all = 0;
        peer.Gate().OnWrite = () =>
        {
            own += Environment.CurrentManagedThreadId == thread ? 1 : 0;
            if (++all < 1000)
                peer.Connection.TrySend([1]); // there is always more to write
        };
        ValueTask sent = peer.Connection.SendAsync(new byte[20_000]);
        int inCall = Volatile.Read(ref own);
        Assert.InRange(inCall, 1, 16);
        await sent;
        for (int i = 0; i < 1000; i++)
            Assert.NotNull(await peer.ReadFrameAsync());
    }

    /// <summary>Runs what answers the first message and then waits for the signal that it is given.</summary>
    private static async Task AssertFirstReplyLeavesAsync(Func<RawPeer, Task, Task> run)
    {
        await using RawPeer peer = GatedPeer.Create();
        var go = new TaskCompletionSource();
        Task handled = run(peer, go.Task);
        await SendPipelinedAsync(peer);
        Assert.Equal([0], (await peer.ReadFrameAsync())!.Payload);
        go.SetResult();
        for (int i = 1; i < Count; i++)
            Assert.Equal([(byte)i], (await peer.ReadFrameAsync())!.Payload);
        peer.Connection.Abort();
        await handled.Soon();
    }

    private static Task SendPipelinedAsync(RawPeer peer) =>
        peer.SendAsync([.. Enumerable.Range(0, Count).SelectMany(i => peer.Frame(Opcode.Binary, [(byte)i]))]);

    private static async Task ReadPipelinedAsync(RawPeer peer)
    {
        for (int i = 0; i < Count; i++)
            Assert.Equal([(byte)i], (await peer.ReadFrameAsync())!.Payload);
    }
}
