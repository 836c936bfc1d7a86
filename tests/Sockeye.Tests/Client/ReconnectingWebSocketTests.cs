using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Client;

public sealed partial class ReconnectingWebSocketTests : IAsyncLifetime
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ReconnectBench _bench = new();
    private readonly List<ReconnectStateEventArgs> _transitions = [];
    private readonly List<OutboxMessage> _lost = [];

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Each_transition_is_told_once_in_order()
    {
        _bench.Failing = attempt => attempt.Failures == 1 ? new IOException("test") : null;
        await using ReconnectingWebSocket socket = Make();
        Assert.Equal(ReconnectState.NotStarted, socket.State);
        socket.Start();
        socket.Start();
        WebSocketPair first = await _bench.OpenedAsync();
        await BecomesAsync(socket, ReconnectState.Open);
        Assert.Same(first.Client, socket.Connection);
        first.Link.Reset();
        await _bench.PassAsync(Second);
        await _bench.PassAsync(2 * Second);
        WebSocketPair second = await _bench.OpenedAsync();
        await BecomesAsync(socket, ReconnectState.Open);
        await socket.CloseAsync((CloseCode)4000, "bye").Soon();
        CloseResult end = await second.Server.Closed.Soon();
        Assert.Equal((true, 4000, "bye"), (end.IsClean, (int)end.Code, end.Reason));
        Assert.Null(await socket.Closed);
        Assert.Null(socket.Connection);

        await Settle.UntilAsync(() => Transitions().Length == 9);
        Assert.Equal(
            [
                "NotStarted>Connecting", "Connecting>Open", "Open>Waiting", "Waiting>Connecting", "Connecting>Waiting", "Waiting>Connecting",
                "Connecting>Open", "Open>Closing", "Closing>Closed",
            ],
            Transitions().Select(e => $"{e.Before}>{e.State}"));
        Assert.Equal([Second, 2 * Second], Transitions().Where(e => e.State == ReconnectState.Waiting).Select(e => e.Delay));
        Assert.Equal([CloseCause.TransportFailed, null], Transitions().Where(e => e.Failure is not null).Select(e => e.Failure!.Result?.Cause));
        Assert.Equal([first.Client, second.Client, second.Client], Transitions().Where(e => e.Connection is not null).Select(e => e.Connection!));
        Assert.Equal([0, 0, 1, 2, 2, 2], Transitions().Where(e => e.Attempt is not null).Select(e => e.Attempt!.Failures));
    }

    [Fact]
    public async Task Messages_sent_before_there_is_a_connection_leave_in_order_and_are_confirmed()
    {
        await using ReconnectingWebSocket socket = Make();
        OutboxMessage[] messages = [await socket.SendTextAsync("one"), await socket.SendAsync(new byte[20_000]), await socket.SendTextAsync("three")];
        Assert.All(messages, message => Assert.Equal(DeliveryState.Queued, message.State));
        Assert.Equal((3, 20_008L), (socket.UnsettledMessages, socket.UnsettledBytes));
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        Assert.Equal("one", await pair.ReadTextAsync());
        Assert.Equal((WebSocketMessageKind.Binary, 20_000), await KindAndLengthAsync(pair));
        Assert.Equal("three", await pair.ReadTextAsync());
        foreach (OutboxMessage message in messages)
            Assert.Equal(DeliveryState.Confirmed, await message.Settled.Soon());
        Assert.Equal((0, 0L), (socket.UnsettledMessages, socket.UnsettledBytes));
        Assert.Empty(Lost());
    }

    [Fact]
    public async Task Message_that_the_peer_has_not_confirmed_is_written_and_after_a_loss_uncertain()
    {
        _bench.ServerOptions = new() { AutoPong = false };
        await using ReconnectingWebSocket socket = Make();
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        OutboxMessage message = await socket.SendTextAsync("one");
        Assert.Equal("one", await pair.ReadTextAsync());
        await Settle.UntilAsync(() => message.State == DeliveryState.Written);
        _bench.ServerOptions = new();
        pair.Link.Reset();
        Assert.Equal(DeliveryState.Uncertain, await message.Settled.Soon());
        await _bench.PassAsync(Second);
        await AssertNextIsAsync(socket, await _bench.OpenedAsync(), "two");
        await AssertLostAsync(message);
    }

    [Fact]
    public async Task What_had_not_begun_to_leave_is_sent_again_in_order_and_what_had_is_not()
    {
        _bench.Capacity = 1;
        await using ReconnectingWebSocket socket = Make();
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        pair.Link.Stall();
        OutboxMessage begun = await socket.SendTextAsync("begun");
        await Settle.UntilAsync(() => pair.Link.ToServer.BytesHeld == 1);
        OutboxMessage[] waiting = [await socket.SendTextAsync("one"), await socket.SendAsync(new byte[20_000]), await socket.SendTextAsync("three")];
        await Settle.UntilAsync(() => waiting[2].State == DeliveryState.Accepted);
        _bench.Capacity = 256 * 1024;
        pair.Link.Reset();
        Assert.Equal(DeliveryState.Uncertain, await begun.Settled.Soon());
        await Settle.UntilAsync(() => waiting.All(message => message.State == DeliveryState.Queued));

        await _bench.PassAsync(Second);
        WebSocketPair next = await _bench.OpenedAsync();
        Assert.Equal("one", await next.ReadTextAsync());
        Assert.Equal((WebSocketMessageKind.Binary, 20_000), await KindAndLengthAsync(next));
        await AssertNextIsAsync(socket, next, "four", "three");
        foreach (OutboxMessage message in waiting)
            Assert.Equal(DeliveryState.Confirmed, await message.Settled.Soon());
        await AssertLostAsync(begun);
    }

    [Fact]
    public async Task CloseAsync_lets_everything_leave_first_and_all_of_it_is_confirmed()
    {
        await using ReconnectingWebSocket socket = Make();
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        OutboxMessage[] messages = new OutboxMessage[500];
        for (int i = 0; i < messages.Length; i++)
            messages[i] = await socket.SendAsync(new byte[1000]);
        Task closing = socket.CloseAsync();
        int received = 0;
        while (!(await pair.Server.ReceiveAsync().Soon()).IsEnd)
            received++;
        await closing.Soon();
        Assert.Equal(messages.Length, received);
        Assert.All(messages, message => Assert.Equal(DeliveryState.Confirmed, message.State));
        Assert.True((await pair.Server.Closed.Soon()).IsClean);
    }

    [Fact]
    public async Task Close_without_a_connection_leaves_messages_unsent_and_refuses_new_ones()
    {
        _bench.Failing = _ => new IOException("test");
        await using ReconnectingWebSocket socket = Make(options => options with { MaxMessages = 1 });
        OutboxMessage message = await socket.SendTextAsync("1");
        Task<OutboxMessage> waiting = socket.SendTextAsync("2").AsTask();
        socket.Start();
        await BecomesAsync(socket, ReconnectState.Waiting);
        Task flush = socket.FlushAsync();
        await socket.CloseAsync().Soon();
        Assert.Equal(DeliveryState.Unsent, await message.Settled.Soon());
        await flush.Soon();
        await Assert.ThrowsAsync<WebSocketReconnectException>(() => waiting.Soon());
        var e = await Assert.ThrowsAsync<WebSocketReconnectException>(() => socket.SendTextAsync("3").AsTask().Soon());
        Assert.Null(e.Failure);
        Assert.Equal(ReconnectState.Closed, socket.State);
        await Settle.UntilAsync(() => Lost().Length == 1);
    }

    [Fact]
    public async Task One_that_was_never_started_closes_too()
    {
        ReconnectingWebSocket socket = Make();
        OutboxMessage message = await socket.SendTextAsync("1");
        await socket.DisposeAsync().Soon();
        await socket.DisposeAsync().Soon();
        Assert.Equal((DeliveryState.Unsent, ReconnectState.Closed), (message.State, socket.State));
        Assert.Empty(_bench.Attempts);
    }

    [Fact]
    public async Task Close_ends_an_attempt_that_is_under_way()
    {
        _bench.Waiting = cancel => Task.Delay(Timeout.Infinite, cancel);
        await using ReconnectingWebSocket socket = Make();
        socket.Start();
        await Settle.UntilAsync(() => _bench.Attempts.Count == 1);
        await socket.CloseAsync().Soon();
        await Settle.UntilAsync(() => Transitions().Length == 2);
        Assert.Equal(["NotStarted>Connecting", "Connecting>Closed"], Transitions().Select(e => $"{e.Before}>{e.State}"));
    }

    [Fact]
    public async Task Final_failure_ends_it_and_all_are_told()
    {
        await using ReconnectingWebSocket socket = Make();
        OutboxMessage uncertain = await socket.SendTextAsync("1");
        Task<bool> reading = ReadAsync(socket);
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        Assert.Equal("1", await pair.ReadTextAsync());
        await uncertain.Settled.Soon();
        await pair.Server.CloseAsync(CloseCode.PolicyViolation, "go away").Soon();
        ReconnectFailure? failure = await socket.Closed.Soon();
        Assert.Equal((CloseCode.PolicyViolation, "go away"), (failure!.CloseCode, failure.Result!.ReceivedReason));
        Assert.Same(failure, (await Assert.ThrowsAsync<WebSocketReconnectException>(() => reading.Soon())).Failure);
        Assert.Same(failure, (await Assert.ThrowsAsync<WebSocketReconnectException>(() => socket.SendTextAsync("2").AsTask().Soon())).Failure);
        await Settle.UntilAsync(() => Transitions().Length == 3);
        Assert.Same(failure, Transitions()[^1].Failure);
    }

    [Fact]
    public async Task Judgement_that_throws_is_final()
    {
        _bench.Failing = _ => new IOException("test");
        await using ReconnectingWebSocket socket =
            Make(options => options with { Reconnect = options.Reconnect with { IsFatal = _ => throw new FormatException("mine") } });
        socket.Start();
        Assert.IsType<FormatException>((await socket.Closed.Soon())!.Exception);
    }

    [Fact]
    public async Task Reader_gets_all_of_one_connection_before_the_next_and_ends_with_the_socket()
    {
        await using ReconnectingWebSocket socket = Make();
        List<string> read = [];
        Task reading = Task.Run(async () =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                lock (read)
                    read.Add(message.GetText());
            }
        });
        socket.Start();
        for (int round = 0; round < 3; round++)
        {
            WebSocketPair pair = await _bench.OpenedAsync();
            for (int i = 0; i < 10; i++)
                await pair.Server.SendTextAsync($"{(10 * round) + i}");
            await pair.Server.CloseAsync(CloseCode.GoingAway).Soon();
            if (round == 2)
                break;
            await _bench.PassAsync(TimeSpan.FromSeconds(1 << round));
        }

        await BecomesAsync(socket, ReconnectState.Waiting);
        await socket.CloseAsync().Soon();
        await reading.Soon();
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"{i}"), read);
    }

    [Fact]
    public async Task Reader_that_leaves_and_comes_back_goes_on_with_the_same_connection()
    {
        await using ReconnectingWebSocket socket = Make();
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        await BecomesAsync(socket, ReconnectState.Open);
        for (int i = 0; i < 3; i++)
        {
            await pair.Server.SendTextAsync($"{i}");
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                Assert.Equal($"{i}", message.GetText());
                break;
            }
        }

        using var cancel = new CancellationTokenSource();
        Task<bool> reading = ReadAsync(socket, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.Soon());
        await pair.Server.SendTextAsync("still there");
        Assert.True(await ReadAsync(socket).Soon());
    }

    [Fact]
    public async Task Messages_that_nobody_wants_keep_nothing_from_being_confirmed()
    {
        await using ReconnectingWebSocket socket = Make(options => options with { IgnoreMessages = true });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        for (int i = 0; i < 100; i++)
            await pair.Server.SendAsync(new byte[10_000]);
        Assert.Equal(DeliveryState.Confirmed, await (await socket.SendTextAsync("1")).Settled.Soon());
    }

    [Fact]
    public async Task FlushAsync_waits_until_all_is_settled()
    {
        await using ReconnectingWebSocket socket = Make();
        await socket.FlushAsync().Soon();
        await socket.SendTextAsync("1");
        OutboxMessage last = await socket.SendTextAsync("2");
        Task flush = socket.FlushAsync();
        using var cancel = new CancellationTokenSource();
        Task cancelled = socket.FlushAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.Soon());
        Assert.False(flush.IsCompleted);
        socket.Start();
        await flush.Soon();
        Assert.Equal(DeliveryState.Confirmed, last.State);
    }

    [Fact]
    public async Task Exception_of_a_handler_ends_nothing_and_keeps_no_other_from_being_called()
    {
        await using ReconnectingWebSocket socket = Make();
        int called = 0;
        socket.StateChanged += (_, _) => throw new FormatException("mine");
        socket.StateChanged += (_, _) => Interlocked.Increment(ref called);
        socket.Start();
        await AssertNextIsAsync(socket, await _bench.OpenedAsync(), "1");
        await Settle.UntilAsync(() => Volatile.Read(ref called) == 2);
    }

    [Fact]
    public async Task Delays_and_the_end_stand_in_the_logs()
    {
        using var logs = new RecordedLogs();
        _bench.Failing = attempt => attempt.Failures == 0 ? new IOException("test") : new ArgumentException("mine");
        await using ReconnectingWebSocket socket = Make(options => options with { Reconnect = _bench.Options(logs) });
        socket.Start();
        await _bench.PassAsync(Second);
        await socket.Closed.Soon();
        Assert.Equal(
            [(LogLevel.Information, 220), (LogLevel.Error, 221)], logs.Lines.Where(line => line.Id is >= 220 and < 230).Select(line => (line.Level, line.Id)));
    }

    [Fact]
    public async Task Context_that_takes_no_more_work_ends_nothing()
    {
        using var logs = new RecordedLogs();
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new DeadContext());
        ReconnectingWebSocket socket;
        try
        {
            socket = Make(options => options with { Reconnect = _bench.Options(logs) });
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        socket.Start();
        await AssertNextIsAsync(socket, await _bench.OpenedAsync(), "1");
        await socket.CloseAsync().Soon();
        Assert.Contains(logs.Lines, line => line.Id == 222);
        Assert.Empty(Transitions());
    }

    [Fact]
    public async Task Wrong_arguments_are_refused_at_the_call()
    {
        await using ReconnectingWebSocket socket = Make();
        Assert.Throws<ArgumentNullException>(() => { _ = socket.SendTextAsync(null!); });
        Assert.Throws<ArgumentException>(() => { _ = socket.SendAsync(new byte[] { 0xFF }, WebSocketMessageKind.Text); });
        Assert.Throws<ArgumentException>(() => { _ = socket.SendAsync(default, WebSocketMessageKind.End); });
        Assert.Throws<ArgumentException>(() => { _ = socket.CloseAsync((CloseCode)1005 + 1); });
        Assert.Equal(ReconnectState.NotStarted, socket.State);
    }

    private static string Text(OutboxMessage message) => System.Text.Encoding.UTF8.GetString(message.Payload.Span);

    private static async Task<(WebSocketMessageKind Kind, int Length)> KindAndLengthAsync(WebSocketPair pair)
    {
        WebSocketMessage message = await pair.Server.ReceiveAsync().Soon();
        return (message.Kind, message.Length);
    }

    private static async Task<bool> ReadAsync(ReconnectingWebSocket socket, CancellationToken cancel = default)
    {
        await using ReconnectingSequence.Enumerator messages = socket.ReadAllAsync(cancel).GetAsyncEnumerator();
        return await messages.MoveNextAsync();
    }

    /// <summary>Sends a message and proves that the server gets it next, behind what was to come before, and that it is confirmed.</summary>
    private static async Task AssertNextIsAsync(ReconnectingWebSocket socket, WebSocketPair pair, string text, params string[] before)
    {
        OutboxMessage message = await socket.SendTextAsync(text);
        foreach (string expected in before)
            Assert.Equal(expected, await pair.ReadTextAsync());
        Assert.Equal(text, await pair.ReadTextAsync());
        Assert.Equal(DeliveryState.Confirmed, await message.Settled.Soon());
    }

    private static Task BecomesAsync(ReconnectingWebSocket socket, ReconnectState state) =>
        Settle.UntilAsync(() => socket.State == state, () => $"{socket.State}");

    private ReconnectingWebSocket Make(Func<ReconnectingWebSocketOptions, ReconnectingWebSocketOptions>? configure = null)
    {
        var options = new ReconnectingWebSocketOptions { Reconnect = _bench.Options() };
        var socket = new ReconnectingWebSocket("ws://test.example/", configure?.Invoke(options) ?? options);
        socket.StateChanged += (_, e) =>
        {
            lock (_transitions)
                _transitions.Add(e);
        };
        socket.MessageLost += (_, e) =>
        {
            lock (_lost)
                _lost.Add(e.Message);
        };
        return socket;
    }

    private ReconnectStateEventArgs[] Transitions()
    {
        lock (_transitions)
            return [.. _transitions];
    }

    private async Task AssertLostAsync(params OutboxMessage[] expected)
    {
        // Handlers run in their own time.
        await Settle.UntilAsync(() => Lost().Length >= expected.Length);
        Assert.Equal(expected, Lost());
    }

    private OutboxMessage[] Lost()
    {
        lock (_lost)
            return [.. _lost];
    }

    private sealed class DeadContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => throw new InvalidOperationException("the application has ended");
    }

    [JsonSerializable(typeof(int[]))]
    [JsonSerializable(typeof(double))]
    private sealed partial class Numbers : JsonSerializerContext;
}
