using System.Collections.Concurrent;
using System.Text;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>Rule H6: the browser's shape.</summary>
public sealed partial class EventWebSocketTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

    // What it is constructed with never has a context unless a test gives it one.
    private static readonly WebSocketClientOptions Plain = new() { PerMessageDeflate = null };

    [Fact]
    public async Task Events_come_in_the_order_of_the_standard()
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: new() { Subprotocols = ["v1"] });
        var ws = new EventWebSocket(test.Uri + "/a?b", ["v2", "v1"]);
        var log = new Log(ws);
        ws.Opened += (_, _) => ws.Send("SAMPLE DATA");
        ws.Message += (_, e) =>
        {
            if (e.IsText)
                ws.Send(new byte[] { 1, 2, 3 });
            else
                ws.Close(1000, "enough");
        };
        Assert.Equal(
            ["upgrade v1", "opened Open", "message SAMPLE DATA", "message 010203", "closed Closed 1000 enough True"], await log.ToEndAsync());
        Assert.Equal((EventWebSocketState.Closed, "v1", test.Uri + "/a?b"), (ws.ReadyState, ws.Protocol, ws.Url.ToString()));
        Assert.Equal(0, ws.BufferedAmount);
    }

    [Fact]
    public async Task What_happened_once_is_told_to_who_subscribes_later_and_messages_wait_for_their_handler()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        Assert.Equal((EventWebSocketState.Connecting, "", ""), (ws.ReadyState, ws.Protocol, ws.Extensions));
        await server.AnswerAsync(Open + "\r\n" + Frames("one", "two") + Ping("p"));
        await Settle.UntilAsync(() => ws.ReadyState == EventWebSocketState.Open);
        await server.SendAsync(Frames("three") + Close(4000, "bye"));
        await Settle.UntilAsync(() => ws.ReadyState == EventWebSocketState.Closing);

        server.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        var log = new Log(ws);
        string[] expected =
        [
            "upgrade ", "opened Closing", "message one", "message two", "ping p", "message three", "closed Closed 4000 bye True",
        ];
        Assert.Equal(expected, await log.ToEndAsync());
        var later = new Log(ws);
        Assert.Equal(["upgrade ", "opened Closed", "closed Closed 4000 bye True"], await later.ToEndAsync());
        Assert.Equal(expected, log.Lines);
    }

    [Fact]
    public async Task Handler_of_Closed_alone_is_told_and_does_not_wait_for_one_of_Message()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        await server.AnswerAsync(Open + "\r\n" + Frames("nobody's") + Close(1000, ""), end: true);
        var closed = new TaskCompletionSource<WebSocketCloseEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        ws.Closed += (_, e) => closed.SetResult(e);
        Assert.True((await closed.Task.Soon()).WasClean);
    }

    [Fact]
    public async Task Message_whose_handler_is_being_exchanged_waits_for_the_next_one()
    {
        const int Messages = 2000;
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        string[] texts = [.. Enumerable.Range(0, Messages).Select(number => $"{number}")];
        await server.AnswerAsync(Open + "\r\n" + Frames(texts));
        var received = new ConcurrentQueue<string>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ws.Message += OnMessage;
        await all.Task.Soon();
        Assert.Equal(texts, received);
        ws.Terminate();

        void OnMessage(object? sender, WebSocketMessageEventArgs e)
        {
            received.Enqueue(e.Text!);
            if (received.Count == Messages)
                all.SetResult();
            ws.Message -= OnMessage;
            _ = Task.Run(() => ws.Message += OnMessage);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "response 403 no", "The server answered 403 Forbidden")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: foo\r\n\r\n", null, "breaks the protocol")]
    public async Task Handshake_that_fails_is_an_error_and_closed_with_1006(string answer, string? response, string message)
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        await server.AnswerAsync(answer);
        await Settle.UntilAsync(() => ws.ReadyState == EventWebSocketState.Closed); // nobody has seen the error
        List<string> lines = await new Log(ws).ToEndAsync();
        Assert.Equal(response, lines.SingleOrDefault(line => line.StartsWith("response", StringComparison.Ordinal)));
        Assert.Contains(message, lines[^2], StringComparison.Ordinal);
        Assert.Equal("closed Closed 1006  False", lines[^1]);
        Assert.Equal(response ?? "upgrade ", lines[0]);
        Assert.Equal(3, lines.Count);

        ws.Send("dropped");
        Assert.Equal(7, ws.BufferedAmount);
        ws.SendPing();
        ws.SendPong();
        ws.Close();
        ws.Terminate();
        await ws.DisposeAsync();
    }

    [Fact]
    public async Task Send_and_the_like_before_Opened_throw()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        Assert.Throws<InvalidOperationException>(() => ws.Send("x"));
        Assert.Throws<InvalidOperationException>(() => ws.Send(new byte[1]));
        Assert.Throws<InvalidOperationException>(() => ws.SendPing());
        Assert.Throws<InvalidOperationException>(() => ws.SendPong());
        ws.Pause();
        Assert.False(ws.IsPaused);
        ws.Terminate();
        Assert.Equal(["error The WebSocket was closed before the connection was established.", "closed Closed 1006  False"], await new Log(ws).ToEndAsync());
    }

    [Fact]
    public async Task Peer_that_breaks_the_protocol_is_an_error_before_closed()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        var log = new Log(ws);
        await server.AnswerAsync(Open + "\r\n" + Frames("good") + "\u0085\0", end: true);
        Assert.Equal(["message good", "error The peer broke the WebSocket protocol", "closed Closed 1002"], (await log.ToEndAsync())[2..].Select(Start));
    }

    [Fact]
    public async Task Peer_that_vanishes_is_an_error_and_1006()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        await server.AnswerAsync(Open + "\r\n", end: true);
        Assert.Equal(
            ["error The peer ended the connection without a Close frame (close code 1006).", "closed Closed 1006  False"],
            (await new Log(ws).ToEndAsync())[2..]);
    }

    [Fact]
    public async Task Pause_holds_everything_back_until_Resume()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        var log = new Log(ws);
        ws.Message += (_, e) =>
        {
            if (e.Text == "1")
                ws.Pause();
        };
        await server.AnswerAsync(Open + "\r\n" + Frames("1", "2") + Ping("p") + Close(1000, ""), end: true);
        await Settle.UntilAsync(() => ws.ReadyState == EventWebSocketState.Closing);
        Assert.True(ws.IsPaused);
        Assert.Equal(["message 1"], log.Lines.Skip(2));
        ws.Resume();
        Assert.Equal(["message 1", "message 2", "ping p", "closed Closed 1000  True"], (await log.ToEndAsync())[2..]);
    }

    [Fact]
    public async Task Ping_and_pong_go_both_ways()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        var log = new Log(ws);
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ws.Opened += (_, _) =>
        {
            ws.SendPing("mine"u8.ToArray());
            ws.SendPong("hi"u8.ToArray());
            Assert.Throws<ArgumentException>(() => ws.SendPing(new byte[126]));
            opened.SetResult();
        };
        await server.AnswerAsync(Open + "\r\n");
        await opened.Task.Soon();
        await server.SendAsync(Ping("yours") + "\u008A\u0004mine" + Close(1000, ""));
        server.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        Assert.Equal(["ping yours", "pong mine", "closed Closed 1000  True"], (await log.ToEndAsync())[2..]);
    }

    [Fact]
    public async Task Handlers_run_on_the_context_of_the_constructor_one_at_a_time()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using var context = new OneThread();
        EventWebSocket ws = null!;
        Log log = null!;
        var elsewhere = new ConcurrentQueue<string>();
        context.Send(
            _ =>
            {
                ws = new EventWebSocket(test.Uri);
                log = new Log(ws);
            },
            null);
        void Check(string name)
        {
            if (SynchronizationContext.Current != context)
                elsewhere.Enqueue(name);
        }

        ws.Opened += (_, _) =>
        {
            Check("opened");
            for (int i = 0; i < 100; i++)
                ws.Send($"{i}");
        };
        ws.Message += (_, e) =>
        {
            Check("message");
            if (e.Text == "99")
                ws.Close();
        };
        ws.Closed += (_, _) => Check("closed");
        List<string> lines = await log.ToEndAsync();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"message {i}"), lines[2..^1]);
        Assert.Empty(elsewhere);
    }

    [Fact]
    public async Task Exceptions_of_handlers_are_logged_and_end_nothing()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var logs = new RecordedLogs();
        var ws = new EventWebSocket(test.Uri, new WebSocketClientOptions { Connection = new() { LoggerFactory = logs } });
        ws.Opened += (_, _) => throw new InvalidDataException("opened");
        ws.Message += async (_, _) =>
        {
            await Task.Yield();
            throw new InvalidDataException("message");
        };
        ws.Closed += (_, _) => throw new InvalidDataException("closed");
        var log = new Log(ws);
        ws.Opened += (_, _) => ws.Send("hello");
        ws.Message += (_, _) => ws.Close(1000);
        Assert.Equal(["message hello", "closed Closed 1000  True"], (await log.ToEndAsync())[2..]);
        await Settle.UntilAsync(() => logs.Loud.Count() == 3);
        Assert.All(logs.Loud, line => Assert.Equal(210, line.Id));
        Assert.Equal(["closed", "message", "opened"], logs.Loud.Select(line => line.Exception!.Message).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Binary_messages_are_arrays_of_their_own_or_leased()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var ws = new EventWebSocket(test.Uri);
        var kept = new TaskCompletionSource<ReadOnlyMemory<byte>>(TaskCreationOptions.RunContinuationsAsynchronously);
        string? leased = null;
        ws.Opened += (_, _) =>
        {
            ws.Send("kept"u8);
            ws.Send("leased"u8.ToArray().AsMemory());
        };
        ws.Message += (_, e) =>
        {
            if (ws.BinaryType == WebSocketBinaryType.Array)
            {
                kept.SetResult(e.Data);
                ws.BinaryType = WebSocketBinaryType.Leased;
            }
            else
            {
                leased = Encoding.UTF8.GetString(e.Data.Span);
                ws.Close();
            }
        };
        await new Log(ws).ToEndAsync();
        Assert.Equal(("kept", "leased"), (Encoding.UTF8.GetString((await kept.Task).Span), leased));
    }

    [Fact]
    public async Task More_than_MaxBufferedBytes_closes_with_1011_and_an_error()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain with { Connection = new() { MaxBufferedBytes = 1000 } });
        var log = new Log(ws);
        ws.Opened += (_, _) => ws.Send(new byte[2000]);
        await server.AnswerAsync(Open + "\r\n");
        await server.SendAsync(Close(1011, ""));
        server.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        List<string> lines = await log.ToEndAsync();
        Assert.Equal(["error More than MaxBufferedBytes wait to be sent", "closed Closed 1011"], lines[2..].Select(Start));
        Assert.Equal(2000, ws.BufferedAmount);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("ftp://example.com/")]
    [InlineData("ws://example.com/#fragment")]
    public void Constructor_refuses_addresses_that_cannot_be_used(string url) =>
        Assert.ThrowsAny<ArgumentException>(() => new EventWebSocket(url));

    [Fact]
    public async Task Url_is_without_credentials_and_in_the_scheme_of_WebSockets()
    {
        var ws = new EventWebSocket("https://user:secret@localhost:1/x?y=1");
        Assert.Equal("wss://localhost:1/x?y=1", ws.Url.ToString());
        await ws.DisposeAsync();
        Assert.ThrowsAny<ArgumentException>(() => new EventWebSocket("ws://localhost:1/", ["a", "a"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Redirects_are_raised_before_they_are_followed_and_a_handler_may_close(bool closes)
    {
        using var server = new RawServer();
        List<string> hops = [];
        var ws = new EventWebSocket(server.Uri, Plain with
        {
            MaxRedirects = 2,
            RedirectCallback = (redirect, _) =>
            {
                hops.Add(redirect.To.AbsolutePath);
                return default;
            },
        });
        if (closes)
        {
            ws.Redirect += (_, e) =>
            {
                if (e.To.AbsolutePath == "/b")
                    ws.Close();
            };
        }

        await server.AnswerAsync("HTTP/1.1 302 There\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n");
        await server.AnswerAsync("HTTP/1.1 301 There\r\nLocation: b\r\nContent-Length: 0\r\n\r\n");
        if (!closes)
            await server.AnswerAsync(Open + "\r\n" + Close(1000, ""), end: true);

        Assert.Equal(
            closes
                ? ["redirect 302 /a", "redirect 301 /b", "error The WebSocket was closed before the connection was established.", "closed Closed 1006  False"]
                : ["redirect 302 /a", "redirect 301 /b", "upgrade ", "opened", "closed Closed 1000  True"],
            (await new Log(ws).ToEndAsync()).Select(line => line.StartsWith("opened", StringComparison.Ordinal) ? "opened" : line));
        Assert.Equal(["/a", "/b"], hops);
    }

    private static string Start(string line) =>
        line.StartsWith("error", StringComparison.Ordinal) ? line.Split(':')[0].Split(", and")[0]
        : line.StartsWith("closed", StringComparison.Ordinal) ? string.Join(' ', line.Split(' ')[..3]) : line;

    // Frames as a server sends them, one character a byte.
    private static string Frames(params string[] texts) => string.Concat(texts.Select(text => $"\u0081{(char)text.Length}{text}"));

    private static string Ping(string payload) => $"\u0089{(char)payload.Length}{payload}";

    private static string Close(int code, string reason) =>
        $"\u0088{(char)(2 + reason.Length)}{(char)(code >> 8)}{(char)(code & 0xFF)}{reason}";
}
