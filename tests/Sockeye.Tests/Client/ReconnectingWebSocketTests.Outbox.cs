using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Client;

/// <content>What the outbox holds: how much, how long, and what is dropped.</content>
public sealed partial class ReconnectingWebSocketTests
{
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

    // The peer answers no pings: nothing else makes the client look whether there is something to send.
    [Fact]
    public async Task Sender_that_is_withdrawn_lets_the_next_one_send_at_once()
    {
        _bench.ServerOptions = new() { AutoPong = false };
        await using ReconnectingWebSocket socket = Make(options => options with { MaxBytes = 10 });
        socket.Start();
        WebSocketPair pair = await _bench.OpenedAsync();
        OutboxMessage first = await socket.SendTextAsync("1111111");
        Assert.Equal("1111111", await pair.ReadTextAsync());
        await Settle.UntilAsync(() => first.State == DeliveryState.Written);
        using var cancel = new CancellationTokenSource();
        Task<OutboxMessage> withdrawn = socket.SendTextAsync("2222222", cancel.Token).AsTask();
        Task<OutboxMessage> next = socket.SendTextAsync("333").AsTask();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        await next.Soon();
        Assert.Equal("333", await pair.ReadTextAsync());
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
}
