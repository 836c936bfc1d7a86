using System.Collections.Concurrent;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <content>How it is closed.</content>
public sealed partial class EventWebSocketTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Close_before_Opened_fails_the_attempt(bool inUpgrade)
    {
        using var server = new RawServer();
        using var context = new OneThread();
        EventWebSocket ws = null!;
        Log log = null!;
        EventWebSocketState next = default;
        // While this runs on the context of its events, it is not told to be closed.
        context.Send(
            _ =>
            {
                ws = new EventWebSocket(server.Uri, Plain);
                log = new Log(ws);
                if (inUpgrade)
                    ws.Upgrade += (_, _) => ws.Close();
                else
                    ws.Close();
                next = ws.ReadyState;
            },
            null);
        Assert.Equal(inUpgrade ? EventWebSocketState.Connecting : EventWebSocketState.Closing, next);
        if (inUpgrade)
            await server.AnswerAsync(Open + "\r\n");
        List<string> lines = await log.ToEndAsync();
        Assert.Equal(
            ["error The WebSocket was closed before the connection was established.", "closed Closed 1006  False"], lines[(inUpgrade ? 1 : 0)..]);
    }

    [Theory]
    [InlineData(999)]
    [InlineData(1001)]
    [InlineData(1005)]
    [InlineData(2999)]
    [InlineData(5000)]
    public async Task Close_refuses_codes_other_than_1000_and_3000_to_4999(int code)
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        Assert.Contains($"{code}", Assert.Throws<ArgumentException>(() => ws.Close(code)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ws.Close(1000, new string('ä', 62)));
        Assert.Equal(EventWebSocketState.Connecting, ws.ReadyState);
        await ws.DisposeAsync();
    }

    [Theory]
    [InlineData(null, "", 1005)]
    [InlineData(1000, "done", 1000)]
    [InlineData(3000, "", 3000)]
    [InlineData(4999, "last", 4999)]
    public async Task Close_sends_its_code_behind_what_was_sent_and_drops_what_comes_after(int? code, string reason, int received)
    {
        await using var test = new ServerTest();
        var seen = new ConcurrentQueue<string>();
        test.Server.Map("/*", async (socket, cancel) =>
        {
            await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
                seen.Enqueue(EventLog.Describe(e));
        });
        await test.Server.StartAsync();
        var ws = new EventWebSocket(test.Uri, Plain);
        var log = new Log(ws);
        ws.Opened += (_, _) =>
        {
            ws.Send("before");
            if (code is { } sent)
                ws.Close((CloseCode)sent, reason);
            else
                ws.Close();
            ws.Close(4001);
            Assert.Equal(EventWebSocketState.Closing, ws.ReadyState);
            ws.Send("after");
            Assert.True(ws.BufferedAmount >= 5);
        };
        Assert.Equal(["upgrade ", "opened Open", $"closed Closed {received} {reason} True"], await log.ToEndAsync());
        await test.AssertNothingIsLeftAsync();
        Assert.Equal(["Text before", $"Close {received} {reason}"], seen);
        Assert.Equal(5, ws.BufferedAmount);
    }

    [Fact]
    public async Task Terminate_ends_at_once_without_an_error()
    {
        using var server = new RawServer();
        var ws = new EventWebSocket(server.Uri, Plain);
        var log = new Log(ws);
        ws.Opened += (_, _) =>
        {
            ws.Terminate();
            ws.Terminate();
        };
        await server.AnswerAsync(Open + "\r\n");
        Assert.Equal(["upgrade ", "opened Open", "closed Closed 1006  False"], await log.ToEndAsync());
        await server.AssertClientEndsAsync();
    }

    [Fact]
    public async Task DisposeAsync_closes_with_1000_and_waits()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var ws = new EventWebSocket(test.Uri);
        await Settle.UntilAsync(() => ws.ReadyState == EventWebSocketState.Open);
        await ws.DisposeAsync().Soon();
        Assert.Equal("closed Closed 1000  True", (await new Log(ws).ToEndAsync())[^1]);
    }
}
