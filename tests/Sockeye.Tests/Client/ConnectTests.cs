using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.Client;

public sealed class ConnectTests
{
    private const string Deflate = "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: ";
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

    private static readonly TimeSpan Patience = RawClient.Patience;

    [Fact]
    public async Task ConnectAsync_to_a_server_opens_with_subprotocol_and_echoes()
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new() { Subprotocols = ["v1"] });

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            test.Uri, new() { Subprotocols = ["v2", "v1"], Connection = new() { Buffers = test.Buffers } }).WaitAsync(Patience);

        Assert.Equal("v1", socket.Subprotocol);
        Assert.Equal(test.Server.EndPoints[0], socket.RemoteEndPoint);
        await socket.SendTextAsync("hello");
        Assert.Equal("hello", (await socket.ReceiveAsync()).GetText());
        CloseResult result = await socket.CloseAsync().WaitAsync(Patience);
        Assert.True(result.IsClean);
        Assert.True((await socket.ReceiveAsync()).IsEnd);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task ConnectAsync_sends_the_request_exactly_as_it_was_set()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(Open + "\r\n");
        var options = new WebSocketClientOptions
        {
            Origin = "https://example.com",
            Headers = new() { { "x-ODD-case", "a,b ;c" }, { "X-Twice", "1" }, { "X-Twice", "2" }, { "Cookie", "k=v" } },
        };

        WebSocketConnection socket = await WebSocketClient.ConnectAsync($"ws://user%40a:p%3Aw@127.0.0.1:{server.Port}/a%20b?c=d", options).WaitAsync(Patience);

        await answering;
        string[] lines = server.Request.Split("\r\n");
        Assert.Equal(
            [
                "GET /a%20b?c=d HTTP/1.1", $"Host: 127.0.0.1:{server.Port}", "Upgrade: websocket", "Connection: Upgrade",
                lines[4], "Sec-WebSocket-Version: 13", "Origin: https://example.com",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "x-ODD-case: a,b ;c", "X-Twice: 1", "X-Twice: 2", "Cookie: k=v",
                "Authorization: Basic " + Convert.ToBase64String("user@a:p:w"u8), "", "",
            ],
            lines);
        Assert.True(HandshakeKey.IsValid(lines[4]["Sec-WebSocket-Key: ".Length..]));
        socket.Abort();
    }

    [Fact]
    public async Task ConnectAsync_twice_sends_two_keys()
    {
        List<string> keys = [];
        for (int i = 0; i < 2; i++)
        {
            using var server = new RawServer();
            Task answering = server.AnswerAsync(Open + "\r\n");
            (await WebSocketClient.ConnectAsync(server.Uri).WaitAsync(Patience)).Abort();
            await answering;
            keys.Add(server.Request.Split("\r\n")[4]);
        }

        Assert.NotEqual(keys[0], keys[1]);
    }

    [Fact]
    public async Task ConnectAsync_with_an_Authorization_of_the_user_sends_that_one_alone()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(Open + "\r\n");

        (await WebSocketClient.ConnectAsync(
            $"ws://a:b@127.0.0.1:{server.Port}", new() { Headers = new() { { "authorization", "Bearer t" } } }).WaitAsync(Patience)).Abort();

        await answering;
        Assert.Contains("\r\nauthorization: Bearer t\r\n", server.Request, StringComparison.Ordinal);
        Assert.DoesNotContain("Basic", server.Request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectAsync_to_a_server_that_sends_frames_right_behind_its_answer_delivers_them_in_every_cut()
    {
        const string Frames = "\u0081\u0005early\u0081\u0004bird";
        for (int cut = -6; cut <= Frames.Length; cut++)
        {
            using var server = new RawServer();
            Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri);
            await server.AcceptAsync();
            string answer = server.Fill(Open + "\r\n" + Frames);
            int at = answer.Length - Frames.Length + cut;
            await server.SendAsync(answer[..at]);
            await server.SendAsync(answer[at..]);

            WebSocketConnection socket = await connecting.WaitAsync(Patience);

            Assert.Equal("early", (await socket.ReceiveAsync()).GetText());
            Assert.Equal("bird", (await socket.ReceiveAsync()).GetText());
            socket.Abort();
        }
    }

    [Fact]
    public async Task ConnectAsync_skips_interim_responses()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + Open + "\r\n");

        (await WebSocketClient.ConnectAsync(server.Uri).WaitAsync(Patience)).Abort();

        await answering;
    }

    [Theory]
    [InlineData(Open + "Sec-WebSocket-Protocol: v2\r\n", null)]
    [InlineData(Open, HandshakeRule.SubprotocolMustBeSelected)]
    [InlineData(Open + "Sec-WebSocket-Protocol: v9\r\n", HandshakeRule.SubprotocolMustBeOffered)]
    [InlineData(Open + "Sec-WebSocket-Protocol: v2, v1\r\n", HandshakeRule.SubprotocolMustBeSingle)]
    [InlineData(Open + "Sec-WebSocket-Protocol: v2\r\nSec-WebSocket-Extensions: x-webkit-deflate-frame\r\n", HandshakeRule.ExtensionMustBeOffered)]
    [InlineData(Open + Deflate + "permessage-deflate; mode=fast\r\n", HandshakeRule.DeflateMustAnswerOffer)]
    [InlineData(Open + Deflate + "permessage-deflate; client_max_window_bits\r\n", HandshakeRule.DeflateMustAnswerOffer)]
    [InlineData(Open + Deflate + "permessage-deflate; server_max_window_bits=16\r\n", HandshakeRule.DeflateMustAnswerOffer)]
    [InlineData(Open + Deflate + "permessage-deflate; server_no_context_takeover=1\r\n", HandshakeRule.DeflateMustAnswerOffer)]
    [InlineData(Open + Deflate + "permessage-deflate, permessage-deflate\r\n", HandshakeRule.DeflateMustAnswerOffer)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n", HandshakeRule.ResponseUpgradeMustBeWebSocket)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n", HandshakeRule.ResponseConnectionMustNameUpgrade)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n", HandshakeRule.AcceptMustAnswerKey)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade : websocket\r\n", HandshakeRule.HeaderNameMustBeToken)]
    [InlineData("ICY 200 OK\r\n", HandshakeRule.StatusLineMustBeWellFormed)]
    [InlineData("\u0015\u0003\u0003\0\u0002\u0002F", HandshakeRule.HeadMustHoldNoControls)]
    public async Task ConnectAsync_to_a_server_that_breaks_a_rule_fails_and_ends_the_connection(string answer, HandshakeRule? rule)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(answer + "\r\n");
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, new() { Subprotocols = ["v2", "v1"] });

        if (rule is null)
        {
            (await connecting.WaitAsync(Patience)).Abort();
        }
        else
        {
            var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(Patience));
            Assert.Equal((HandshakeFailure.Protocol, rule), (thrown.Cause, thrown.Fault?.Rule));
        }

        await answering;
        await server.AssertClientEndsAsync();
    }

    [Fact]
    public async Task ConnectAsync_to_a_server_with_an_endless_head_fails_at_the_limit()
    {
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri);
        await server.AcceptAsync();
        try
        {
            await server.SendAsync("HTTP/1.1 101 Switching Protocols\r\n");
            while (!connecting.IsCompleted)
                await server.SendAsync("X: " + new string('a', 1000) + "\r\n");
        }
        catch (System.Net.Sockets.SocketException)
        {
            // the client has gone
        }

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(Patience));
        Assert.Equal(HandshakeRule.HeadMustFitLimit, thrown.Fault?.Rule);
    }

    public static TheoryData<string, string> Bodies => new()
    {
        { "Content-Length: 5\r\n\r\nhello and more", "hello" },
        { "Content-Length: 0\r\n\r\nmore", "" },
        { "Content-Length: 99\r\n\r\nbroken off", "broken off" },
        { "\r\nuntil the end", "until the end" },
        { "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", "hello world" },
        { "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nrubbish\r\n", "hello" },
        { "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "hel" },
        { "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nhel", "" },
        { "Transfer-Encoding: chunked\r\n\r\n" + new string('1', 1000), "" },
        { "Content-Length: 100000\r\n\r\n" + new string('x', 100_000), new string('x', 64 * 1024) },
        { "Content-Length: rubbish\r\n\r\nuntil the end", "until the end" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task ConnectAsync_to_a_server_that_refuses_fails_with_its_status_headers_and_body(string rest, string body)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync("HTTP/1.1 403 No Entry\r\nX-Why: because\r\n" + rest, end: true);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri).WaitAsync(Patience));

        await answering.ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(HandshakeFailure.Status, thrown.Cause);
        Assert.Equal((403, "No Entry"), (thrown.StatusCode, thrown.ReasonPhrase));
        Assert.Equal("because", thrown.Headers?["x-why"]);
        Assert.Equal(body, Encoding.Latin1.GetString(thrown.Body.Span));
        Assert.Contains("403 No Entry", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectAsync_to_a_server_of_ours_that_rejects_tells_all_it_said()
    {
        await using var test = new ServerTest();
        _ = Task.Run(async () =>
        {
            await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
                await request.RejectAsync(401, new() { { "WWW-Authenticate", "Basic" } }, "Who are you?");
        });
        await test.Server.Listening;

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(test.Uri).WaitAsync(Patience));

        Assert.Equal((401, "Unauthorized", "Basic"), (thrown.StatusCode, thrown.ReasonPhrase, thrown.Headers?["WWW-Authenticate"]));
        Assert.Equal("Who are you?", Encoding.UTF8.GetString(thrown.Body.Span));
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 101 Switch")]
    public async Task ConnectAsync_to_a_server_that_ends_before_its_answer_fails(string answer)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(answer, end: true);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri).WaitAsync(Patience));

        await answering;
        Assert.Equal(HandshakeFailure.Ended, thrown.Cause);
        Assert.Null(thrown.StatusCode);
    }

    [Fact]
    public async Task ConnectAsync_to_a_port_that_nobody_listens_on_fails_and_says_so()
    {
        string uri;
        using (var server = new RawServer())
            uri = server.Uri;

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(uri).WaitAsync(Patience));

        Assert.Equal(HandshakeFailure.Connect, thrown.Cause);
        Assert.Contains("nothing listens there", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectAsync_to_a_name_without_an_address_fails()
    {
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() =>
            WebSocketClient.ConnectAsync("ws://nobody.invalid/", new() { ConnectTimeout = TimeSpan.FromMinutes(1) }).WaitAsync(TimeSpan.FromMinutes(1)));

        Assert.Equal(HandshakeFailure.Dns, thrown.Cause);
        Assert.Contains("nobody.invalid", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 101 Switch")]
    public async Task ConnectAsync_to_a_server_that_does_not_answer_fails_at_the_deadline(string answer)
    {
        var time = new TimerSignals();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            server.Uri, new() { ConnectTimeout = TimeSpan.FromSeconds(7), Connection = new() { TimeProvider = time } });
        await server.AnswerAsync(answer);
        await time.CreatedAsync(TimeSpan.FromSeconds(7), 1).WaitAsync(Patience);

        time.Manual.Advance(TimeSpan.FromSeconds(6.9));
        Assert.False(connecting.IsCompleted);
        time.Manual.Advance(TimeSpan.FromSeconds(0.1));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(Patience));
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
        Assert.Contains("7 s", thrown.Message, StringComparison.Ordinal);
        await server.AssertClientEndsAsync();
    }

    [Fact]
    public async Task ConnectAsync_that_is_cancelled_throws_the_token_of_the_caller()
    {
        using var cancel = new CancellationTokenSource();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, null, cancel.Token);
        await server.AcceptAsync();

        await cancel.CancelAsync();

        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(Patience));
        Assert.Equal(cancel.Token, thrown.CancellationToken);
        await server.AssertClientEndsAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WebSocketClient.ConnectAsync(server.Uri, null, cancel.Token));
    }

    [Fact]
    public async Task ConnectAsync_whose_token_is_cancelled_afterwards_stays_connected()
    {
        using var cancel = new CancellationTokenSource();
        await using ServerTest test = await ServerTest.EchoAsync();
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri, null, cancel.Token).WaitAsync(Patience);

        await cancel.CancelAsync();

        await socket.SendTextAsync("still here");
        Assert.Equal("still here", (await socket.ReceiveAsync()).GetText());
    }

    [Fact]
    public async Task ConnectAsync_that_fails_gives_all_memory_back()
    {
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        foreach (string answer in (string[])["", "HTTP/1.1 403 No\r\n\r\nbody", "rubbish\r\n\r\n", "\0", "HTTP/1.1 101 a\r\n\r\n"])
        {
            using var server = new RawServer();
            Task answering = server.AnswerAsync(answer, end: true);
            await Assert.ThrowsAsync<WebSocketHandshakeException>(() =>
                WebSocketClient.ConnectAsync(server.Uri, new() { Connection = new() { Buffers = buffers } }).WaitAsync(Patience));
            await answering.ContinueWith(_ => { }, TaskScheduler.Default);
        }

        Assert.Equal("", string.Join("\n\n", pool.Traces));
        Assert.Equal(0, buffers.SlabsHeld);
    }

    [Theory]
    [InlineData("Sec-WebSocket-Key")]
    [InlineData("sec-websocket-protocol")]
    [InlineData("Upgrade")]
    [InlineData("Connection")]
    [InlineData("Content-Length")]
    public void Options_with_a_header_of_the_handshake_throw_where_they_are_set(string name) =>
        Assert.Throws<ArgumentException>("Headers", () => new WebSocketClientOptions { Headers = new() { { name, "x" } } });

    [Fact]
    public void Options_out_of_range_throw_where_they_are_set()
    {
        Assert.Throws<ArgumentException>("Subprotocols", () => new WebSocketClientOptions { Subprotocols = ["a b"] });
        Assert.Throws<ArgumentException>("Subprotocols", () => new WebSocketClientOptions { Subprotocols = ["a", "a"] });
        Assert.Throws<ArgumentException>("Origin", () => new WebSocketClientOptions { Origin = "a\r\nb" });
        Assert.Throws<ArgumentOutOfRangeException>("ConnectTimeout", () => new WebSocketClientOptions { ConnectTimeout = TimeSpan.Zero });
    }
}
