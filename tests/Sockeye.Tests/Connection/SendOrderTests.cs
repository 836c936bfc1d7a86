using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule S3: order, commit and cancellation; and what is refused at the call.</summary>
public sealed class SendOrderTests
{
    [Fact]
    public async Task S3_Messages_of_all_kinds_leave_in_the_order_of_the_calls()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        WebSocketConnection socket = peer.Connection;
        await socket.SendTextAsync("0");
        ValueTask large = socket.SendAsync(Encoding.UTF8.GetBytes(new string('1', 20_000)), WebSocketMessageKind.Text);
        socket.TrySend("2"u8, WebSocketMessageKind.Text);
        ValueTask text = socket.SendTextAsync(new string('3', 20_000));
        StreamedMessage streamed = socket.OpenMessage(WebSocketMessageKind.Text);
        socket.TrySend(Encoding.UTF8.GetBytes(new string('5', 20_000)), WebSocketMessageKind.Text);
        await socket.SendSpanAsync<byte>("6"u8);
        Task<CloseResult> closed = socket.CloseAsync();
        await streamed.WriteAsync("4"u8.ToArray());
        await streamed.CompleteAsync();

        peer.Gate().Release();
        await large;
        await text;
        await peer.ReadFirstAsync();
        for (int i = 0; i < 7; i++)
            Assert.Equal('0' + i, (await peer.ReadMessageAsync()).Payload[0]);
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.CloseFrame());
        Assert.Null(await peer.ReadFrameAsync());
        await peer.Transport.ShutdownAsync();
        Assert.Equal((0L, 0L), ((await closed.Soon()).UnsentMessages, (await closed).UnsentBytes));
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S3_Token_before_the_commit_withdraws_the_message_and_leaves_the_connection_as_it_was(Role role)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(role);
        using var cancel = new CancellationTokenSource();
        await peer.Connection.SendTextAsync("before");
        long buffered = peer.Connection.BufferedBytes;
        int rented = peer.Pool.Outstanding;
        Task withdrawn = peer.Connection.SendTextAsync(new string('x', 100_000), cancel.Token).AsTask();
        Task kept = peer.Connection.SendAsync(GatedPeer.Bytes(100_000)).AsTask();
        await cancel.CancelAsync();
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        Assert.Equal(cancel.Token, e.CancellationToken);
        Assert.Equal(rented, peer.Pool.Outstanding);
        Assert.Equal(buffered + 100_000 + (role == Role.Client ? 14 : 10), peer.Connection.BufferedBytes);

        peer.Gate().Release();
        await kept.Soon();
        await peer.Connection.SendTextAsync("after");
        await peer.ReadFirstAsync();
        Assert.Equal("before", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(GatedPeer.Bytes(100_000), (await peer.ReadFrameAsync())!.Payload);
        Assert.Equal("after", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task S3_Withdrawn_messages_are_not_counted_as_unsent()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        using var cancel = new CancellationTokenSource();
        Task withdrawn = peer.Connection.SendAsync(GatedPeer.Bytes(20_000), cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        peer.Connection.Abort();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((1L, 2L), (result.UnsentMessages, result.UnsentBytes));
    }

    [Fact]
    public async Task S3_Token_of_a_message_that_filled_the_output_makes_room_for_others()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        using var cancel = new CancellationTokenSource();
        Task withdrawn = peer.Connection.SendAsync(GatedPeer.Bytes(100_000), cancellationToken: cancel.Token).AsTask();
        Task waiting = peer.Connection.SendTextAsync("small").AsTask();
        Assert.False(waiting.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        await waiting.Soon(); // the transport still takes nothing
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S3_Token_after_the_commit_has_no_effect(Role role)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(role, options => options with { FragmentSize = 40_000 });
        using var cancel = new CancellationTokenSource();
        byte[] payload = GatedPeer.Bytes(100_000);
        Task sent = peer.Connection.SendAsync(payload, cancellationToken: cancel.Token).AsTask();
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the first fragment has been framed
        await cancel.CancelAsync();
        Assert.False(sent.IsCompleted);
        peer.Gate().Release();
        await sent.Soon();
        await peer.ReadFirstAsync();
        Assert.Equal(payload, (await peer.ReadMessageAsync()).Payload);
    }

    [Fact]
    public async Task S3_Token_of_a_small_message_that_waits_for_room_has_no_effect()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 1 });
        using var cancel = new CancellationTokenSource();
        Task sent = peer.Connection.SendAsync(GatedPeer.Bytes(3), cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        Assert.False(sent.IsCompleted);
        peer.Gate().Release();
        await sent.Soon();
        await peer.ReadFirstAsync();
        Assert.Equal(3, (await peer.ReadFrameAsync())!.Payload.Length);
    }

    [Fact]
    public async Task S3_Token_that_is_cancelled_already_sends_nothing()
    {
        await using RawPeer peer = GatedPeer.Open();
        WebSocketConnection socket = peer.Connection;
        var token = new CancellationToken(canceled: true);
        Assert.True(socket.SendAsync(new byte[10], cancellationToken: token).IsCanceled);
        Assert.True(socket.SendAsync(new byte[20_000], cancellationToken: token).IsCanceled);
        Assert.True(socket.SendTextAsync("a", token).IsCanceled);
        Assert.True(socket.SendTextAsync(new string('a', 20_000), token).IsCanceled);
        Assert.True(socket.SendSpanAsync<int>([1], token).IsCanceled);
        Assert.True(socket.SendSpanAsync<int>(new int[20_000], token).IsCanceled);
        Assert.True(socket.PingAsync(cancellationToken: token).IsCanceled);
        Assert.True(socket.SendPongAsync(cancellationToken: token).IsCanceled);
        Assert.True(socket.ConfirmAsync(token).IsCanceled);
        Assert.True(socket.DrainAsync(token).IsCanceled);
        await using (StreamedMessage streamed = socket.OpenMessage())
            Assert.True(streamed.WriteAsync(new byte[10], token).IsCanceled);
        Assert.Equal(0, socket.BufferedBytes);

        await peer.SendTextAsync("large enough to be sent on");
        WebSocketMessage message = await socket.ReceiveAsync();
        Assert.True(socket.SendAsync(message, token).IsCanceled);
        await socket.SendTextAsync("first");
        Assert.Equal("first", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task S3_Text_that_is_not_UTF8_is_refused_at_the_call_and_nothing_is_sent()
    {
        await using RawPeer peer = GatedPeer.Open();
        byte[] broken = [0x61, 0xC3];
        Assert.Throws<ArgumentException>(() => { _ = peer.Connection.SendAsync(broken, WebSocketMessageKind.Text); });
        Assert.Throws<ArgumentException>(() => { _ = peer.Connection.SendAsync(new byte[20_000].Select(_ => (byte)0xFF).ToArray(), WebSocketMessageKind.Text); });
        Assert.Throws<ArgumentException>(() => peer.Connection.TrySend(broken, WebSocketMessageKind.Text));
        Assert.Throws<ArgumentException>(() => { _ = peer.Connection.SendAsync(broken, WebSocketMessageKind.End); });
        Assert.Throws<ArgumentException>(() => peer.Connection.OpenMessage(WebSocketMessageKind.End));
        Assert.Equal(0, peer.Connection.BufferedBytes);
        await peer.Connection.SendAsync(broken);
        Assert.Equal(broken, (await peer.ReadFrameAsync())!.Payload);
    }

    [Theory]
    [InlineData(Role.Server, 5)]
    [InlineData(Role.Server, 9000)]
    [InlineData(Role.Client, 5)]
    [InlineData(Role.Client, 9000)]
    public async Task SendTextAsync_of_any_string_sends_UTF8_with_lone_surrogates_replaced(Role role, int repeat)
    {
        await using RawPeer peer = GatedPeer.Open(role);
        string text = string.Concat(Enumerable.Repeat("aä€😀\ud800b", repeat));
        ValueTask sent = peer.Connection.SendTextAsync(text);
        ReceivedFrame frame = await peer.ReadMessageAsync();
        await sent;
        Assert.Equal(Opcode.Text, frame.Opcode);
        Assert.Equal(text.Replace('\ud800', '\ufffd'), frame.Text);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(30_000)]
    public async Task SendSpanAsync_copies_values_of_any_unmanaged_type(int count)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        double[] values = [.. Enumerable.Range(0, count).Select(i => i / 3.0)];
        ValueTask sent = peer.Connection.SendSpanAsync<double>(values);
        byte[] expected = System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        values.AsSpan().Clear();
        peer.Gate().Release();
        await sent;
        await peer.ReadFirstAsync();
        ReceivedFrame frame = (await peer.ReadFrameAsync())!;
        Assert.Equal(Opcode.Binary, frame.Opcode);
        Assert.Equal(expected, frame.Payload);
    }

    [Fact]
    public async Task SendAsync_awaited_twice_or_too_early_harms_no_other_send()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        ValueTask first = peer.Connection.SendAsync(GatedPeer.Bytes(20_000));
        // A wait without a wait: a mistake that must stay with who makes it.
        Assert.Throws<InvalidOperationException>(() => first.GetAwaiter().GetResult());
        ValueTask second = peer.Connection.SendAsync(GatedPeer.Bytes(20_001));
        peer.Gate().Release();
        await second;
        await first;
        Assert.Throws<InvalidOperationException>(() => first.GetAwaiter().GetResult());
        peer.Gate().Hold();
        ValueTask third = peer.Connection.SendAsync(GatedPeer.Bytes(20_002));
        ValueTask fourth = peer.Connection.SendAsync(GatedPeer.Bytes(20_003));
        Assert.Throws<InvalidOperationException>(() => first.GetAwaiter().GetResult());
        Assert.False(third.IsCompleted);
        Assert.False(fourth.IsCompleted);
        peer.Gate().Release();
        await third;
        await fourth;
    }

    [Fact]
    public async Task Sends_after_the_end_carry_the_account_of_it()
    {
        await using RawPeer peer = GatedPeer.Open();
        WebSocketConnection socket = peer.Connection;
        await using StreamedMessage streamed = socket.OpenMessage();
        await streamed.WriteAsync(new byte[1]);
        socket.Abort();
        CloseResult result = await socket.Closed.Soon();
        Assert.False(socket.IsOpen);
        Func<Task>[] sends =
        [
            () => socket.SendAsync(new byte[10]).AsTask(),
            () => socket.SendAsync(new byte[20_000]).AsTask(),
            () => socket.SendTextAsync("a").AsTask(),
            () => socket.SendTextAsync(new string('a', 20_000)).AsTask(),
            () => socket.SendSpanAsync<int>([1]).AsTask(),
            () => socket.SendSpanAsync<int>(new int[20_000]).AsTask(),
            () => socket.PingAsync(),
            () => socket.ConfirmAsync(),
            () => socket.SendPongAsync().AsTask(),
            () => streamed.WriteAsync(new byte[1]).AsTask(),
            () => Task.FromResult(socket.OpenMessage()),
        ];
        foreach (Func<Task> send in sends)
            Assert.Same(result, (await Assert.ThrowsAsync<WebSocketClosedException>(() => send().Soon())).Result);
        Assert.Equal(SendResult.Closed, socket.TrySend(new byte[10]));
        Assert.Equal(SendResult.Closed, socket.TrySend(new byte[20_000]));
    }

    [Fact]
    public async Task Sends_while_our_Close_is_queued_are_refused()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        _ = peer.Connection.CloseAsync();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.SendAsync(new byte[1]).AsTask());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.PingAsync());
        Assert.Equal(SendResult.Closed, peer.Connection.TrySend([1]));
        Assert.Throws<WebSocketClosedException>(() => peer.Connection.OpenMessage());
    }
}
