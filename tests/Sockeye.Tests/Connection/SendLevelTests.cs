using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rules S1 and S2: accepted, written, confirmed; whose memory a payload leaves from; room.</summary>
public sealed class SendLevelTests
{
    private static readonly byte[] Ten = GatedPeer.Bytes(10);

    [Fact]
    public async Task S1_SendAsync_of_a_transport_that_takes_nothing_completes_when_accepted()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        ValueTask sent = peer.Connection.SendAsync(Ten);
        Assert.True(sent.IsCompletedSuccessfully);
        Assert.Equal(2 + 12, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S1_DrainAsync_completes_when_the_last_byte_was_taken()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        await peer.Connection.SendAsync(Ten);
        Task drained = peer.Connection.DrainAsync().AsTask();
        Assert.False(drained.IsCompleted);

        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync();
        Assert.False(drained.IsCompleted);
        Assert.Equal(12, peer.Connection.BufferedBytes);

        peer.Gate().Release();
        await drained.Soon();
        Assert.Equal(0, peer.Connection.BufferedBytes);
        Assert.True(peer.Connection.DrainAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task S1_DrainAsync_waits_for_what_is_in_the_control_lane()
    {
        await using RawPeer peer = GatedPeer.Open();
        await using StreamedMessage open = peer.Connection.OpenMessage();
        peer.Gate().Hold();
        await open.WriteAsync(new byte[10]);
        await peer.Gate().WriteAsync();
        _ = peer.Connection.PingAsync(new byte[3]); // passes in the lane, because a message is open
        Task drainedBehind = peer.Connection.DrainAsync().AsTask();
        await open.CompleteAsync();
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync();
        Assert.False(drainedBehind.IsCompleted);
        peer.Gate().Release();
        await drainedBehind.Soon();
        Assert.Equal(0, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S1_DrainAsync_waits_for_a_write_of_the_control_lane_alone()
    {
        await using RawPeer peer = GatedPeer.Open();
        StreamedMessage open = peer.Connection.OpenMessage();
        peer.Gate().Hold();
        _ = peer.Connection.PingAsync(new byte[3]);
        await open.DisposeAsync(); // not begun: it vanishes, and the lane alone is under way
        await peer.Gate().WriteAsync();
        Task drained = peer.Connection.DrainAsync().AsTask();
        Assert.False(drained.IsCompleted);
        peer.Gate().Release();
        await drained.Soon();
        Assert.Equal([5], peer.Gate().Writes);
    }

    [Fact]
    public async Task S1_DrainAsync_does_not_wait_for_what_is_sent_after_it()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        Task drained = peer.Connection.DrainAsync().AsTask();
        await peer.Connection.SendAsync(Ten);
        peer.Gate().ReleaseOne();
        await drained.Soon();
        await peer.Gate().WriteAsync();
        Assert.Equal(12, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S1_DrainAsync_whose_token_fires_ends_the_wait_alone()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        using var cancel = new CancellationTokenSource();
        Task drained = peer.Connection.DrainAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drained.Soon());
        Assert.True(peer.Connection.IsOpen);
        Assert.True(peer.Connection.DrainAsync(cancel.Token).IsCanceled);
        peer.Gate().Release();
        await peer.Connection.DrainAsync().Soon();
    }

    [Fact]
    public async Task S1_DrainAsync_on_the_receive_loop_flushes_what_is_held_back()
    {
        await using RawPeer peer = GatedPeer.Create();
        var drained = new TaskCompletionSource();
        Task handled = peer.HandleAsync(async socket =>
        {
            await socket.ReceiveAsync();
            await socket.SendAsync(Ten);
            await socket.DrainAsync();
            drained.SetResult();
            await socket.ReceiveAsync();
        });
        await peer.SendTextAsync("go");
        await drained.Task.Soon();
        Assert.Equal(Ten, (await peer.ReadFrameAsync())!.Payload);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task S1_ConfirmAsync_completes_with_the_pong_and_measures_the_time()
    {
        await using RawPeer peer = GatedPeer.Open();
        await peer.Connection.SendAsync(Ten);
        Task<TimeSpan> confirmed = peer.Connection.ConfirmAsync();
        Assert.Equal(Opcode.Binary, (await peer.ReadFrameAsync())!.Opcode);
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        Assert.Equal(Opcode.Ping, ping.Opcode);
        Assert.False(confirmed.IsCompleted);

        peer.Time.Advance(TimeSpan.FromMilliseconds(750));
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        Assert.Equal(TimeSpan.FromMilliseconds(750), await confirmed.Soon());
    }

    [Fact]
    public async Task S1_What_fails_after_acceptance_shows_in_Closed_in_DrainAsync_and_in_the_next_send()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        await peer.Connection.SendAsync(Ten);
        Task drained = peer.Connection.DrainAsync().AsTask();
        peer.Gate().Break();
        await Settle.UntilAsync(() => !peer.Connection.IsOpen);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.SendAsync(Ten).AsTask());

        // What was received before is still read, for a while.
        peer.Time.Advance(WebSocketConnectionOptions.Default.CloseGrace);
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal(CloseCause.TransportFailed, result.Cause);
        Assert.Equal((CloseCode.Abnormal, false), (result.Code, result.IsClean));
        Assert.Equal((2L, 14L), (result.UnsentMessages, result.UnsentBytes));
        Assert.IsType<IOException>(result.Exception);
        WebSocketClosedException e = await Assert.ThrowsAsync<WebSocketClosedException>(() => drained.Soon());
        Assert.Same(result, e.Result);
        e = await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.SendAsync(Ten).AsTask());
        Assert.Same(result, e.Result);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.DrainAsync().AsTask());
    }

    [Fact]
    public async Task S1_Abort_counts_the_messages_and_bytes_that_were_not_taken()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        for (int i = 0; i < 3; i++)
            await peer.Connection.SendAsync(Ten);
        Task large = peer.Connection.SendAsync(GatedPeer.Bytes(20_000)).AsTask();
        Assert.Equal(SendResult.Accepted, peer.Connection.TrySend(GatedPeer.Bytes(20_001)));
        peer.Connection.Abort();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.Aborted, 6L), (result.Cause, result.UnsentMessages));
        Assert.Equal(2 + (3 * 12) + 20_004 + 20_005, result.UnsentBytes);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
    }

    [Fact]
    public async Task S1_Abort_after_everything_was_taken_counts_nothing()
    {
        await using RawPeer peer = GatedPeer.Open();
        await peer.Connection.SendAsync(GatedPeer.Bytes(100_000));
        await peer.Connection.SendAsync(Ten);
        await peer.Connection.DrainAsync().Soon();
        peer.Connection.Abort();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((0L, 0L), (result.UnsentMessages, result.UnsentBytes));
        Assert.True(peer.Connection.DrainAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task S1_Abort_counts_what_of_a_large_message_was_taken_as_sent()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { FragmentSize = 10_000 });
        Task sent = peer.Connection.SendAsync(GatedPeer.Bytes(25_000)).AsTask();
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the first fragment
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the second one
        peer.Connection.Abort();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((1L, 10_004L + 5_004), (result.UnsentMessages, result.UnsentBytes));
        await Assert.ThrowsAsync<WebSocketClosedException>(() => sent.Soon());
    }

    [Fact]
    public async Task S1_Abort_in_the_middle_of_a_write_counts_what_of_it_was_taken_as_sent()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        await peer.Connection.SendAsync(GatedPeer.Bytes(1000));
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync();
        peer.Gate().Progress(400);
        peer.Connection.Abort();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((1L, 604L), (result.UnsentMessages, result.UnsentBytes));
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S2_SendAsync_of_up_to_16_KiB_copies_and_completes_at_once(Role role)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(role);
        byte[] payload = GatedPeer.Bytes(16 * 1024);
        byte[] original = [.. payload];
        Assert.True(peer.Connection.SendAsync(payload).IsCompletedSuccessfully);
        payload.AsSpan().Clear();
        peer.Gate().Release();
        await peer.ReadFirstAsync();
        Assert.Equal(original, (await peer.ReadFrameAsync())!.Payload);
    }

    [Fact]
    public async Task S2_SendAsync_of_more_than_16_KiB_leaves_from_the_memory_of_the_caller_and_completes_when_it_is_free()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        byte[] payload = GatedPeer.Bytes((16 * 1024) + 1);
        Task sent = peer.Connection.SendAsync(payload).AsTask();
        Assert.False(sent.IsCompleted);
        payload[1000] ^= 0xFF; // not allowed, and shows that there is no copy

        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync();
        Assert.False(sent.IsCompleted);
        peer.Gate().Release();
        await sent.Soon();
        await peer.ReadFirstAsync();
        Assert.Equal(payload, (await peer.ReadFrameAsync())!.Payload);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16_384)]
    [InlineData(16_385)]
    [InlineData(300_001)]
    public async Task S2_SendAsync_of_a_client_masks_and_leaves_the_payload_as_it_is(int length)
    {
        await using RawPeer peer = GatedPeer.Open(Role.Client);
        byte[] payload = GatedPeer.Bytes(length);
        byte[] original = [.. payload];
        await peer.Connection.SendAsync(payload).Soon();
        ReceivedFrame frame = (await peer.ReadFrameAsync())!;
        Assert.True(frame.IsMasked);
        Assert.Equal(original, frame.Payload);
        Assert.Equal(original, payload);
    }

    [Fact]
    public async Task S2_SendAsync_above_the_high_water_mark_completes_when_the_backlog_is_at_the_low_water_mark()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(
            configure: options => options with { HighWaterMark = 1000, LowWaterMark = 20 });
        for (int i = 0; i < 9; i++)
            Assert.True(peer.Connection.SendAsync(GatedPeer.Bytes(100)).IsCompletedSuccessfully); // 2 + 9 * 102 = 920
        Task tenth = peer.Connection.SendAsync(GatedPeer.Bytes(100)).AsTask();
        Assert.False(tenth.IsCompleted);

        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the ten
        Task eleventh = peer.Connection.SendAsync(GatedPeer.Bytes(30)).AsTask();
        Assert.False(eleventh.IsCompleted);

        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the eleventh: 32 bytes wait, below the high-water mark but above the low one
        Assert.Equal(32, peer.Connection.BufferedBytes);
        Assert.False(tenth.IsCompleted);
        Assert.False(eleventh.IsCompleted);

        peer.Gate().Release();
        await tenth.Soon();
        await eleventh.Soon();
    }

    [Fact]
    public async Task S2_SendAsync_at_the_high_water_mark_exactly_does_not_wait()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 2 + 102 });
        Assert.True(peer.Connection.SendAsync(GatedPeer.Bytes(100)).IsCompletedSuccessfully);
        Assert.False(peer.Connection.SendAsync(ReadOnlyMemory<byte>.Empty).IsCompleted);
    }

    [Fact]
    public async Task S2_SendAsync_waiting_for_room_fails_with_the_connection()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 10 });
        Task[] sent = [.. Enumerable.Range(0, 3).Select(_ => peer.Connection.SendAsync(Ten).AsTask())];
        peer.Connection.Abort();
        foreach (Task one in sent)
            await Assert.ThrowsAsync<WebSocketClosedException>(() => one.Soon());
    }

    [Fact]
    public async Task S2_BufferedBytes_of_every_kind_of_send_is_what_is_written()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(Role.Client, options => options with { FragmentSize = 1000, HighWaterMark = 1 << 20 });
        WebSocketConnection socket = peer.Connection;
        ValueTask large = socket.SendAsync(GatedPeer.Bytes(70_000));
        await socket.SendAsync(GatedPeer.Bytes(5000));
        await socket.SendTextAsync(new string('ä', 700));
        await socket.SendSpanAsync<long>([1, 2, 3]);
        Assert.Equal(SendResult.Accepted, socket.TrySend(GatedPeer.Bytes(20_000)));
        Task<TimeSpan> pinged = socket.PingAsync();
        await socket.SendPongAsync(Ten);
        await using StreamedMessage streamed = socket.OpenMessage();
        await streamed.WriteAsync(GatedPeer.Bytes(2500));
        ValueTask fragment = streamed.CompleteAsync(GatedPeer.Bytes(30_000));
        long buffered = socket.BufferedBytes;
        peer.Gate().Release();
        await large;
        await fragment;
        await socket.DrainAsync().Soon();
        Assert.Equal(buffered, peer.Gate().Writes.Sum());
        Assert.Equal(0, socket.BufferedBytes);
        Assert.False(pinged.IsCompleted);
    }
}
