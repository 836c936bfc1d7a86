using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.LowLevel;

/// <summary>What the tests of Deno's <c>std/ws</c> demand, as behaviour of Sockeye; where that library had a bug, what it should have
/// done.</summary>
public sealed class StdWsTests
{
    private static readonly TimeSpan Patience = RawClient.Patience;

    // readFrame

    [Fact]
    public async Task Unmasked_text_is_read()
    {
        WebSocketFrame frame = await ReadAsync([0x81, 0x05, .. "Hello"u8]);

        Assert.Equal((Opcode.Text, true, false), (frame.Opcode, frame.IsFinal, frame.Header.IsMasked));
        Assert.Equal("Hello", TextOf(frame));
    }

    [Fact]
    public async Task Masked_text_is_read_and_unmasked()
    {
        WebSocketFrame frame = await ReadAsync([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]);

        Assert.Equal((Opcode.Text, true, true), (frame.Opcode, frame.IsFinal, frame.Header.IsMasked));
        Assert.Equal(Masking.CreateKey([0x37, 0xFA, 0x21, 0x3D]), frame.Header.MaskKey);
        Assert.Equal("Hello", TextOf(frame));
    }

    [Fact]
    public async Task Split_text_is_read_frame_by_frame()
    {
        var stream = new MemoryStream([0x01, 0x03, .. "Hel"u8, 0x80, 0x02, .. "lo"u8]);

        WebSocketFrame first = (await WebSocketWire.ReadFrameAsync(stream)).GetValueOrDefault();
        WebSocketFrame second = (await WebSocketWire.ReadFrameAsync(stream)).GetValueOrDefault();

        Assert.Equal((Opcode.Text, false, "Hel"), (first.Opcode, first.IsFinal, TextOf(first)));
        Assert.Equal((Opcode.Continuation, true, "lo"), (second.Opcode, second.IsFinal, TextOf(second)));
    }

    [Fact]
    public async Task Ping_and_pong_are_read()
    {
        WebSocketFrame ping = await ReadAsync([0x89, 0x05, .. "Hello"u8]);
        WebSocketFrame pong = await ReadAsync([0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]);

        Assert.Equal((Opcode.Ping, "Hello"), (ping.Opcode, TextOf(ping)));
        Assert.Equal((Opcode.Pong, "Hello"), (pong.Opcode, TextOf(pong)));
    }

    [Theory]
    [InlineData(0x100, new byte[] { 0x82, 0x7E, 0x01, 0x00 })]
    [InlineData(0x10000, new byte[] { 0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0 })]
    public async Task Long_binary_is_read(int length, byte[] header)
    {
        WebSocketFrame frame = await ReadAsync([.. header, .. new byte[length]]);

        Assert.Equal((Opcode.Binary, length), (frame.Opcode, frame.Payload.Length));
    }

    [Fact]
    public async Task Bits_that_nobody_agreed_on_are_an_error()
    {
        var thrown = await Assert.ThrowsAsync<WebSocketProtocolException>(() => ReadAsync([0xF1, 0x00]));

        Assert.Equal(Rule.ReservedBitsMustBeClear, thrown.Violation.Rule);
    }

    [Fact]
    public async Task Stream_that_ends_between_frames_is_no_error_and_one_that_ends_inside_is()
    {
        Assert.Null(await WebSocketWire.ReadFrameAsync(new MemoryStream()));
        await Assert.ThrowsAsync<EndOfStreamException>(() => ReadAsync([0x81]));
        await Assert.ThrowsAsync<EndOfStreamException>(() => ReadAsync([0x81, 0x05, .. "Hell"u8]));
    }

    // writeFrame

    [Fact]
    public async Task Masked_frame_that_is_written_is_read_again()
    {
        byte[] payload = "Hello"u8.ToArray();
        uint key = WebSocketWire.CreateMaskKey();
        var stream = new MemoryStream();
        await WebSocketWire.WriteFrameAsync(stream, Opcode.Text, payload, maskKey: key);
        stream.Position = 0;

        WebSocketFrame frame = (await WebSocketWire.ReadFrameAsync(stream, Role.Server)).GetValueOrDefault();

        Assert.Equal(("Hello", key), (TextOf(frame), frame.Header.MaskKey));
        Assert.Equal("Hello"u8, payload); // std/ws masked its caller's memory
    }

    [Fact]
    public async Task Frame_that_is_not_the_last_is_written_without_FIN()
    {
        var stream = new MemoryStream();

        await WebSocketWire.WriteFrameAsync(stream, Opcode.Text, "Hel"u8.ToArray(), isFinal: false); // std/ws always set it

        Assert.Equal([0x01, 0x03, .. "Hel"u8], stream.ToArray());
    }

    [Theory]
    [InlineData(125, 2)]
    [InlineData(126, 4)]
    [InlineData(65_534, 4)]
    [InlineData(65_535, 4)] // std/ws took ten bytes
    [InlineData(65_536, 10)]
    public async Task Length_is_written_in_its_shortest_form(int length, int headerSize)
    {
        var stream = new MemoryStream();

        await WebSocketWire.WriteFrameAsync(stream, Opcode.Binary, new byte[length]);

        Assert.Equal(headerSize, stream.Length - length);
    }

    // unmask, createMask, createSecKey, createSecAccept

    [Fact]
    public void Unmasking_is_exclusive_or_with_the_key_over_and_over()
    {
        byte[] payload = [0x7F, 0x9F, 0x4D, 0x51, 0x58];

        Masking.Apply(payload, Masking.CreateKey([0x37, 0xFA, 0x21, 0x3D]));

        Assert.Equal("Hello"u8, payload);
        Assert.Throws<ArgumentException>("randomBytes", () => Masking.CreateKey([1, 2, 3]));
    }

    [Fact]
    public void Key_is_the_base64_of_16_bytes() => Assert.Equal(16, Convert.FromBase64String(WebSocketWire.CreateHandshakeKey()).Length);

    [Fact]
    public void Accept_answers_the_key_as_in_the_RFC() =>
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", HandshakeKey.ComputeAccept("dGhlIHNhbXBsZSBub25jZQ=="));

    // acceptable

    [Theory]
    [InlineData("websocket", RawClient.Key, true)]
    [InlineData("WebSocket", RawClient.Key, true)]
    [InlineData("invalid", RawClient.Key, false)]
    [InlineData(null, RawClient.Key, false)]
    [InlineData("websocket", null, false)]
    [InlineData("websocket", "aaa", false)] // std/ws took any key
    public void Request_is_acceptable_with_upgrade_and_key(string? upgrade, string? key, bool expected)
    {
        HttpHeaders headers = new() { { "Host", "a" }, { "Connection", "Upgrade" }, { "Sec-WebSocket-Version", "13" } };
        if (upgrade is not null)
            headers.Add("Upgrade", upgrade);
        if (key is not null)
            headers.Add("Sec-WebSocket-Key", key);

        Assert.Equal(expected, ServerHandshake.IsAcceptable(new RequestHead("GET", "/", headers)));
    }

    // handshake, acceptWebSocket

    [Theory]
    [InlineData("ws://example.com", "/")]
    [InlineData("ws://example.com/", "/")]
    [InlineData("ws://example.com/chat", "/chat")]
    [InlineData("ws://example.com/?a=1", "/?a=1")]
    [InlineData("ws://example.com?a=1", "/?a=1")]
    public async Task Handshake_asks_for_the_path_and_the_query_where_there_is_one(string uri, string target)
    {
        (WebSocketConnection client, WebSocketConnection server) = await OpenAsync(uri);

        Assert.Equal(target, server.Request!.Target);
        client.Abort();
        server.Abort();
    }

    [Fact]
    public async Task Subprotocol_is_one_of_the_list_not_the_whole_list()
    {
        (WebSocketConnection client, WebSocketConnection server) = await OpenAsync(
            "ws://example.com", new() { Subprotocols = ["foo", "bar"] }, new() { Subprotocols = ["bar"] });

        Assert.Equal(("bar", "bar"), (client.Subprotocol, server.Subprotocol)); // std/ws answered "foo, bar"
        client.Abort();
        server.Abort();
    }

    // The socket

    [Fact]
    public async Task Close_without_arguments_sends_1000()
    {
        (WebSocketConnection socket, Stream peer) = Server();

        Task<CloseResult> closing = socket.CloseAsync();

        WebSocketFrame frame = await ReadAsync(peer);
        Assert.Equal(Opcode.Close, frame.Opcode);
        Assert.Equal([0x03, 0xE8], frame.Payload.ToArray());
        await WriteAsync(peer, Opcode.Close, frame.Payload.ToArray());
        Assert.True((await closing.WaitAsync(Patience)).IsClean);
    }

    [Fact]
    public async Task Close_that_came_without_a_code_is_answered_without_one()
    {
        (WebSocketConnection socket, Stream peer) = Server();
        await WriteAsync(peer, Opcode.Close, []);

        Assert.True((await socket.ReceiveAsync()).IsEnd);

        Assert.Empty((await ReadAsync(peer)).Payload.ToArray()); // std/ws answered with the code 0
        Assert.Equal(CloseCode.NoStatus, (await socket.Closed.WaitAsync(Patience)).Code);
    }

    [Fact]
    public async Task Messages_and_pings_leave_in_the_order_of_the_calls()
    {
        (WebSocketConnection socket, Stream peer) = Server();

        ValueTask first = socket.SendTextAsync("first");
        ValueTask second = socket.SendTextAsync("second");
        _ = socket.PingAsync("ping"u8.ToArray());
        ValueTask third = socket.SendAsync("third"u8.ToArray());

        List<(Opcode, string)> seen = [];
        for (int i = 0; i < 4; i++)
        {
            WebSocketFrame frame = await ReadAsync(peer);
            seen.Add((frame.Opcode, TextOf(frame)));
        }

        Assert.Equal([(Opcode.Text, "first"), (Opcode.Text, "second"), (Opcode.Ping, "ping"), (Opcode.Binary, "third")], seen);
        await first;
        await second;
        await third;
        socket.Abort();
    }

    [Fact]
    public async Task Client_masks_every_frame_with_a_key_of_its_own_also_pongs()
    {
        (DuplexStream near, DuplexStream peer) = StreamPair.Create();
        WebSocketConnection socket = WebSocketConnection.CreateFromStream(near, Role.Client);
        await WebSocketWire.WriteFrameAsync(peer, Opcode.Ping, "p"u8.ToArray());
        WebSocketFrame pong = await ReadAsync(peer);
        List<uint> keys = [pong.Header.MaskKey];
        for (int i = 0; i < 20; i++)
        {
            await socket.SendTextAsync("a");
            keys.Add((await ReadAsync(peer)).Header.MaskKey);
        }

        Assert.Equal((Opcode.Pong, true, "p"), (pong.Opcode, pong.Header.IsMasked, TextOf(pong)));
        Assert.InRange(keys.Distinct().Count(), 20, 21); // std/ws took one for all, and none for pongs
        socket.Abort();
    }

    [Fact]
    public async Task Aborted_socket_refuses_what_is_sent_and_closes_once()
    {
        (WebSocketConnection socket, _) = Server();

        socket.Abort();
        socket.Abort();

        Assert.False(socket.IsOpen);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => socket.SendTextAsync("a").AsTask());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => socket.SendAsync(new byte[1]).AsTask());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => socket.PingAsync());
        Assert.Equal(CloseCause.Aborted, (await socket.CloseAsync().WaitAsync(Patience)).Cause); // the account, as for every caller
    }

    [Fact]
    public async Task Aborted_socket_fails_what_waits_to_be_sent()
    {
        (WebSocketConnection socket, _) = Server(); // nobody reads: the stream takes only so much
        ValueTask[] sends = [.. Enumerable.Range(0, 8).Select(_ => socket.SendAsync(new byte[256 * 1024]))];

        socket.Abort();

        foreach (ValueTask send in sends)
            await Assert.ThrowsAsync<WebSocketClosedException>(() => send.AsTask().WaitAsync(Patience));
        Assert.InRange((await socket.Closed).UnsentMessages, 7, 8);
    }

    [Fact]
    public async Task Stream_that_ends_without_a_close_ends_the_events_with_1006()
    {
        (WebSocketConnection socket, Stream peer) = Server();
        await WriteAsync(peer, Opcode.Text, "last"u8.ToArray());
        await peer.DisposeAsync();

        List<(WebSocketEventKind, string)> seen = [];
        CloseCode? code = null;
        await foreach (WebSocketEvent e in socket.ReadEventsAsync())
        {
            seen.Add((e.Kind, e.Text));
            code = e.Kind == WebSocketEventKind.Close ? e.CloseCode : null;
        }

        Assert.Equal([(WebSocketEventKind.Text, "last"), (WebSocketEventKind.Close, "")], seen);
        Assert.Equal(CloseCode.Abnormal, code);
    }

    [Fact]
    public async Task Stream_that_ends_without_a_close_ends_the_messages_without_an_exception_where_none_is_wanted()
    {
        (DuplexStream near, DuplexStream peer) = StreamPair.Create();
        WebSocketConnection socket = WebSocketConnection.CreateFromStream(near, Role.Server, new() { ThrowOnAbnormalClose = false });
        await peer.DisposeAsync();

        int messages = 0;
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
            messages += message.Length;

        Assert.Equal(0, messages);
    }

    [Fact]
    public async Task Events_come_in_order_and_are_answered()
    {
        (WebSocketConnection socket, Stream peer) = Server();
        byte[] close = [0x03, 0xF3, .. "42"u8];
        await WriteAsync(peer, Opcode.Ping, "Hello"u8.ToArray());
        await WriteAsync(peer, Opcode.Text, "Hello"u8.ToArray());
        await WriteAsync(peer, Opcode.Close, close);

        List<(WebSocketEventKind, string)> seen = [];
        CloseCode? code = null;
        await foreach (WebSocketEvent e in socket.ReadEventsAsync())
        {
            seen.Add((e.Kind, e.Text));
            code = e.Kind == WebSocketEventKind.Close ? e.CloseCode : null;
        }

        Assert.Equal([(WebSocketEventKind.Ping, "Hello"), (WebSocketEventKind.Text, "Hello"), (WebSocketEventKind.Close, "42")], seen);
        Assert.Equal(CloseCode.InternalError, code);
        WebSocketFrame pong = await ReadAsync(peer);
        Assert.Equal((Opcode.Pong, "Hello"), (pong.Opcode, TextOf(pong)));
        WebSocketFrame answer = await ReadAsync(peer);
        Assert.Equal(Opcode.Close, answer.Opcode);
        Assert.Equal(close, answer.Payload.ToArray());
    }

    private static (WebSocketConnection Socket, Stream Peer) Server()
    {
        (DuplexStream near, DuplexStream peer) = StreamPair.Create();
        return (WebSocketConnection.CreateFromStream(near, Role.Server), peer);
    }

    private static async Task<(WebSocketConnection Client, WebSocketConnection Server)> OpenAsync(
        string uri, WebSocketClientOptions? options = null, WebSocketAcceptOptions? accept = null)
    {
        (DuplexStream one, DuplexStream other) = StreamPair.Create();
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(other, accept);
        WebSocketConnection client = await WebSocketClient.ConnectAsync(one, new Uri(uri), options).WaitAsync(Patience);
        return (client, await accepting.WaitAsync(Patience));
    }

    private static async Task<WebSocketFrame> ReadAsync(byte[] bytes) => await ReadAsync(new MemoryStream(bytes));

    private static async Task<WebSocketFrame> ReadAsync(Stream stream)
    {
        WebSocketFrame? frame = await WebSocketWire.ReadFrameAsync(stream).AsTask().WaitAsync(Patience);
        Assert.NotNull(frame);
        return frame.Value;
    }

    private static Task WriteAsync(Stream stream, Opcode opcode, byte[] payload) =>
        WebSocketWire.WriteFrameAsync(stream, opcode, payload, maskKey: WebSocketWire.CreateMaskKey()).AsTask();

    private static string TextOf(WebSocketFrame frame) => Encoding.UTF8.GetString(frame.Payload.Span);
}
