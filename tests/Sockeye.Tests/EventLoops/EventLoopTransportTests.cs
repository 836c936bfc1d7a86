using System.Net.Sockets;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>The bytes of a transport of an event loop: all of them, in order, to the last one, however the kernel takes and gives them.</summary>
public sealed class EventLoopTransportTests
{
    // Of tcp_info, in Linux.
    private const int TcpLevel = 6;
    private const int TcpInfo = 11;
    private const int PacketsReceivedAt = 140;

    private static readonly EventLoopGroup Group = LoopPeers.Group(2);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(14)]
    [InlineData(300)]
    [InlineData(3_000_000)]
    public async Task Send_of_two_pieces_reaches_a_slow_reader_whole(int first)
    {
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
        using Socket _ = peer;
        peer.ReceiveBufferSize = 64 * 1024;
        var own = (EventLoopTransport)socket.CreateTransport(BufferPool.Shared);
        foreach (int second in (int[])[0, 1, 5, 70_001, 4_000_000])
        {
            byte[] sent = GatedPeer.Bytes(first + second, second);
            ValueTask sending = own.SendAsync(sent.AsMemory(0, first), sent.AsMemory(first));
            byte[] received = new byte[sent.Length];
            for (int at = 0, step = 1; at < received.Length; step = (step * 3) % 65_537)
                at += await peer.ReceiveAsync(received.AsMemory(at, Math.Min(step, received.Length - at))).Soon();
            await sending.Soon();
            Assert.True(received.AsSpan().SequenceEqual(sent), $"{first} and {second} bytes came out of order.");
        }

        await own.DisposeAsync();
    }

    [Fact]
    public async Task Last_bytes_leave_together_with_the_end()
    {
        // Held back for a moment alone: a machine that is busy for longer may be asked again.
        for (int attempt = 0; attempt < 20; attempt++)
        {
            (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
            using Socket _ = peer;
            Transport own = socket.CreateTransport(BufferPool.Shared);
            uint before = PacketsReceived(peer);
            own.ExpectShutdown();
            await own.SendAsync("the last "u8.ToArray(), "ones"u8.ToArray()).Soon();
            await own.ShutdownAsync().Soon();
            using var stream = new NetworkStream(peer);
            using var reader = new StreamReader(stream);
            Assert.Equal("the last ones", await reader.ReadToEndAsync().Soon());
            uint packets = PacketsReceived(peer) - before;
            await own.DisposeAsync();
            if (packets == 1)
                return;
        }

        Assert.Fail("Bytes and end came apart 20 times.");
    }

    [Fact]
    public async Task Receive_into_the_memory_of_a_message_and_behind_it_gets_every_byte_once()
    {
        var buffers = new BufferPool(new CountingPool());
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
        using Socket _ = peer;
        Transport own = socket.CreateTransport(buffers);
        own.Unread([]);
        byte[] sent = GatedPeer.Bytes(12_000_000);
        Task sending = Task.Run(async () =>
        {
            var sizes = new Random(1);
            for (int at = 0; at < sent.Length;)
                at += await peer.SendAsync(sent.AsMemory(at, Math.Min(sizes.Next(1, 400_000), sent.Length - at)));
            peer.Shutdown(SocketShutdown.Send);
        });
        var random = new Random(2);
        byte[] received = new byte[sent.Length];
        int position = 0;
        while (true)
        {
            // Offered now and then, of any size; used only where nothing is left over.
            byte[] direct = random.Next(3) == 0 ? [] : new byte[random.Next(1, 300_000)];
            ReceivedBlock block = await own.ReceiveAsync(direct).Soon();
            direct.AsSpan(0, block.Direct).CopyTo(received.AsSpan(position));
            position += block.Direct;
            int consumed = block.IsEnd || random.Next(4) > 0 ? block.Memory.Count : random.Next(block.Memory.Count + 1);
            consumed = Math.Max(consumed, block.Memory.Count - 60_000);
            block.Memory.AsSpan(0, consumed).CopyTo(received.AsSpan(position));
            position += consumed;
            own.Advance(consumed);
            if (block.IsEnd)
                break;
        }

        await sending.Soon();
        Assert.Equal(sent.Length, position);
        Assert.True(received.AsSpan().SequenceEqual(sent));
        own.ReleaseBlock();
        await own.DisposeAsync();
        Assert.Equal((0, 0), (buffers.SlabsHeld, ((CountingPool)buffers.Arrays).Outstanding));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bytes_and_the_end_that_come_with_one_edge_are_both_seen(bool waits)
    {
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
        Transport own = socket.CreateTransport(BufferPool.Shared);
        byte[] sent = GatedPeer.Bytes(300_000);
        Task<ReceivedBlock>? first = waits ? own.ReceiveAsync(default).AsTask() : null;
        await peer.SendAsync(sent);
        peer.Dispose();
        List<byte> received = [];
        while (true)
        {
            ReceivedBlock block = await (first ?? own.ReceiveAsync(default).AsTask()).Soon();
            first = null;
            received.AddRange(block.Memory);
            own.Advance(block.Memory.Count);
            if (block.IsEnd)
                break;
        }

        Assert.True(received.ToArray().AsSpan().SequenceEqual(sent));
        own.ReleaseBlock();
        await own.DisposeAsync();
    }

    [Fact]
    public async Task Abort_sends_a_reset_and_ends_what_is_under_way()
    {
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
        Transport own = socket.CreateTransport(BufferPool.Shared);
        Task<ReceivedBlock> receiving = own.ReceiveAsync(default).AsTask();
        Task sending = own.SendAsync(new byte[32 * 1024 * 1024], default).AsTask();

        own.Abort();

        await Assert.ThrowsAsync<IOException>(() => receiving.Soon());
        await Assert.ThrowsAsync<IOException>(() => sending.Soon());
        var thrown = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (await peer.ReceiveAsync(new byte[100_000]).Soon() > 0)
            {
                // What was on its way.
            }
        });
        Assert.Equal(SocketError.ConnectionReset, thrown.SocketErrorCode);
        own.Abort();
        own.ReleaseBlock();
    }

    [Fact]
    public async Task Reset_by_the_peer_fails_who_waits_to_receive_and_who_waits_to_send()
    {
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
        Transport own = socket.CreateTransport(BufferPool.Shared);
        Task<ReceivedBlock> receiving = own.ReceiveAsync(default).AsTask();
        Task sending = own.SendAsync(new byte[32 * 1024 * 1024], default).AsTask();

        peer.LingerState = new LingerOption(enable: true, seconds: 0);
        peer.Dispose();

        // One is told of the reset, the other finds the end of the connection.
        await Assert.ThrowsAsync<IOException>(() => sending.Soon());
        Exception? thrown = await Record.ExceptionAsync(async () => Assert.True((await receiving.Soon()).IsEnd));
        Assert.True(thrown is null or IOException, $"{thrown}");
        await own.DisposeAsync();
        own.ReleaseBlock();
    }

    [Theory]
    [Trait("Category", "Repeated")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Closing_while_other_threads_receive_and_send_ends_both(bool aborts)
    {
        int rounds = Repeat.Times(200, 3000);
        var buffers = new BufferPool(new CountingPool(trace: false));
        for (int round = 0; round < rounds; round++)
        {
            (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
            using Socket _ = peer;
            Transport own = socket.CreateTransport(buffers);
            Task receiving = Task.Run(async () =>
            {
                while (true)
                {
                    ReceivedBlock block = await own.ReceiveAsync(default);
                    own.Advance(block.Memory.Count);
                    if (block.IsEnd)
                        throw new IOException();
                }
            });
            Task sending = Task.Run(async () =>
            {
                while (true)
                    await own.SendAsync(new byte[100], new byte[1000]);
            });
            await peer.SendAsync(new byte[200_000]);
            await peer.ReceiveAsync(new byte[1000]);
            if (aborts)
                own.Abort();
            else
                await own.DisposeAsync();
            await Assert.ThrowsAsync<IOException>(() => receiving.Soon());
            await Assert.ThrowsAsync<IOException>(() => sending.Soon());
            own.ReleaseBlock();
        }

        Assert.Equal((0, 0), (buffers.SlabsHeld, ((CountingPool)buffers.Arrays).Outstanding));
    }

    [Fact]
    public async Task Spurious_edge_leaves_a_receive_that_waits_as_it_was()
    {
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Group);
        using Socket _ = peer;
        Transport own = socket.CreateTransport(BufferPool.Shared);
        Task<ReceivedBlock> receiving = own.ReceiveAsync(default).AsTask();
        for (int i = 0; i < 100; i++)
        {
            int ready = socket.Take(0x1);
            Assert.NotEqual(0, ready);
            socket.Run(ready);
            Assert.False(receiving.IsCompleted);
        }

        await peer.SendAsync(new byte[7]);
        Assert.Equal(7, (await receiving.Soon()).Memory.Count);
        own.Advance(7);
        await own.DisposeAsync();
        own.ReleaseBlock();
    }

    [Fact]
    public async Task Peer_that_floods_does_not_keep_the_others_of_its_loop_waiting()
    {
        EventLoopGroup one = LoopPeers.Group(1);
        (EventLoopSocket flooded, Socket flood) = await LoopPeers.ConnectAsync(one);
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(one);
        using Socket _ = peer;
        using var stop = new CancellationTokenSource();
        Transport drained = flooded.CreateTransport(BufferPool.Shared);
        long receives = 0;
        Task flooding = Task.Run(() =>
        {
            byte[] much = new byte[256 * 1024];
            while (!stop.IsCancellationRequested)
                flood.Send(much);
            flood.Dispose();
        });
        Task draining = DrainAsync();
        Transport own = socket.CreateTransport(BufferPool.Shared);
        Task echoing = EchoAsync();
        await Settle.UntilAsync(() => Interlocked.Read(ref receives) > 0);
        byte[] room = new byte[8];
        for (int i = 0; i < 200; i++)
        {
            await peer.SendAsync(BitConverter.GetBytes((long)i));
            Assert.Equal(8, await peer.ReceiveAsync(room).Soon());
            Assert.Equal(i, BitConverter.ToInt64(room));
        }

        stop.Cancel();
        await flooding.Soon();
        await draining.Soon();
        peer.Dispose();
        await echoing.Soon();

        // Both on the thread of the loop, with no await that leaves it.
        async Task DrainAsync()
        {
            while (true)
            {
                ReceivedBlock block = await drained.ReceiveAsync(default).ConfigureAwait(false);
                drained.Advance(block.Memory.Count);
                Interlocked.Increment(ref receives);
                if (block.IsEnd)
                    break;
            }

            drained.ReleaseBlock();
            await drained.DisposeAsync().ConfigureAwait(false);
        }

        async Task EchoAsync()
        {
            while (true)
            {
                ReceivedBlock block = await own.ReceiveAsync(default).ConfigureAwait(false);
                await own.SendAsync(block.Memory.AsMemory().ToArray(), default).ConfigureAwait(false);
                own.Advance(block.Memory.Count);
                if (block.IsEnd)
                    break;
            }

            own.ReleaseBlock();
            await own.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static uint PacketsReceived(Socket socket)
    {
        byte[] info = new byte[PacketsReceivedAt + sizeof(uint)];
        Assert.Equal(info.Length, socket.GetRawSocketOption(TcpLevel, TcpInfo, info));
        return BitConverter.ToUInt32(info, PacketsReceivedAt);
    }
}
