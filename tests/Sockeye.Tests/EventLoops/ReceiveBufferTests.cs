using System.Net.Sockets;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>The memory that loops receive into has the size that is set, and no message minds.</summary>
public sealed class ReceiveBufferTests
{
    private const int Smallest = 128 * 1024;

    [Theory]
    [InlineData(Smallest)]
    [InlineData(Smallest + 1)]
    [InlineData(512 * 1024)]
    [InlineData(4 * 1024 * 1024)]
    public async Task Receive_takes_at_most_the_size_that_is_set(int size)
    {
        var buffers = new BufferPool(new CountingPool());
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Loops(size).Group!);
        using Socket _ = peer;
        Transport own = socket.CreateTransport(buffers);
        own.Unread([]);
        byte[] sent = GatedPeer.Bytes(12_000_000);
        Task sending = Task.Run(() =>
        {
            peer.Send(sent);
            peer.Shutdown(SocketShutdown.Send);
        });
        List<byte> received = [];
        while (true)
        {
            ReceivedBlock block = await own.ReceiveAsync(default).Soon();
            Assert.Equal(size, block.IsEnd ? size : block.Memory.Array!.Length);
            Assert.InRange(block.Memory.Count, 0, size);
            Assert.Equal((1, 1), (buffers.SlabsHeld, buffers.WithSlabs(size).SlabsHeld));
            received.AddRange(block.Memory);
            own.Advance(block.Memory.Count);
            if (block.IsEnd)
                break;
        }

        await sending.Soon();
        Assert.True(received.ToArray().AsSpan().SequenceEqual(sent));
        own.ReleaseBlock();
        await own.DisposeAsync();
        Assert.Equal(0, buffers.SlabsHeld);
    }

    [Theory]
    [InlineData(Smallest)]
    [InlineData(2 * 1024 * 1024)]
    public async Task Message_larger_than_the_buffer_arrives_whole(int size)
    {
        EventLoopOptions loops = Loops(size);
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { EventLoop = loops });
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri, new() { EventLoop = loops }).Soon();
        foreach (int length in (int[])[size - 1, size, size + 1, (3 * size) + 17])
        {
            byte[] sent = GatedPeer.Bytes(length, length);
            await socket.SendAsync(sent, WebSocketMessageKind.Binary);
            Assert.True((await socket.ReceiveAsync()).Span.SequenceEqual(sent), $"{length} bytes came back as others.");
        }

        Assert.True((await socket.CloseAsync().WaitAsync(ServerTest.Patience)).IsClean);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Receive_of_the_handshake_brings_no_more_than_can_be_put_back()
    {
        (EventLoopSocket socket, Socket peer) = await LoopPeers.ConnectAsync(Loops(512 * 1024).Group!);
        using Socket _ = peer;
        Transport own = socket.CreateTransport(BufferPool.Shared);
        byte[] sent = GatedPeer.Bytes(3_000_000);
        Task sending = Task.Run(() =>
        {
            peer.Send(sent);
            peer.Shutdown(SocketShutdown.Send);
        });
        int received = 0;
        while (true)
        {
            ReceivedBlock block = await own.ReceiveAsync(default).Soon();
            Assert.InRange(block.Memory.Count, 0, 64 * 1024);
            received += block.Memory.Count;
            own.Advance(block.Memory.Count);
            if (block.IsEnd)
                break;
        }

        await sending.Soon();
        Assert.Equal(sent.Length, received);
        own.ReleaseBlock();
        await own.DisposeAsync();
    }

    private static EventLoopOptions Loops(int size) => new() { Loops = 2, ReceiveBufferSize = size };
}
