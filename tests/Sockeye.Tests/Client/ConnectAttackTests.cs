using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>What is done to a client while it connects, by servers and by what an application passes on to it: rows V21, V22, V26 and V33 of
/// the attack catalogue.</summary>
public sealed class ConnectAttackTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

    public static TheoryData<string, string, HandshakeRule> LargeHeads => new()
    {
        { Open, string.Concat(Enumerable.Range(0, 2001).Select(i => $"X-{i}: a\r\n")), HandshakeRule.HeaderLinesMustFitLimit },
        { Open, string.Concat(Enumerable.Repeat("X: a\r\n", 100_000)), HandshakeRule.HeaderLinesMustFitLimit },
        { Open + "X: ", new string('a', 1024 * 1024), HandshakeRule.HeaderLineMustFitLimit },
        { "HTTP/1.1 101 ", new string('a', 1024 * 1024), HandshakeRule.StartLineMustFitLimit },
        { "", new string('a', 1024 * 1024), HandshakeRule.StartLineMustFitLimit },
    };

    // V21: whatever it is that is too much, the client stops reading there.
    [Theory]
    [MemberData(nameof(LargeHeads))]
    public async Task Head_that_is_too_large_fails_at_its_limit(string beginning, string rest, HandshakeRule rule)
    {
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri);
        await server.AcceptAsync();
        Task sending = server.SendAsync(beginning + rest);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());

        Assert.Equal((HandshakeFailure.Protocol, rule), (thrown.Cause, thrown.Fault?.Rule));
        await sending.ContinueWith(_ => { }, TaskScheduler.Default); // the client has gone
    }

    // V21
    [Fact]
    public async Task Reading_of_an_endless_head_takes_no_more_than_the_limit_and_4_KiB()
    {
        const int Capacity = 1024;
        var link = new TestLink(Capacity);
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(link.Client, new Uri("ws://example.com/"));
        byte[] line = Encoding.ASCII.GetBytes("X: " + new string('a', 505) + "\r\n");
        int taken = 0;
        try
        {
            await link.Server.WriteAsync("HTTP/1.1 101 Switching Protocols\r\n"u8.ToArray());
            for (; !connecting.IsCompleted; taken += line.Length)
                await link.Server.WriteAsync(line).Soon();
        }
        catch (IOException)
        {
            // the client has gone
        }

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal((HandshakeFailure.Protocol, HandshakeRule.HeadMustFitLimit), (thrown.Cause, thrown.Fault?.Rule));
        int limit = HandshakeLimits.Default.MaxHeadBytes;
        Assert.InRange(taken, limit - Capacity, limit + 4096);
    }

    // V21
    [Fact]
    public async Task Interim_responses_without_end_fail()
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000)));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri).Soon());

        Assert.Equal((HandshakeFailure.Status, 103), (thrown.Cause, thrown.StatusCode));
        await answering.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    public static TheoryData<string> LongLists => new()
    {
        "Sec-WebSocket-Protocol: b" + new string(' ', 8000) + "x",
        "Sec-WebSocket-Extensions: permessage-deflate; a=\"" + string.Concat(Enumerable.Repeat("\\c", 4000)),
        "Sec-WebSocket-Extensions: " + string.Join(", ", Enumerable.Repeat("a", 2700)),
        "Sec-WebSocket-Extensions: permessage-deflate" + string.Concat(Enumerable.Repeat("; a", 2600)),
        "Sec-WebSocket-Extensions: constructor",
        "Sec-WebSocket-Extensions: toString; __proto__",
    };

    // V22: the parsers are those of the server, which are linear: here it is that the client fails, by its one exception.
    [Theory]
    [MemberData(nameof(LongLists))]
    public async Task Lists_that_blow_parsers_up_fail_the_connection(string line)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(Open + line + "\r\n\r\n");

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(server.Uri, new() { Subprotocols = ["a"], RequireSubprotocol = false }).Soon());

        await answering;
        Assert.Equal(HandshakeFailure.Protocol, thrown.Cause);
        Assert.InRange(thrown.Message.Length, 1, 1000);
    }

    // V26: whatever the application passes on, the request has the lines that the client gave it, or is refused before it is sent.
    [Fact]
    public void No_text_of_the_application_makes_lines_of_its_own_in_the_request()
    {
        var random = new Random(26);
        int refused = 0;
        for (int i = 0; i < 100_000; i++)
        {
            char evil = "\r\n\0\u007F\u0085\u2028\uFF0A"[random.Next(7)];
            string text = $"{(char)random.Next('!', 0x180)}a{evil}Injected: x";
            if (random.Next(2) == 0)
                text = text.Replace($"{evil}", $"\r\n{evil}", StringComparison.Ordinal);
            byte[] request;
            try
            {
                request = MakeRequest(i % 6, text);
            }
            catch (ArgumentException)
            {
                refused++;
                continue;
            }

            string[] lines = Encoding.Latin1.GetString(request).Split('\n');
            Assert.All(lines[..^1], line => Assert.EndsWith("\r", line, StringComparison.Ordinal));
            Assert.DoesNotContain(lines, line => line.StartsWith("Injected", StringComparison.Ordinal));
            Assert.DoesNotContain(request, b => b is 0 or 127);
        }

        Assert.InRange(refused, 50_000, 99_999); // both have been seen
    }

    // V33: the deadline is absolute, no byte moves it.
    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Server_that_sends_a_byte_now_and_then_is_left_at_the_deadline(string scheme)
    {
        var time = new TimerSignals();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            $"{scheme}://127.0.0.1:{server.Port}/", new() { Connection = new() { TimeProvider = time } });
        byte[] answer = scheme == "ws"
            ? Encoding.ASCII.GetBytes("HTTP/1.1 101 Switching Protocols\r\n")
            : [0x16, 3, 3, 0x10, 0, 2, 0, 0x0F, 0xFC, 3, 3]; // a ServerHello that promises 4 KiB
        await server.AcceptRawAsync();
        for (int second = 0; second < 9; second++)
        {
            await server.Client.SendAsync(answer.AsMemory(second, 1));
            time.Manual.Advance(TimeSpan.FromSeconds(1));
            Assert.False(connecting.IsCompleted);
        }

        time.Manual.Advance(TimeSpan.FromSeconds(1));

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
        await server.AssertClientEndsAsync();
    }

    /// <summary>Makes a request of which an application gave one part.</summary>
    private static byte[] MakeRequest(int part, string text)
    {
        var uri = WebSocketUri.Parse(part == 0 ? $"ws://a/{text}" : part == 1 ? $"ws://a/?{text}" : part == 2 ? $"ws://{text}/" : "ws://a/");
        var options = new WebSocketClientOptions
        {
            Origin = part == 3 ? text : null,
            Subprotocols = part == 4 ? [text] : [],
            Headers = part == 5 ? new() { { "Cookie", text } } : [],
        };
        return new ClientHandshake(uri.HostHeader, uri.Target, WebSocketWire.CreateHandshakeKey())
        {
            Origin = options.Origin, Subprotocols = options.Subprotocols, Headers = options.Headers,
        }.CreateRequest().ToBytes();
    }
}
