using System.Collections.Concurrent;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.Attacks;

/// <summary>Peers of a server that do not close, do not read, do not answer, or do too much. Rows V34 and V36–V40 of the attack
/// catalogue.</summary>
public sealed class ServerAttackTests
{
    private const int Peers = 40;
    private const int KiB = 1024;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task V34_Peers_that_never_finish_the_close_are_gone_at_its_timeout(bool answer)
    {
        await using var test = new ServerTest();
        test.Server.Map("/", (socket, cancel) => socket.CloseAsync(CloseCode.Normal, "", cancel));
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        List<RawClient> clients = [];
        for (int i = 0; i < Peers; i++)
            clients.Add(await RawClient.OpenAsync(test.Server));
        foreach (RawClient client in clients)
        {
            Assert.Equal(Opcode.Close, (await client.ReadFrameAsync())?.Opcode);
            if (answer)
                await client.SendFrameAsync(Opcode.Close, ""); // but its end of TCP stays open
        }

        Assert.Equal(Peers, test.Server.Connections.Count);
        // The time runs from the moment in which the frame was taken, which this side cannot see.
        await Settle.UntilAsync(() =>
        {
            test.Advance(test.Connection.CloseTimeout);
            return test.Server.Connections.Count == 0;
        });

        foreach (RawClient client in clients)
        {
            Assert.Equal("", await client.ReadToAnyEndAsync());
            client.Dispose();
        }

        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task V36_Clients_that_do_not_read_cost_the_others_nothing_and_this_side_little()
    {
        const int Stalled = 10;
        const int Rounds = 20;
        const int Round = 20;
        await using var test = new ServerTest();
        test.Server.Map("/", ServerTest.EchoAsync);
        List<WebSocketConnection> clients = [];
        for (int i = 0; i < 100; i++)
            clients.Add(await InMemory.OpenAsync(test.Server, "/", test.Buffers));
        int[] received = new int[clients.Count];
        foreach (int i in Enumerable.Range(Stalled, clients.Count - Stalled))
            _ = ReadAsync(i);
        var message = new PreparedMessage(new byte[4 * KiB], WebSocketMessageKind.Binary);
        int skipped = 0;
        for (int round = 1; round <= Rounds; round++)
        {
            for (int i = 0; i < Round / 2; i++)
            {
                BroadcastResult result = test.Server.Broadcast(message);
                Assert.Equal(clients.Count, result.Accepted + result.Skipped);
                Assert.InRange(result.Skipped, 0, Stalled);
                skipped += result.Skipped;
            }

            // As fast as they read, and no faster: who falls behind is who reads nothing.
            await Settle.UntilAsync(() => received.AsSpan(Stalled).IndexOfAnyExcept(round * Round / 2) < 0);
            // What has been read has been written; this side hears of it a moment later.
            await Settle.UntilAsync(() => test.Server.Connections.Count(socket => socket.BufferedBytes == 0) >= clients.Count - Stalled);
            Assert.InRange(test.Pool.OutstandingBytes, 0, Stalled * 256 * KiB);
        }

        Assert.InRange(skipped, 1, Stalled * Rounds * Round / 2);
        clients.ForEach(client => client.Abort());
        await Settle.UntilAsync(() => test.Server.Connections.Count == 0);

        async Task ReadAsync(int index)
        {
            try
            {
                await foreach (WebSocketMessage _ in clients[index].ReadAllAsync())
                    Volatile.Write(ref received[index], received[index] + 1);
            }
            catch (WebSocketClosedException)
            {
                // the test has ended it
            }
        }
    }

    [Fact]
    public Task V37_Flood_of_pings_whose_pongs_nobody_reads_leaves_the_newest_pong_alone() => FloodAsync(pings: 100_000);

    [Fact]
    [Trait("Category", "Full")]
    public Task V37_So_does_one_of_a_million() => FloodAsync(pings: 1_000_000);

    private static async Task FloodAsync(int pings)
    {
        const int Batch = 1000;
        await using RawPeer peer = RawPeer.Open(capacity: 64 * KiB);
        long most = 0;
        long halfway = 0;
        for (int sent = 0; sent < pings; sent += Batch)
        {
            await peer.SendAsync([.. Enumerable.Range(sent, Batch).SelectMany(i => peer.Frame(Opcode.Ping, BitConverter.GetBytes(i)))]).Soon();
            most = Math.Max(most, peer.Connection.BufferedBytes);
            if (sent == pings / 2)
                halfway = peer.Pool.OutstandingBytes;
        }

        // All have been read: this one is answered behind whatever waits.
        await peer.SendAsync(peer.TextFrame("done"));
        Assert.Equal("done", (await peer.Connection.ReceiveAsync().Soon()).GetText());
        Assert.InRange(Math.Max(most, peer.Connection.BufferedBytes), 1, peer.Connection.Terms.Options.HighWaterMark + FrameHeader.MaxControlPayload + 2);
        Assert.InRange(peer.Pool.OutstandingBytes, 1, 256 * KiB);
        Assert.InRange(peer.Pool.OutstandingBytes - halfway, -256 * KiB, KiB); // what is kept by then does not grow with what comes

        int pongs = 1;
        ReceivedFrame pong = (await peer.ReadFrameAsync())!;
        for (; BitConverter.ToInt32(pong.Payload) != pings - 1; pongs++)
        {
            Assert.Equal(Opcode.Pong, pong.Opcode);
            pong = (await peer.ReadFrameAsync())!;
        }

        Assert.InRange(pongs, 2, pings / 2);
    }

    [Fact]
    public async Task V38_Messages_that_the_application_does_not_read_wait_with_their_sender()
    {
        var read = new TaskCompletionSource();
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            await read.Task;
            await ServerTest.EchoAsync(socket, cancel);
        });
        await test.Server.StartAsync();
        byte[] message = RawClient.Frame(Opcode.Binary, new byte[4 * KiB]);
        List<RawClient> clients = [];
        List<Task> sending = [];
        for (int i = 0; i < Peers; i++)
        {
            RawClient client = await RawClient.OpenAsync(test.Server);
            client.Socket.SendBufferSize = 64 * KiB;
            clients.Add(client);
            sending.Add(SendAllAsync(client));
        }

        // More than the system and this side take: nobody gets it all out.
        await Settle.UntilAsync(() => test.Pool.OutstandingBytes > Peers * 64 * KiB);
        for (int i = 0; i < 50; i++)
        {
            Assert.InRange(test.Pool.OutstandingBytes, 1, Peers * 256 * KiB);
            await Task.Yield();
        }

        Assert.DoesNotContain(sending, task => task.IsCompleted);
        clients.ForEach(client => client.Dispose());
        read.SetResult();
        // What cannot be echoed any more ends its connection after a while.
        await Settle.UntilAsync(() =>
        {
            test.Advance(TimeSpan.FromSeconds(1));
            return test.Server.Connections.Count == 0;
        });
        await test.AssertNothingIsLeftAsync();

        async Task SendAllAsync(RawClient client)
        {
            try
            {
                for (int sent = 0; sent < 64 * KiB * KiB; sent += message.Length)
                    await client.SendAsync(message);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // the test has ended it
            }
        }
    }

    // What a peer gets out is what the network holds, here a pipe, and what this side takes.
    [Fact]
    public Task V38_No_more_is_taken_than_is_read_ahead_and_one_receive() => ReadAheadAsync(peers: 1);

    [Fact]
    [Trait("Category", "Full")]
    public Task V38_So_it_is_for_a_thousand_peers() => ReadAheadAsync(peers: 1000);

    private static async Task ReadAheadAsync(int peers)
    {
        const int Network = 64 * KiB;
        const int Size = 4 * KiB;
        for (int i = 0; i < peers; i++)
        {
            await using RawPeer peer = RawPeer.Open(capacity: Network);
            byte[] message = peer.Frame(Opcode.Binary, new byte[Size]);
            long sent = 0;
            Task sending = SendAllAsync();
            await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
            await Settle.UntilAsync(() => Volatile.Read(ref sent) * message.Length >= Network);
            long taken = Volatile.Read(ref sent) * message.Length;
            Assert.False(sending.IsCompleted);
            // What the application could read, the block that the last receive brought, and a message on its way at either end.
            Assert.InRange(taken, Network, Network + (64 * KiB) + ReceiveSlab.Region + (2 * message.Length));
            peer.Connection.Abort();
            await sending.Soon();

            async Task SendAllAsync()
            {
                try
                {
                    for (; ; sent++)
                        await peer.SendAsync(message);
                }
                catch (IOException)
                {
                    // the test has ended it
                }
            }
        }
    }

    [Fact]
    public async Task V39_Peers_that_have_vanished_are_gone_after_the_idle_timeout()
    {
        await using var test = new ServerTest();
        ConcurrentBag<WebSocketConnection> open = [];
        test.Server.Map("/", (socket, cancel) =>
        {
            open.Add(socket);
            return ServerTest.EchoAsync(socket, cancel);
        });
        await test.Server.StartAsync();
        List<RawClient> clients = [];
        for (int i = 0; i < Peers; i++)
        {
            clients.Add(await RawClient.OpenAsync(test.Server));
            await clients[i].SendFrameAsync(Opcode.Text, "here");
            Assert.Equal("here", await clients[i].ReadTextAsync());
        }

        test.Advance(TimeSpan.FromSeconds(15));
        foreach (RawClient client in clients)
            Assert.Equal(Opcode.Ping, (await client.ReadFrameAsync())?.Opcode);
        Assert.Equal(Peers, test.Server.Connections.Count);
        // No time passes here: that the pings were taken must be known on this side before it is over.
        await Settle.UntilAsync(() => open.All(socket => socket.BufferedBytes == 0));
        test.Advance(TimeSpan.FromSeconds(15));

        foreach (RawClient client in clients)
        {
            Assert.Equal((1001, "No response from ping frame."), await client.ReadCloseAsync());
            client.Dispose();
        }

        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task V40_Many_small_messages_are_handled_one_after_the_other(bool suspends) => HandleAsync(suspends, messages: 20_000);

    [Theory]
    [Trait("Category", "Full")]
    [InlineData(false)]
    [InlineData(true)]
    public Task V40_So_are_a_hundred_thousand(bool suspends) => HandleAsync(suspends, messages: 100_000);

    private static async Task HandleAsync(bool suspends, int messages)
    {
        int running = 0;
        int most = 0;
        int handled = 0;
        long held = 0;
        await using var test = new ServerTest();
        test.Server.Map("/", new WebSocketHandler
        {
            Message = async (_, _) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref running));
                if (suspends)
                    await Task.Yield();
                held = Math.Max(held, test.Pool.OutstandingBytes);
                Interlocked.Decrement(ref running);
                handled++;
            },
        });
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server);
        byte[] hundred = [.. Enumerable.Repeat(RawClient.Frame(Opcode.Text, "x"u8.ToArray()), 100).SelectMany(frame => frame)];

        for (int sent = 0; sent < messages; sent += 100)
            await client.SendAsync(hundred);
        await Settle.UntilAsync(() => Volatile.Read(ref handled) == messages);

        Assert.Equal(1, most);
        Assert.InRange(held, 0, 256 * KiB);
    }
}
