using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule S8: messages that are sent in pieces.</summary>
public sealed class StreamedMessageTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S8_Pieces_leave_as_one_fragment_each(Role role)
    {
        await using RawPeer peer = GatedPeer.Open(role);
        await using StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        Assert.Equal(WebSocketMessageKind.Text, streamed.Kind);
        await streamed.WriteAsync("one"u8.ToArray());
        await streamed.WriteAsync(ReadOnlyMemory<byte>.Empty);
        Task large = streamed.WriteAsync(Encoding.UTF8.GetBytes(new string('x', 20_000))).AsTask();
        await streamed.CompleteAsync("end"u8.ToArray());

        await AssertFrame(peer, Opcode.Text, isFinal: false, "one");
        await AssertFrame(peer, Opcode.Continuation, isFinal: false, "");
        await AssertFrame(peer, Opcode.Continuation, isFinal: false, new string('x', 20_000));
        await AssertFrame(peer, Opcode.Continuation, isFinal: true, "end");
        await large.Soon();
        Assert.Throws<InvalidOperationException>(() => { _ = streamed.WriteAsync(new byte[1]); });
        Assert.Throws<InvalidOperationException>(() => { _ = streamed.CompleteAsync(); });
    }

    [Fact]
    public async Task S8_One_final_piece_is_an_ordinary_message()
    {
        await using RawPeer peer = GatedPeer.Open();
        await using (StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text))
            await streamed.CompleteAsync("all"u8.ToArray());
        await AssertFrame(peer, Opcode.Text, isFinal: true, "all");
        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task S8_Pieces_above_FragmentSize_leave_in_fragments_of_it()
    {
        await using RawPeer peer = GatedPeer.Open(configure: options => options with { FragmentSize = 4 });
        await using StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await streamed.WriteAsync("123456"u8.ToArray());
        await streamed.CompleteAsync("789abcdef"u8.ToArray());
        await AssertFrame(peer, Opcode.Text, isFinal: false, "1234");
        await AssertFrame(peer, Opcode.Continuation, isFinal: false, "56");
        await AssertFrame(peer, Opcode.Continuation, isFinal: false, "789a");
        await AssertFrame(peer, Opcode.Continuation, isFinal: false, "bcde");
        await AssertFrame(peer, Opcode.Continuation, isFinal: true, "f");
    }

    [Fact]
    public async Task S8_Other_messages_queue_behind_it_and_control_frames_pass()
    {
        await using RawPeer peer = GatedPeer.Open();
        WebSocketConnection socket = peer.Connection;
        await using StreamedMessage streamed = socket.OpenMessage();
        await streamed.WriteAsync(new byte[1]);
        await socket.SendTextAsync("behind");
        Task large = socket.SendAsync(GatedPeer.Bytes(20_000)).AsTask();
        Assert.Equal(SendResult.Accepted, socket.TrySend(new byte[3]));
        Task<TimeSpan> confirmed = socket.ConfirmAsync();
        Assert.Equal((Opcode.Binary, false), Shape(await peer.ReadFrameAsync()));

        Task<TimeSpan> pinged = socket.PingAsync();
        await socket.SendPongAsync("p"u8.ToArray());
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        Assert.Equal(Opcode.Ping, ping.Opcode);
        await AssertFrame(peer, Opcode.Pong, isFinal: true, "p");
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        await pinged.Soon();
        Assert.False(confirmed.IsCompleted);

        await streamed.CompleteAsync();
        Assert.Equal((Opcode.Continuation, true), Shape(await peer.ReadFrameAsync()));
        await AssertFrame(peer, Opcode.Text, isFinal: true, "behind");
        Assert.Equal(20_000, (await peer.ReadFrameAsync())!.Payload.Length);
        Assert.Equal(3, (await peer.ReadFrameAsync())!.Payload.Length);
        ping = (await peer.ReadFrameAsync())!;
        Assert.Equal(Opcode.Ping, ping.Opcode);
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        await confirmed.Soon();
        await large.Soon();
    }

    [Fact]
    public async Task S8_Two_open_messages_leave_one_after_the_other()
    {
        await using RawPeer peer = GatedPeer.Open();
        await using StreamedMessage first = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await using StreamedMessage second = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await second.WriteAsync("2"u8.ToArray());
        await first.WriteAsync("1"u8.ToArray());
        await second.CompleteAsync("b"u8.ToArray());
        await first.CompleteAsync("a"u8.ToArray());
        Assert.Equal("1a", (await peer.ReadMessageAsync()).Text);
        Assert.Equal("2b", (await peer.ReadMessageAsync()).Text);
    }

    [Fact]
    public async Task S8_Text_may_break_inside_a_character_and_must_end_with_a_whole_one()
    {
        await using RawPeer peer = GatedPeer.Open();
        byte[] text = "ä€😀"u8.ToArray();
        await using (StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text))
        {
            foreach (byte one in text)
                await streamed.WriteAsync(new[] { one });
            await streamed.CompleteAsync();
        }

        Assert.Equal("ä€😀", (await peer.ReadMessageAsync()).Text);

        await using StreamedMessage broken = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await broken.WriteAsync(text.AsMemory(0, 1));
        Assert.Throws<ArgumentException>(() => { _ = broken.CompleteAsync(); });
        Assert.Throws<ArgumentException>(() => { _ = broken.WriteAsync("x"u8.ToArray()); });
        await broken.CompleteAsync(text.AsMemory(1, 1)); // what was refused left no trace
        Assert.Equal("ä", (await peer.ReadMessageAsync()).Text);
    }

    [Fact]
    public async Task S8_Disposing_it_before_its_first_fragment_withdraws_it()
    {
        await using RawPeer peer = GatedPeer.Open();
        StreamedMessage streamed = peer.Connection.OpenMessage();
        await peer.Connection.SendTextAsync("behind");
        await streamed.DisposeAsync();
        await streamed.DisposeAsync();
        await AssertFrame(peer, Opcode.Text, isFinal: true, "behind");
        Assert.True(peer.Connection.IsOpen);
        Assert.Throws<InvalidOperationException>(() => { _ = streamed.WriteAsync(new byte[1]); });
    }

    [Fact]
    public async Task S8_Disposing_it_complete_does_nothing()
    {
        await using RawPeer peer = GatedPeer.Open();
        StreamedMessage streamed = peer.Connection.OpenMessage();
        await streamed.WriteAsync(new byte[1]);
        await streamed.CompleteAsync();
        await streamed.DisposeAsync();
        Assert.True(peer.Connection.IsOpen);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S8_Disposing_it_unfinished_closes_with_1011_without_FIN_and_without_what_queued_behind_it(Role role)
    {
        await using RawPeer peer = GatedPeer.Open(role);
        WebSocketConnection socket = peer.Connection;
        await socket.SendTextAsync("before");
        StreamedMessage streamed = socket.OpenMessage();
        await streamed.WriteAsync(new byte[1]);
        Task piece = streamed.WriteAsync(new byte[20_000]).AsTask();
        await socket.SendTextAsync("behind"); // 8 bytes of the server, 12 of the client
        Task large = socket.SendAsync(new byte[20_000]).AsTask();
        StreamedMessage second = socket.OpenMessage();
        await second.WriteAsync(new byte[2]);
        Task drained = socket.DrainAsync().AsTask();
        await streamed.DisposeAsync();

        await AssertFrame(peer, Opcode.Text, isFinal: true, "before");
        Assert.Equal((Opcode.Binary, false), Shape(await peer.ReadFrameAsync()));
        Assert.Equal((Opcode.Continuation, false), Shape(await peer.ReadFrameAsync()));
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1011, ""), (close.Opcode, close.CloseCode, close.CloseReason));
        await piece.Soon();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => drained.Soon());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => second.WriteAsync(new byte[1]).AsTask());
        await second.DisposeAsync();

        await peer.SendAsync(peer.CloseFrame(CloseCode.InternalError));
        await peer.Transport.ShutdownAsync();
        Assert.Null(await peer.ReadFrameAsync());
        CloseResult result = await socket.Closed.Soon();
        Assert.Equal((CloseCause.MessageUnfinished, CloseCode.InternalError), (result.Cause, result.SentCode));
        int mask = role == Role.Client ? 4 : 0;
        Assert.Equal((2L, 8L + 20_004 + 4 + (3 * mask)), (result.UnsentMessages, result.UnsentBytes));
    }

    [Fact]
    public async Task S8_CloseAsync_gives_it_CloseTimeout_to_complete()
    {
        await using RawPeer peer = GatedPeer.Open();
        StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await streamed.WriteAsync("begin "u8.ToArray());
        await peer.Connection.SendTextAsync("behind");
        Task<CloseResult> closed = peer.Connection.CloseAsync(CloseCode.GoingAway, "bye");
        await streamed.WriteAsync("middle "u8.ToArray());
        peer.Time.Advance(WebSocketConnectionOptions.Default.CloseTimeout - TimeSpan.FromTicks(1));
        await streamed.CompleteAsync("end"u8.ToArray());

        Assert.Equal("begin middle end", (await peer.ReadMessageAsync()).Text);
        await AssertFrame(peer, Opcode.Text, isFinal: true, "behind");
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        CloseResult result = await closed.Soon();
        Assert.Equal((true, 0L, 0L), (result.IsClean, result.UnsentMessages, result.UnsentBytes));
    }

    [Fact]
    public async Task S8_CloseAsync_sends_Close_between_two_fragments_after_CloseTimeout()
    {
        await using RawPeer peer = GatedPeer.Open();
        StreamedMessage streamed = peer.Connection.OpenMessage(WebSocketMessageKind.Text);
        await streamed.WriteAsync("begin"u8.ToArray());
        await peer.Connection.SendTextAsync("behind");
        Task<CloseResult> closed = peer.Connection.CloseAsync(CloseCode.GoingAway, "bye");
        peer.Time.Advance(WebSocketConnectionOptions.Default.CloseTimeout);
        await AssertFrame(peer, Opcode.Text, isFinal: false, "begin");
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1001, "bye"), (close.Opcode, close.CloseCode, close.CloseReason));
        await Assert.ThrowsAsync<WebSocketClosedException>(() => streamed.WriteAsync(new byte[1]).AsTask());
        await streamed.DisposeAsync();
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway));
        await peer.Transport.ShutdownAsync();
        CloseResult result = await closed.Soon();
        Assert.Equal((true, CloseCause.Local, 1L, 8L), (result.IsClean, result.Cause, result.UnsentMessages, result.UnsentBytes));
    }

    [Fact]
    public async Task S8_CloseAsync_after_CloseTimeout_drops_one_that_has_not_begun_and_sends_what_is_behind_it()
    {
        await using RawPeer peer = GatedPeer.Open();
        StreamedMessage streamed = peer.Connection.OpenMessage();
        await peer.Connection.SendTextAsync("behind");
        _ = peer.Connection.CloseAsync();
        peer.Time.Advance(WebSocketConnectionOptions.Default.CloseTimeout);
        await AssertFrame(peer, Opcode.Text, isFinal: true, "behind");
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => streamed.CompleteAsync().AsTask());
    }

    [Fact]
    public async Task S8_Its_writer_is_never_held_up_by_what_queues_behind_it()
    {
        await using RawPeer peer = GatedPeer.Open(configure: options => options with { HighWaterMark = 1000, LowWaterMark = 100 });
        await using StreamedMessage streamed = peer.Connection.OpenMessage();
        Task behind = peer.Connection.SendAsync(new byte[2000]).AsTask();
        Assert.False(behind.IsCompleted);
        for (int i = 0; i < 3; i++)
            await streamed.WriteAsync(new byte[900]).Soon();
        await streamed.CompleteAsync().Soon();
        await behind.Soon();
    }

    [Fact]
    public async Task S8_Its_writer_waits_while_its_own_pieces_are_not_taken()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 1000, LowWaterMark = 100 });
        await using StreamedMessage streamed = peer.Connection.OpenMessage();
        Assert.True(streamed.WriteAsync(new byte[900]).IsCompletedSuccessfully);
        Task second = streamed.WriteAsync(new byte[100]).AsTask();
        Assert.False(second.IsCompleted);
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync();
        Assert.False(second.IsCompleted);
        peer.Gate().Release();
        await second.Soon();
        await streamed.CompleteAsync();
    }

    [Fact]
    public async Task S8_Its_writer_waiting_for_room_fails_with_the_connection()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 10 });
        StreamedMessage streamed = peer.Connection.OpenMessage();
        Task small = streamed.WriteAsync(new byte[20]).AsTask();
        Task large = streamed.WriteAsync(new byte[20_000]).AsTask();
        peer.Connection.Abort();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => small.Soon());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
        await streamed.DisposeAsync();
        Assert.Equal(CloseCause.Aborted, (await peer.Connection.Closed).Cause);
    }

    [Fact]
    public async Task S8_Abort_while_it_is_open_returns_everything()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        StreamedMessage first = peer.Connection.OpenMessage();
        StreamedMessage second = peer.Connection.OpenMessage();
        await first.WriteAsync(new byte[10]);
        await second.WriteAsync(new byte[10]);
        _ = second.WriteAsync(new byte[20_000]);
        peer.Gate().ReleaseOne();
        await peer.Gate().WriteAsync(); // the first one's piece is in the hands of the transport
        peer.Connection.Abort();
        await first.DisposeAsync();
        Assert.Equal(CloseCause.Aborted, (await peer.Connection.Closed.Soon()).Cause);
    }

    private static (Opcode Opcode, bool IsFinal) Shape(ReceivedFrame? frame) => (frame!.Opcode, frame.IsFinal);

    private static async Task AssertFrame(RawPeer peer, Opcode opcode, bool isFinal, string text)
    {
        ReceivedFrame? frame = await peer.ReadFrameAsync();
        Assert.Equal((opcode, isFinal, text), (frame!.Opcode, frame.IsFinal, frame.Text));
    }
}
