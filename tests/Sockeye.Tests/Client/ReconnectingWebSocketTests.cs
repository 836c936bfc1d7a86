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

    [Fact]
    public async Task Full_outbox_lets_senders_wait_in_order_and_a_token_withdraws_one()
    {
        await using ReconnectingWebSocket socket = Make(options => options with { MaxMessages = 2 });
        await socket.SendTextAsync("one");
        await socket.SendTextAsync("two");
        using var cancel = new CancellationTokenSource();
        Task<OutboxMessage> three = socket.SendTextAsync("three").AsTask();
        Task<OutboxMessage> withdrawn = socket.SendTextAsync("withdrawn", cancel.Token).AsTask();
        Task<OutboxMessage> four = socket.SendTextAsync("four").AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        Assert.False(three.IsCompleted);
        Assert.Equal(2, socket.UnsettledMessages);
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        foreach (string expected in (string[])["one", "two", "three", "four"])
            Assert.Equal(expected, await pair.ReadTextAsync());
        Assert.Equal(DeliveryState.Confirmed, await (await three.Soon()).Settled.Soon());
        Assert.Equal(DeliveryState.Confirmed, await (await four.Soon()).Settled.Soon());
    }

    [Fact]
    public async Task Full_outbox_drops_the_oldest_where_it_is_told_to()
    {
        await using ReconnectingWebSocket socket = Make(options => options with { MaxBytes = 10, WhenFull = OutboxPolicy.DropOldest });
        OutboxMessage one = await socket.SendTextAsync("11111");
        OutboxMessage two = await socket.SendTextAsync("22222");
        await socket.SendTextAsync("333");
        Assert.Equal((DeliveryState.Dropped, DeliveryState.Queued), (one.State, two.State));
        OutboxMessage large = await socket.SendTextAsync("larger than all the room");
        Assert.Equal((DeliveryState.Dropped, DeliveryState.Queued, 1), (two.State, large.State, socket.UnsettledMessages));
        await Settle.UntilAsync(() => Lost().Length == 3);
        Assert.Equal(["11111", "22222", "333"], Lost().Select(Text));
    }

    [Fact]
    public async Task Full_outbox_drops_the_newest_where_it_is_told_to()
    {
        await using ReconnectingWebSocket socket = Make(options => options with { MaxMessages = 1, WhenFull = OutboxPolicy.DropNewest });
        OutboxMessage one = await socket.SendTextAsync("1");
        OutboxMessage two = await socket.SendTextAsync("2");
        Assert.Equal((DeliveryState.Queued, DeliveryState.Dropped), (one.State, two.State));
        Assert.Equal(DeliveryState.Dropped, await two.Settled.Soon());
        await AssertLostAsync(two);
    }

    [Fact]
    public async Task Oldest_that_a_connection_has_taken_are_not_dropped()
    {
        _bench.ServerOptions = new() { AutoPong = false };
        await using ReconnectingWebSocket socket = Make(options => options with { MaxMessages = 1, WhenFull = OutboxPolicy.DropOldest });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        OutboxMessage one = await socket.SendTextAsync("1");
        Assert.Equal("1", await pair.ReadTextAsync());
        OutboxMessage two = await socket.SendTextAsync("2");
        await Settle.UntilAsync(() => one.State == DeliveryState.Written);
        Assert.Equal(DeliveryState.Dropped, two.State);
    }

    [Fact]
    public async Task Nothing_is_dropped_for_a_message_for_which_that_makes_no_room()
    {
        _bench.Capacity = 1;
        await using ReconnectingWebSocket socket = Make(options => options with { MaxBytes = 200_000, WhenFull = OutboxPolicy.DropOldest });
        socket.Start();
        await _bench.OpenedAsync();
        OutboxMessage taken = await socket.SendAsync(new byte[180_000]);
        await Settle.UntilAsync(() => taken.State == DeliveryState.Accepted);
        OutboxMessage[] waiting = [await socket.SendAsync(new byte[8_000]), await socket.SendAsync(new byte[8_000])];
        OutboxMessage large = await socket.SendAsync(new byte[100_000]);
        Assert.Equal(DeliveryState.Dropped, large.State);
        Assert.All(waiting, message => Assert.Equal(DeliveryState.Queued, message.State));

        OutboxMessage fits = await socket.SendAsync(new byte[12_000]);
        Assert.Equal(DeliveryState.Queued, fits.State);
        await AssertLostAsync(large, waiting[0]);
    }

    [Fact]
    public async Task Message_that_waits_too_long_expires_by_the_clock()
    {
        _bench.Failing = _ => new IOException("test");
        await using ReconnectingWebSocket socket = Make(options => options with { MaxAge = 10 * Second });
        OutboxMessage one = await socket.SendTextAsync("1");
        _bench.Time.Advance(6 * Second);
        OutboxMessage two = await socket.SendTextAsync("2");
        _bench.Time.Advance(3 * Second);
        Assert.Equal(DeliveryState.Queued, one.State);
        _bench.Time.Advance(Second);
        Assert.Equal((DeliveryState.Expired, DeliveryState.Queued, 1), (one.State, two.State, socket.UnsettledMessages));
        _bench.Time.Advance(6 * Second);
        Assert.Equal((DeliveryState.Expired, 0), (two.State, socket.UnsettledMessages));
        await AssertLostAsync(one, two);
    }

    [Fact]
    public async Task Age_may_be_longer_than_a_timer_runs()
    {
        await using ReconnectingWebSocket socket = Make(options => options with { MaxAge = TimeSpan.FromDays(100) });
        OutboxMessage message = await socket.SendTextAsync("1");
        _bench.Time.Advance(TimeSpan.FromDays(99));
        Assert.Equal(DeliveryState.Queued, message.State);
        _bench.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(DeliveryState.Expired, message.State);

        await using var endless = new ReconnectingWebSocket("ws://test.example", new() { MaxAge = TimeSpan.MaxValue });
        Assert.Equal(DeliveryState.Queued, (await endless.SendTextAsync("1")).State);
    }

    [Fact]
    public async Task Age_counts_from_the_send_also_for_what_is_sent_again()
    {
        _bench.Capacity = 1;
        await using ReconnectingWebSocket socket = Make(options => options with { MaxAge = 10 * Second });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        pair.Link.Stall();
        await socket.SendTextAsync("begun");
        await Settle.UntilAsync(() => pair.Link.ToServer.BytesHeld == 1);
        OutboxMessage waiting = await socket.SendTextAsync("waiting");
        await Settle.UntilAsync(() => waiting.State == DeliveryState.Accepted);
        _bench.Time.Advance(11 * Second);
        Assert.Equal(DeliveryState.Accepted, waiting.State);
        pair.Link.Reset();
        Assert.Equal(DeliveryState.Expired, await waiting.Settled.Soon());
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
    public async Task Value_is_sent_as_JSON_and_one_that_cannot_be_written_leaves_the_outbox_as_it_was()
    {
        await using ReconnectingWebSocket socket = Make();
        OutboxMessage message = await socket.SendJsonAsync([1, 2], Numbers.Default.Int32Array);
        Assert.Equal((WebSocketMessageKind.Text, "[1,2]", 1), (message.Kind, Text(message), socket.UnsettledMessages));
        Assert.Throws<ArgumentException>(() => { _ = socket.SendJsonAsync(double.NaN, Numbers.Default.Double); });
        Assert.Equal(1, socket.UnsettledMessages);
        socket.Start();
        Assert.Equal("[1,2]", await (await _bench.OpenedAsync()).ReadTextAsync());
        Assert.Equal(DeliveryState.Confirmed, await message.Settled.Soon());
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
