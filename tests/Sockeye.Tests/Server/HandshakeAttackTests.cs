using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>What attackers do to the handshake of a server: rows V05, V09, V10, V12, V14, V26, V35, V42, V43 and V45 of the attack
/// catalogue.</summary>
public sealed class HandshakeAttackTests
{
    private const string Upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    private const string Request = "GET /chat HTTP/1.1\r\nHost: a\r\n" + Upgrade + "Sec-WebSocket-Key: " + RawClient.Key + "\r\n";

    private readonly CountingPool _pool = new();
    private readonly BufferPool _buffers;

    public HandshakeAttackTests() => _buffers = new BufferPool(_pool);

    private WebSocketAcceptOptions Options => new() { Connection = new() { Buffers = _buffers } };

    // V05
    [Fact]
    public async Task Head_that_comes_byte_by_byte_is_copied_as_often_as_its_memory_doubles()
    {
        string head = "GET / HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Repeat("X: " + new string('a', 995) + "\r\n", 15)) + "\r\n";
        var stream = new ScriptedStream(Encoding.ASCII.GetBytes(head), atMost: 1);
        using var reader = new HeadReader(new StreamTransport(stream, BufferPool.Shared), HandshakeLimits.Default, _buffers);

        Assert.Null(await reader.ReadAsync());

        Assert.Equal(head.Length, reader.Head.Length);
        Assert.InRange(_pool.Rents, 1, 4); // 2, 4, 8 and 16 KiB
    }

    // V09 and V10: nothing behind a request that is refused is a frame.
    [Fact]
    public async Task Frames_behind_a_request_that_is_refused_are_neither_answered_nor_delivered()
    {
        int handled = 0;
        await using var test = new ServerTest();
        test.Server.Map("/", new WebSocketHandler
        {
            Message = (_, _) =>
            {
                handled++;
                return default;
            },
        });
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        byte[] frames =
        [
            .. RawClient.Frame(Opcode.Ping, "p"u8.ToArray()), .. RawClient.Frame(Opcode.Text, "t"u8.ToArray()), 0x81, 0x01, (byte)'u',
            .. RawClient.Frame(Opcode.Close, []),
        ];
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync([.. Encoding.ASCII.GetBytes(RawClient.Request(test.Server, "/", "Origin: http://evil.example\r\n")), .. frames]);
        string answer = await client.ReadToEndAsync();

        string[] parts = answer.Split("\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        Assert.Equal(2, parts.Length);
        Assert.Contains($"\r\nContent-Length: {parts[1].Length}\r\n", parts[0] + "\r\n", StringComparison.Ordinal);
        Assert.Equal(0, handled);
        await test.AssertServesAsync();
    }

    // V12: the pool's memory is full of 0xA5, which stands in none of these.
    [Theory]
    [InlineData(400, null)]
    [InlineData(400, "")]
    [InlineData(204, "a body that must not be sent")]
    [InlineData(599, "h\u00E9 \uD83D\uDC1F")]
    [InlineData(503, "long")]
    public async Task Refusal_of_any_shape_is_on_the_wire_byte_by_byte(int status, string? body)
    {
        if (body == "long")
            body = new string('b', 70_000);
        await using var test = new ServerTest();
        _ = RejectAllAsync();
        await test.Server.Listening;

        byte[] sent = Encoding.Latin1.GetBytes(await RawClient.AskAsync(test.Server, RawClient.Request(test.Server)));

        string text = Encoding.UTF8.GetString(sent);
        string expected = status == 204 ? "" : body ?? "400 Bad Request\n";
        Assert.StartsWith($"HTTP/1.1 {status} ", text, StringComparison.Ordinal);
        Assert.EndsWith("\r\nX-Why: because\r\n\r\n" + expected, text, StringComparison.Ordinal);
        Assert.Equal(status != 204, text.Contains($"\r\nContent-Length: {Encoding.UTF8.GetByteCount(expected)}\r\n", StringComparison.Ordinal));
        Assert.DoesNotContain((byte)0xA5, sent);
        await test.AssertNothingIsLeftAsync();

        async Task RejectAllAsync()
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
                await request.RejectAsync(status, new() { { "X-Why", "because" } }, body);
        }
    }

    // V12
    [Fact]
    public async Task Switch_is_on_the_wire_byte_by_byte()
    {
        var stream = new ScriptedStream(Encoding.ASCII.GetBytes(Request + "Sec-WebSocket-Protocol: v1\r\n\r\n"));

        WebSocketConnection socket = await WebSocketUpgrade.AcceptAsync(stream, Options with { Subprotocol = "v1", Headers = new() { { "X", "y" } } });

        Assert.Equal(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + RawClient.Accept
                + "\r\nSec-WebSocket-Protocol: v1\r\nX: y\r\n\r\n",
            Encoding.Latin1.GetString(stream.Sent.ToArray()));
        socket.Abort();
        await AssertNothingIsLeftAsync();
    }

    // V14: an offer that cannot be is declined, and the connection opens without compression.
    [Theory]
    [InlineData("permessage-deflate; server_max_window_bits=7")]
    [InlineData("permessage-deflate; client_max_window_bits=16")]
    [InlineData("permessage-deflate; server_max_window_bits=0; server_max_window_bits=0")]
    [InlineData("permessage-deflate; __proto__; constructor=1")]
    [InlineData("__proto__, constructor, hasOwnProperty")]
    public async Task Offer_of_compression_that_cannot_be_is_declined(string offer)
    {
        var stream = new ScriptedStream(Encoding.ASCII.GetBytes(Request + $"Sec-WebSocket-Extensions: {offer}\r\n\r\n"));

        WebSocketConnection socket = await WebSocketUpgrade.AcceptAsync(stream, Options with { PerMessageDeflate = new() });

        Assert.Null(socket.PerMessageDeflate);
        Assert.DoesNotContain("Extensions", Encoding.Latin1.GetString(stream.Sent.ToArray()), StringComparison.Ordinal);
        socket.Abort();
        await AssertNothingIsLeftAsync();
    }

    // V35: whoever decides first owns the transport.
    [Fact]
    public async Task Decisions_that_race_leave_one_answer_and_one_owner()
    {
        for (int round = 0; round < 300; round++)
        {
            bool cancels = round % 3 == 0; // always would leave the others too little to win
            var stream = new ScriptedStream(default, endsAfterwards: true);
            UpgradeRequest request = WebSocketUpgrade.FromRequest(stream, Head(Request));
            using var cancel = new CancellationTokenSource();
            using var start = new Barrier(4);
            Task<WebSocketConnection> accepting = Race(() => request.AcceptAsync(Options, cancel.Token));
            Task<bool> rejecting = Race(async () =>
            {
                await request.RejectAsync(403);
                return true;
            });
            Task<bool> cancelling = Race(async () =>
            {
                if (cancels)
                    await cancel.CancelAsync();
                return true;
            });
            start.SignalAndWait(RawClient.Patience);

            Exception? notAccepted = await Record.ExceptionAsync(() => accepting.Soon());
            Exception? notRejected = await Record.ExceptionAsync(() => rejecting.Soon());
            await cancelling.Soon();
            if (notAccepted is null)
                (await accepting).Abort();
            await Settle.UntilAsync(() => stream.IsDisposed);
            string answer = Encoding.Latin1.GetString(stream.Sent.ToArray());

            Assert.True(notAccepted is null or InvalidOperationException or OperationCanceledException, notAccepted?.ToString());
            Assert.True(notRejected is null or InvalidOperationException, notRejected?.ToString());
            Assert.False(notAccepted is null && notRejected is null);
            Assert.True(notAccepted is null || notRejected is null || cancels, "Nobody has decided.");
            Assert.InRange(answer.Split("HTTP/1.1 ").Length, 1, 2);
            if (notAccepted is null)
                Assert.StartsWith("HTTP/1.1 101 ", answer, StringComparison.Ordinal);
            else if (notRejected is null)
                Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);

            Task<T> Race<T>(Func<Task<T>> decide) => Task.Run(async () =>
            {
                start.SignalAndWait(RawClient.Patience);
                return await decide();
            });
        }

        await AssertNothingIsLeftAsync();
    }

    // V42
    [Fact]
    public async Task Memory_that_a_read_is_under_way_into_stays_out_of_the_pool_until_the_read_ends()
    {
        var stream = new HeldStream();
        using var cancel = new CancellationTokenSource();
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(stream, Options, cancel.Token);
        Memory<byte> memory = await stream.Reading.Soon();
        Assert.Equal(1, _buffers.SlabsHeld);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting.Soon());

        Assert.True(stream.IsDisposed);
        Assert.Equal(1, _buffers.SlabsHeld);
        memory.Span.Fill((byte)'G'); // the operating system, late
        stream.Complete(memory.Length);
        await AssertNothingIsLeftAsync();
    }

    // V42
    [Fact]
    public async Task Selector_that_rejects_the_request_itself_leaves_that_answer_alone()
    {
        var stream = new ScriptedStream(default, endsAfterwards: true);
        UpgradeRequest request = WebSocketUpgrade.FromRequest(stream, Head(Request));
        Task rejecting = Task.CompletedTask;

        await Assert.ThrowsAsync<InvalidOperationException>(() => request.AcceptAsync(Options with
        {
            SubprotocolSelector = asked =>
            {
                rejecting = asked.RejectAsync(403, body: "no");
                return null;
            },
        }));

        await rejecting.Soon();
        await Settle.UntilAsync(() => stream.IsDisposed);
        string answer = Encoding.Latin1.GetString(stream.Sent.ToArray());
        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nno", answer, StringComparison.Ordinal);
    }

    // V43
    [Fact]
    public async Task Any_bytes_for_a_request_end_as_a_connection_or_as_one_exception()
    {
        byte[] valid = Encoding.Latin1.GetBytes(Request + "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
        var random = new Random(20_261);
        int opened = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] mutated = [.. valid];
            for (int change = 0; change < 1 + (i % 4); change++)
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            var stream = new ScriptedStream(mutated, atMost: 1 + random.Next(200), endsAfterwards: true);

            Exception? thrown = await Record.ExceptionAsync(async () =>
            {
                WebSocketConnection socket = await WebSocketUpgrade.AcceptAsync(stream, Options with { PerMessageDeflate = new() }).Soon();
                opened++;
                socket.Abort();
            });

            Assert.True(thrown is null or WebSocketHandshakeException, thrown?.ToString());
        }

        Assert.InRange(opened, 1, 1999); // both have been seen
        await AssertNothingIsLeftAsync();
    }

    // V26, of the other side: whatever the application passes on, the answer has the lines that it was given, or nothing is sent.
    [Fact]
    public void No_text_of_the_application_makes_lines_of_its_own_in_the_answer()
    {
        Assert.True(ServerHandshake.TryEvaluate(Head(Request + "Sec-WebSocket-Protocol: a\r\n"), out UpgradeOffer? offer, out _));
        var random = new Random(26);
        int refused = 0;
        for (int i = 0; i < 100_000; i++)
        {
            char evil = "\r\n\0\u007F\u0085\u2028\uFF0A"[random.Next(7)];
            string text = $"{(char)random.Next('!', 0x180)}a{evil}Injected: x";
            byte[] answer;
            try
            {
                HttpHeaders headers = (i % 4) switch
                {
                    0 => new() { { "X", text } },
                    1 => new() { { "Set-Cookie", $"a={text}" } },
                    2 => new() { { text, "x" } },
                    _ => [],
                };
                answer = i % 4 == 3 ? offer.Accept(new WebSocketAcceptOptions { Subprotocol = text }.Subprotocol).ToBytes()
                    : i % 8 < 4 ? offer.Accept("a", null, headers).ToBytes()
                    : new HandshakeRefusal(403, headers).ToBytes(omitBody: true);
            }
            catch (ArgumentException)
            {
                refused++;
                continue;
            }

            string[] lines = Encoding.Latin1.GetString(answer).Split('\n');
            Assert.All(lines[..^1], line => Assert.EndsWith("\r", line, StringComparison.Ordinal));
            Assert.DoesNotContain(lines, line => line.StartsWith("Injected", StringComparison.Ordinal));
            Assert.DoesNotContain(answer, b => b is 0 or 127);
        }

        Assert.InRange(refused, 50_000, 99_999); // both have been seen
    }

    // V45: what a refusal repeats of the request drives no terminal.
    [Theory]
    [InlineData("GET /\u009B31m HTTP/1.1\r\nHost: a\r\n" + Upgrade + "\r\n")]
    [InlineData("G\u009B31m / HTTP/1.1\r\nHost: a\r\n" + Upgrade + "\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\u009B31m\r\n" + Upgrade + "\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: \u009B31m\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: \u009B31m\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n" + Upgrade + "Sec-WebSocket-Key: \u009B31m\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: \u009B31m\r\n\r\n")]
    [InlineData(Request + "Origin: \u009B31m\r\n\r\n")]
    [InlineData(Request + "Sec-WebSocket-Protocol: \u009B31m\r\n\r\n")]
    [InlineData(Request + "Sec-WebSocket-Extensions: \u009B31m\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\u009B31m: a\r\n\r\n")]
    [InlineData("\u009B31m\r\n\r\n")]
    public async Task Refusal_and_its_exception_hold_printable_characters_alone(string request)
    {
        var stream = new ScriptedStream(Encoding.Latin1.GetBytes(request), endsAfterwards: true);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketUpgrade.AcceptAsync(stream, Options).Soon());

        Assert.Equal(HandshakeFailure.Refused, thrown.Cause);
        Assert.DoesNotContain(thrown.Message, character => character is < ' ' or > '~');
        byte[] sent = stream.Sent.ToArray();
        Assert.StartsWith("HTTP/1.1 4", Encoding.Latin1.GetString(sent), StringComparison.Ordinal);
        Assert.DoesNotContain(sent, code => code is (< 32 and not 10 and not 13) or > 126);
        await AssertNothingIsLeftAsync();
    }

    private static RequestHead Head(string request)
    {
        Assert.True(RequestHead.TryParse(Encoding.Latin1.GetBytes(request + "\r\n"), out RequestHead? head, out _));
        return head;
    }

    private Task AssertNothingIsLeftAsync() => Settle.UntilAsync(
        () => _pool.Outstanding == 0 && _buffers.SlabsHeld == 0,
        () => $"{_buffers.SlabsHeld} slabs held, {string.Join("\n\n", _pool.Traces)}");
}
