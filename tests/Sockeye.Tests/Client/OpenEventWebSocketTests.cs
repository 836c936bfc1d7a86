using System.Collections.Concurrent;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>The browser's shape over a connection that is open, such as a server's.</summary>
public sealed class OpenEventWebSocketTests
{
    [Fact]
    public async Task Server_has_the_events_of_what_it_accepted()
    {
        await using var test = new ServerTest();
        var lines = new ConcurrentQueue<string>();
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Server.Map("/*", async (socket, _) =>
        {
            var ws = new EventWebSocket(socket);
            lines.Enqueue($"{ws.ReadyState} {ws.Url} {ws.Protocol}");
            ws.Upgrade += (_, _) => lines.Enqueue("never");
            ws.Opened += (_, _) => ws.Send("welcome");
            ws.Message += (_, e) =>
            {
                lines.Enqueue(e.Text!);
                if (e.Text == "two")
                    ws.Close(CloseCode.GoingAway, "enough");
            };
            ws.Closed += (_, e) =>
            {
                lines.Enqueue($"{(int)e.Code} {e.WasClean} {ws.ReadyState}");
                told.SetResult();
            };
            await socket.Closed;
        }, new() { Subprotocols = ["v1"] });
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri + "/a?b", new() { Subprotocols = ["v1"] }).Soon();

        Assert.Equal("welcome", (await client.ReceiveAsync().Soon()).GetText());
        await client.SendTextAsync("one");
        await client.SendTextAsync("two");
        CloseResult result = await client.Closed.Soon();
        await told.Task.Soon();

        Assert.Equal((1001, "enough"), ((int)result.Code, result.Reason));
        Assert.Equal([$"Open {test.Uri}/a?b v1", "one", "two", "1001 True Closed"], lines);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task It_is_open_at_once_and_messages_wait_for_their_handler(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        await peer.SendTextAsync("early");
        var ws = new EventWebSocket(peer.Connection);
        Assert.Equal(
            (EventWebSocketState.Open, "about:blank", "", ""), (ws.ReadyState, ws.Url.ToString(), ws.Protocol, ws.Extensions));
        ws.Send("mine");
        Assert.Equal("mine", (await peer.ReadFrameAsync())!.Text);
        var received = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        ws.Message += (_, e) => received.TrySetResult(e.Text);
        Assert.Equal("early", await received.Task.Soon());
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ws.Opened += (_, _) => opened.SetResult();
        await opened.Task.Soon();
    }

    [Fact]
    public async Task Server_may_close_with_any_code_and_a_client_with_those_of_browsers()
    {
        await using RawPeer server = RawPeer.Open(Role.Server);
        await using RawPeer client = RawPeer.Open(Role.Client);
        var ofServer = new EventWebSocket(server.Connection);
        Assert.Throws<ArgumentException>("code", () => ofServer.Close(1006));
        ofServer.Close(1012, "restarting");
        Assert.Equal(1012, (await server.ReadFrameAsync())!.CloseCode);
        Assert.Throws<ArgumentException>("code", () => new EventWebSocket(client.Connection).Close(1012));
    }

    // As Deno's and ws's do: a browser that is gone without a word.
    [Fact]
    public async Task Silence_raises_an_error_and_then_a_close_with_1001()
    {
        await using RawPeer peer = RawPeer.Open(Role.Server, options => options with { IdleTimeout = TimeSpan.FromSeconds(30) });
        var raised = new ConcurrentQueue<string>();
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ws = new EventWebSocket(peer.Connection);
        ws.Message += (_, _) => raised.Enqueue("message");
        ws.Error += (_, e) => raised.Enqueue($"error {((WebSocketClosedException)e.Exception).Result.Cause}");
        ws.Closed += (_, e) =>
        {
            raised.Enqueue($"close {(int)e.Code} {e.Reason} {e.WasClean} {e.Result!.SentCode}");
            told.SetResult();
        };
        peer.Time.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal(Opcode.Ping, (await peer.ReadFrameAsync())!.Opcode);
        await Settle.UntilAsync(() => peer.Connection.BufferedBytes == 0);
        peer.Time.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await told.Task.Soon();
        Assert.Equal(["error IdleTimeout", "close 1001 No response from ping frame. False GoingAway"], raised);
    }

    [Fact]
    public async Task Connection_whose_messages_go_to_a_callback_is_refused()
    {
        await using RawPeer peer = RawPeer.Create();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler { Message = (_, _) => default });
        Assert.Throws<InvalidOperationException>(() => new EventWebSocket(peer.Connection));
        peer.Connection.Abort();
        await handled.Soon();
    }
}
