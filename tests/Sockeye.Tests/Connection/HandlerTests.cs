using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rules C4, C5 and T4: how a connection and its handler end each other.</summary>
public sealed class HandlerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C4_Handler_that_returns_closes_with_1000(bool atOnce)
    {
        using var logs = new RecordedLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            if (!atOnce)
                await socket.ReceiveAsync(cancel);
            await socket.SendTextAsync("bye", cancel);
        });
        if (!atOnce)
            await peer.SendAsync(peer.TextFrame("0"), peer.TextFrame("unread"));
        Assert.Equal("bye", (await peer.ReadFrameAsync())!.Text);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((1000, ""), (close.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        CloseResult result = await peer.Connection.Closed;
        Assert.Equal((CloseCause.Local, true), (result.Cause, result.IsClean));
        Assert.Empty(logs.Loud);
    }

    [Theory]
    [InlineData("sync")]
    [InlineData("async")]
    [InlineData("not async")]
    [InlineData("foreign token")]
    public async Task C4_Handler_that_throws_closes_with_1011_and_one_log_line(string how)
    {
        using var logs = new RecordedLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        var failure = how == "foreign token" ? new OperationCanceledException("secret") : new InvalidDataException("secret") as Exception;
        Task handling = peer.Connection.RunAsync(how == "not async"
            ? (_, _) => throw failure
            : async (socket, cancel) =>
            {
                if (how == "async")
                    await Task.Yield();
                await socket.SendTextAsync("almost", cancel);
                throw failure;
            });
        if (how != "not async")
            Assert.Equal("almost", (await peer.ReadFrameAsync())!.Text);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((1011, ""), (close.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.CloseFrame(CloseCode.InternalError));
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        CloseResult result = await peer.Connection.Closed;
        Assert.Equal((CloseCause.HandlerFailed, failure, CloseCode.InternalError), (result.Cause, result.Exception, result.SentCode));
        (LogLevel level, int id, Exception? exception) = Assert.Single(logs.Loud);
        Assert.Equal((LogLevel.Error, 2, failure), (level, id, exception));
    }

    [Theory]
    [InlineData("reading", "eof")]
    [InlineData("reading", "abort")]
    [InlineData("sending", "eof")]
    [InlineData("sending", "abort")]
    [InlineData("token", "eof")]
    [InlineData("token", "abort")]
    [InlineData("linked token", "abort")]
    public async Task C4_Handler_that_ends_by_the_end_of_its_connection_is_no_news(string doing, string end)
    {
        using var logs = new RecordedLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            if (doing == "reading")
                await socket.ReceiveAsync(cancel);
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            if (doing != "sending")
                await Task.Delay(Timeout.Infinite, doing == "token" ? cancel : linked.Token);
            while (true)
            {
                await socket.SendTextAsync("on and on", cancel);
                await Task.Yield();
            }
        });
        if (end == "abort")
            peer.Connection.Abort();
        else
            await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Empty(logs.Loud);
        Assert.Contains(logs.Lines, line => line.Id == 3);
        Assert.Equal(
            end == "abort" ? CloseCause.Aborted : CloseCause.TransportEnded, (await peer.Connection.Closed).Cause);
    }

    [Fact]
    public async Task C1_Handler_that_returns_lets_the_close_of_the_peer_act()
    {
        await using RawPeer peer = RawPeer.Create();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task handling = peer.Connection.RunAsync((_, _) => go.Task);
        await peer.SendAsync(peer.TextFrame("unread"), peer.CloseFrame(CloseCode.GoingAway, "theirs"));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
        go.SetResult();
        Assert.Equal("theirs", (await peer.ReadFrameAsync())!.CloseReason);
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal(CloseCause.Peer, (await peer.Connection.Closed).Cause);
    }

    [Fact]
    public async Task C5_Token_of_the_handler_does_not_fire_before_what_was_buffered_has_been_read()
    {
        await using RawPeer peer = RawPeer.Create();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        List<string> seen = [];
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await using CancellationTokenRegistration registration = cancel.Register(() =>
            {
                Assert.Equal(3, seen.Count);
                fired.SetResult();
            });
            await go.Task;
            try
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                {
                    Assert.False(cancel.IsCancellationRequested);
                    seen.Add(message.GetText());
                    await Task.Yield();
                }
            }
            catch (WebSocketClosedException)
            {
                await fired.Task; // the connection broke: it fires once all has been read
                throw;
            }
        });
        await peer.SendAsync(peer.TextFrame("0"), peer.TextFrame("1"), peer.TextFrame("2"));
        await peer.Transport.ShutdownAsync();
        await peer.Connection.Closed.Soon();
        go.SetResult();
        await handling.Soon();
        Assert.Equal(["0", "1", "2"], seen);
    }

    [Fact]
    public async Task C5_Token_of_the_handler_does_not_fire_after_a_clean_close()
    {
        await using RawPeer peer = RawPeer.Create();
        bool? fired = null;
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                _ = message.Length;
            await Task.Yield();
            fired = cancel.IsCancellationRequested;
        });
        await peer.SendAsync(peer.TextFrame("0"), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.False(fired);
    }

    [Fact]
    public async Task C5_Abort_fires_the_token_of_the_handler_and_a_callback_that_throws_ends_nothing()
    {
        using var logs = new RecordedLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        Task handling = peer.Connection.RunAsync(async (_, cancel) =>
        {
            cancel.Register(() => throw new InvalidDataException("in a callback"));
            await Task.Delay(Timeout.Infinite, cancel);
        });
        peer.Connection.Abort();
        await handling.Soon();
        await Settle.UntilAsync(() => logs.Loud.Any());
        Assert.IsType<AggregateException>(Assert.Single(logs.Loud).Exception);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task C4_Dispose_inside_the_handler_once_and_twice(int times, bool offTheLoop)
    {
        await using RawPeer peer = RawPeer.Create();
        bool stale = false;
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            WebSocketMessage message = await socket.ReceiveAsync(cancel);
            if (offTheLoop)
                await Task.Yield();
            await socket.SendAsync(message, cancel);
            for (int i = 0; i < times; i++)
                await socket.DisposeAsync();
            Assert.Throws<InvalidOperationException>(() => message.Length);
            stale = true;
            Assert.True((await socket.ReceiveAsync(cancel)).IsEnd);
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1")]);
        Assert.Equal("0", (await peer.ReadFrameAsync())!.Text);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.True(stale);
    }

    [Fact]
    public async Task C4_Dispose_loses_nothing_and_is_bounded()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { WriteStallTimeout = TimeSpan.Zero }, capacity: 1000);
        await peer.Connection.SendAsync(new byte[5000]);
        Task disposing = peer.Connection.DisposeAsync().AsTask();
        Assert.Equal(5000, (await peer.ReadFrameAsync())!.Payload.Length);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await Settle.UntilAsync(() => peer.Connection.Close.Snapshot().SentCode is not null);
        Assert.False(disposing.IsCompleted);
        peer.Time.Advance(TimeSpan.FromSeconds(5));
        await disposing.Soon();
        Assert.Null(await peer.ReadFrameAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C4_Abort_inside_the_handler(bool offTheLoop)
    {
        using var logs = new RecordedLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        List<string> seen = [];
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                if (offTheLoop)
                    await Task.Yield();
                socket.Abort();
                seen.Add(message.GetText()); // still leased
            }
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1"), .. peer.TextFrame("2")]);
        await handling.Soon();
        Assert.Equal(["0"], seen);
        Assert.Equal(CloseCause.Aborted, (await peer.Connection.Closed).Cause);
        Assert.Empty(logs.Loud);
    }

    [Fact]
    public async Task C5_Handler_started_after_the_end_sees_the_end()
    {
        await using RawPeer peer = RawPeer.Create(configure: o => o with { ThrowOnAbnormalClose = false });
        peer.Connection.Abort();
        bool isEnd = false;
        await peer.Connection.RunAsync(async (socket, cancel) => isEnd = (await socket.ReceiveAsync(cancel)).IsEnd).Soon();
        Assert.True(isEnd);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T4_Callback_that_is_incomplete_pauses_dispatch_and_keeps_its_lease(bool offTheLoop)
    {
        await using RawPeer peer = RawPeer.Create();
        List<string> seen = [];
        int inside = 0;
        CloseResult? end = null;
        var gates = new System.Collections.Concurrent.ConcurrentQueue<TaskCompletionSource>();
        Task handling = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, message) =>
            {
                Assert.Equal(1, Interlocked.Increment(ref inside));
                string before = message.GetText();
                if (offTheLoop)
                {
                    var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    gates.Enqueue(gate);
                    await gate.Task;
                }

                seen.Add(message.GetText());
                Assert.Equal(before, message.GetText());
                Assert.Throws<InvalidOperationException>(() => { _ = socket.ReceiveAsync(); });
                Interlocked.Decrement(ref inside);
            },
            Closed = (_, result) => end = result,
        });
        for (int i = 0; i < 20; i++)
            await peer.SendTextAsync($"{i}");
        await peer.SendAsync(peer.CloseFrame(CloseCode.GoingAway));
        for (int i = 0; offTheLoop && i < 20; i++)
        {
            TaskCompletionSource? gate = null;
            await Settle.UntilAsync(() => gates.TryDequeue(out gate));
            gate!.SetResult();
        }

        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{i}"), seen);
        Assert.Same(end, await peer.Connection.Closed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T4_Callback_that_throws_closes_with_1011(bool offTheLoop)
    {
        using var logs = new RecordedLogs();
        await using RawPeer peer = RawPeer.Create(configure: o => o with { LoggerFactory = logs });
        int calls = 0;
        Task handling = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (_, _) =>
            {
                calls++;
                if (offTheLoop)
                    await Task.Yield();
                throw new InvalidDataException("secret");
            },
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1")], peer.TextFrame("2"));
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((1011, ""), (close.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal(CloseCause.HandlerFailed, (await peer.Connection.Closed).Cause);
        Assert.Single(logs.Loud);
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task T4_Abort_inside_a_callback_ends_the_calls()
    {
        await using RawPeer peer = RawPeer.Create();
        int calls = 0;
        Task handling = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = (socket, message) =>
            {
                calls++;
                socket.Abort();
                Assert.Equal("0", message.GetText());
                return default;
            },
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1"), .. peer.TextFrame("2")]);
        await handling.Soon();
        Assert.Equal(1, calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C2_Close_awaited_inside_a_callback_completes(bool offTheLoop)
    {
        await using RawPeer peer = RawPeer.Create();
        List<string> seen = [];
        CloseResult? result = null;
        Task handling = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, message) =>
            {
                if (offTheLoop)
                    await Task.Yield();
                result = await socket.CloseAsync(CloseCode.Normal, "inside");
                seen.Add(message.GetText()); // the lease lasts as long as the callback
            },
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1")]);
        Assert.Equal("inside", (await peer.ReadFrameAsync())!.CloseReason);
        await peer.SendAsync(peer.TextFrame("2"), peer.Frame(Opcode.Binary, new byte[100_000]), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        await Settle.UntilAsync(() => seen.Count == 1);
        Assert.Same(result, await peer.Connection.Closed);
        Assert.True(result!.IsClean);
        Assert.Equal(["0"], seen);
    }

    [Fact]
    public async Task T4_Abort_while_a_callback_is_incomplete_gives_back_all_but_its_message()
    {
        await using RawPeer peer = RawPeer.Create();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string? seen = null;
        Task handling = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (_, message) =>
            {
                entered.SetResult();
                await go.Task;
                seen = message.GetText();
            },
        });
        await peer.SendAsync([.. peer.TextFrame("0"), .. peer.TextFrame("1")]);
        await entered.Task.Soon();
        peer.Connection.Abort();
        await peer.Connection.Closed.Soon();
        go.SetResult();
        await handling.Soon();
        await Settle.UntilAsync(() => peer.Buffers.SlabsHeld == 0);
        Assert.Equal("0", seen);
    }
}
