using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Client;

/// <content>What is awaited on each connection before the outbox flushes.</content>
public sealed partial class ReconnectingWebSocketTests
{
    [Fact]
    public async Task Subscribe_is_awaited_on_each_connection_before_any_message_leaves()
    {
        await using ReconnectingWebSocket socket = Make(options => options with
        {
            Subscribe = async (connection, cancel) =>
            {
                await connection.SendTextAsync("subscribe", cancel);
                Assert.Equal("subscribed", (await connection.ReceiveAsync(cancel)).GetText());
            },
        });
        await socket.SendTextAsync("message");
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        Assert.Equal("subscribe", await pair.ReadTextAsync());
        Assert.Equal(ReconnectState.Subscribing, socket.State);
        Assert.Null(socket.Connection);
        await pair.Server.DrainAsync();
        Assert.Equal(1, socket.UnsettledMessages);
        await pair.Server.SendTextAsync("subscribed");
        Assert.Equal("message", await pair.ReadTextAsync());
        await BecomesAsync(socket, ReconnectState.Open);

        pair.Link.Reset();
        await _bench.PassAsync(Second);
        pair = await _bench.OpenedAsync();
        Assert.Equal("subscribe", await pair.ReadTextAsync());
        Assert.Equal(ReconnectState.Subscribing, socket.State);
    }

    [Fact]
    public async Task Subscribe_reads_also_where_messages_are_discarded_afterwards()
    {
        await using ReconnectingWebSocket socket = Make(options => options with
        {
            IgnoreMessages = true,
            Subscribe = async (connection, cancel) => Assert.Equal("hello", (await connection.ReceiveAsync(cancel)).GetText()),
        });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        await pair.Server.SendTextAsync("hello");
        await BecomesAsync(socket, ReconnectState.Open);
        for (int i = 0; i < 100; i++)
            await pair.Server.SendAsync(new byte[10_000]);
        await AssertNextIsAsync(socket, pair, "1");
    }

    [Fact]
    public async Task Subscribe_that_throws_closes_the_connection_and_counts_as_a_failed_attempt()
    {
        int calls = 0;
        await using ReconnectingWebSocket socket = Make(options => options with
        {
            Subscribe = (_, _) => ++calls == 1 ? Task.FromException(new FormatException("test")) : Task.CompletedTask,
        });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        CloseResult end = await pair.Server.Closed.Soon();
        Assert.Equal((true, CloseCode.Normal), (end.IsClean, end.Code));
        await _bench.PassAsync(Second);
        await AssertNextIsAsync(socket, await _bench.OpenedAsync(), "message");
        Assert.IsType<FormatException>(_bench.Attempts[1].Previous!.Exception);
        Assert.Equal(["NotStarted>Connecting", "Connecting>Subscribing", "Subscribing>Waiting"], Transitions().Take(3).Select(e => $"{e.Before}>{e.State}"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Subscribe_ends_when_the_connection_is_lost_or_its_time_is_over_though_it_does_not_look(bool isLost)
    {
        int calls = 0;
        CancellationToken given = default;
        await using ReconnectingWebSocket socket = Make(options => options with
        {
            Subscribe = (_, cancel) =>
            {
                if (++calls > 1)
                    return Task.CompletedTask;
                given = cancel;
                return new TaskCompletionSource().Task;
            },
        });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        await BecomesAsync(socket, ReconnectState.Subscribing);
        if (isLost)
            pair.Link.Reset();
        else
            await _bench.PassAsync(TimeSpan.FromSeconds(30));
        await Settle.UntilAsync(() => Transitions().Length == 3);
        Assert.True(given.IsCancellationRequested);
        Assert.Equal(ReconnectState.Waiting, Transitions()[^1].State);
        ReconnectFailure failure = Transitions()[^1].Failure!;
        if (isLost)
            Assert.Equal(CloseCause.TransportFailed, failure.Result!.Cause);
        else
            Assert.Equal(HandshakeFailure.Timeout, Assert.IsType<WebSocketHandshakeException>(failure.Exception).Cause);
    }
}
