using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule S7: sending without ever waiting.</summary>
public sealed class TrySendTests
{
    [Fact]
    public async Task S7_TrySend_says_what_became_of_the_message()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(
            configure: options => options with { HighWaterMark = 100, LowWaterMark = 10, MaxBufferedBytes = 1000 });
        WebSocketConnection socket = peer.Connection;
        Assert.Equal(SendResult.Accepted, socket.TrySend(new byte[96])); // 2 + 98 = 100
        Assert.Equal(SendResult.AcceptedAboveHighWater, socket.TrySend([]));
        Assert.Equal(SendResult.Full, socket.TrySend(new byte[895])); // 102 + 899 = 1001
        Assert.Equal(SendResult.AcceptedAboveHighWater, socket.TrySend(new byte[894])); // 1000 exactly
        Assert.Equal(SendResult.Full, socket.TrySend([]));
        Assert.Equal(1000, socket.BufferedBytes);
        peer.Gate().Release();
        await socket.DrainAsync().Soon();
        Assert.Equal(SendResult.Accepted, socket.TrySend("end"u8, WebSocketMessageKind.Text));
        await peer.ReadFirstAsync();
        foreach (int length in (int[])[96, 0, 894])
            Assert.Equal(length, (await peer.ReadFrameAsync())!.Payload.Length);
        Assert.Equal("end", (await peer.ReadFrameAsync())!.Text);
        _ = socket.CloseAsync();
        Assert.Equal(SendResult.Closed, socket.TrySend([]));
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S7_TrySend_copies_messages_of_every_size(Role role)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(role);
        foreach (int length in (int[])[10, 16_384, 16_385, 200_000])
        {
            byte[] payload = GatedPeer.Bytes(length);
            Assert.NotEqual(SendResult.Full, peer.Connection.TrySend(payload));
            payload.AsSpan().Clear();
        }

        peer.Gate().Release();
        await peer.ReadFirstAsync();
        foreach (int length in (int[])[10, 16_384, 16_385, 200_000])
            Assert.Equal(GatedPeer.Bytes(length), (await peer.ReadFrameAsync())!.Payload);
    }

    [Fact]
    public async Task S7_Full_counts_large_messages_with_the_headers_of_their_fragments()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(
            configure: options => options with { FragmentSize = 100, MaxBufferedBytes = 2 + (200 * 102) });
        Assert.Equal(SendResult.Full, peer.Connection.TrySend(new byte[20_001]));
        Assert.Equal(SendResult.Accepted, peer.Connection.TrySend(new byte[20_000]));
        Assert.Equal(2 + (200 * 102), peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S7_Writable_fires_once_after_each_time_above_the_high_water_mark()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(
            configure: options => options with { HighWaterMark = 100, LowWaterMark = 10 });
        WebSocketConnection socket = peer.Connection;
        using var fired = new SemaphoreSlim(0);
        int count = 0;
        socket.Writable += raised =>
        {
            Assert.Same(socket, raised);
            Interlocked.Increment(ref count);
            fired.Release();
        };
        for (int round = 1; round <= 3; round++)
        {
            Assert.Equal(SendResult.AcceptedAboveHighWater, socket.TrySend(new byte[200]));
            Assert.Equal(SendResult.AcceptedAboveHighWater, socket.TrySend(new byte[200]));
            Assert.Equal(round - 1, count);
            peer.Gate().Release();
            await fired.WaitAsync().Soon();
            await socket.DrainAsync().Soon();
            peer.Gate().Hold();
            Assert.Equal(SendResult.Accepted, socket.TrySend([]));
        }

        peer.Gate().Release();
        await socket.DrainAsync().Soon();
        Assert.Equal(3, count);
    }

    [Fact]
    public async Task S7_Writable_handler_that_throws_closes_with_1011_and_harms_nothing_else()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(
            configure: options => options with { HighWaterMark = 100, LowWaterMark = 10 });
        peer.Connection.Writable += _ => throw new InvalidOperationException("The handler failed.");
        Assert.Equal(SendResult.AcceptedAboveHighWater, peer.Connection.TrySend(new byte[200]));
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        Assert.Equal(200, (await peer.ReadFrameAsync())!.Payload.Length);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((1011, ""), (close.CloseCode, close.CloseReason));
    }

    [Fact]
    public async Task S7_TrySend_behind_an_open_streamed_message_queues_in_order()
    {
        await using RawPeer peer = GatedPeer.Open();
        await using StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        Assert.Equal(SendResult.Accepted, peer.Connection.TrySend("1"u8, WebSocketMessageKind.Text));
        await streamed.WriteAsync("0"u8.ToArray());
        Assert.Equal(SendResult.Accepted, peer.Connection.TrySend("2"u8, WebSocketMessageKind.Text));
        await streamed.CompleteAsync();
        for (int i = 0; i < 3; i++)
            Assert.Equal($"{i}", (await peer.ReadMessageAsync()).Text);
    }

    [Fact]
    public async Task S7_TrySend_from_inside_a_write_does_not_wait()
    {
        await using RawPeer peer = GatedPeer.Open();
        int calls = 0;
        peer.Gate().OnWrite = () =>
        {
            if (calls++ < 100)
                Assert.Equal(SendResult.Accepted, Task.Run(() => peer.Connection.TrySend([1])).Result);
        };
        await peer.Connection.SendAsync(new byte[] { 1 });
        for (int i = 0; i <= 100; i++)
            Assert.Equal([1], (await peer.ReadFrameAsync())!.Payload);
    }

    [Fact]
    public async Task S7_TrySend_never_throws_for_the_state_of_the_connection()
    {
        RawPeer peer = GatedPeer.Create();
        Assert.Equal(SendResult.Accepted, peer.Connection.TrySend([1])); // not started yet
        peer.Connection.Start();
        Assert.Equal([1], (await peer.ReadFrameAsync())!.Payload);
        await peer.DisposeAsync();
        Assert.Equal(SendResult.Closed, peer.Connection.TrySend([1]));
        Assert.Equal(SendResult.Closed, peer.Connection.TrySend(new byte[100_000]));
        Assert.Equal(0, peer.Pool.Outstanding);
    }
}
