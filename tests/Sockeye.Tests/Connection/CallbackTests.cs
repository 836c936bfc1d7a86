using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule T4: messages given to a callback.</summary>
public sealed class CallbackTests
{
    [Fact]
    public async Task T4_Dispatch_pauses_and_the_lease_stays_valid_while_a_callback_is_incomplete()
    {
        await using RawPeer peer = GatedPeer.Create();
        var go = new TaskCompletionSource();
        using var called = new SemaphoreSlim(0);
        int inside = 0;
        var seen = new ConcurrentQueue<byte[]>();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (_, message) =>
            {
                Assert.Equal(1, Interlocked.Increment(ref inside));
                called.Release();
                await go.Task;
                seen.Enqueue(message.ToArray());
                Interlocked.Decrement(ref inside);
            },
        });
        await peer.SendAsync([.. peer.Frame(Opcode.Binary, GatedPeer.Bytes(3000, 0)), .. peer.Frame(Opcode.Ping, "p"u8), .. peer.Frame(Opcode.Binary, GatedPeer.Bytes(3000, 1))]);
        await called.WaitAsync().Soon();
        for (int i = 2; i < 6; i++)
            await peer.SendAsync(peer.Frame(Opcode.Binary, GatedPeer.Bytes(3000, i)));
        Assert.Equal(0, called.CurrentCount);
        Assert.Empty(peer.Gate().Writes); // the ping has not been looked at either

        go.SetResult();
        Assert.Equal(Opcode.Pong, (await peer.ReadFrameAsync())!.Opcode);
        for (int i = 1; i < 6; i++)
            await called.WaitAsync().Soon();
        await Settle.UntilAsync(() => seen.Count == 6);
        for (int i = 0; i < 6; i++)
            Assert.Equal(GatedPeer.Bytes(3000, i), seen.ElementAt(i));
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T4_Closed_is_not_called_before_a_callback_has_completed(bool blocks)
    {
        await using RawPeer peer = GatedPeer.Create();
        using var called = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        bool isDone = false;
        bool wasDoneAtClosed = false;
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (_, _) =>
            {
                called.Release();
                if (blocks)
                    go.Wait(TimeSpan.FromSeconds(20));
                else
                    await go.WaitAsync();
                Volatile.Write(ref isDone, true);
            },
            Closed = (_, _) => wasDoneAtClosed = Volatile.Read(ref isDone),
        });
        await peer.SendTextAsync("x");
        await called.WaitAsync().Soon();
        peer.Connection.Abort();
        await peer.Connection.Closed.Soon();
        Assert.False(handled.IsCompleted);
        go.Release();
        await handled.Soon();
        Assert.True(wasDoneAtClosed);
    }

    [Fact]
    public async Task T4_Callback_is_never_reentered_by_what_it_does()
    {
        await using RawPeer peer = GatedPeer.Create();
        int inside = 0;
        int calls = 0;
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = (socket, message) =>
            {
                Assert.Equal(1, Interlocked.Increment(ref inside));
                _ = socket.SendAsync(new byte[20_000]);
                _ = socket.PingAsync();
                _ = socket.DrainAsync();
                if (++calls == 20)
                    _ = socket.CloseAsync();
                Interlocked.Decrement(ref inside);
                return default;
            },
        });
        await peer.SendAsync([.. Enumerable.Range(0, 20).SelectMany(_ => peer.Frame(Opcode.Binary, new byte[10]))]);
        ReceivedFrame? last = null;
        while (last is not { Opcode: Opcode.Close })
            last = await peer.ReadFrameAsync();
        Assert.Equal((20, 1000), (calls, last.CloseCode));
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T4_Exception_of_a_callback_closes_with_1011_and_is_logged_once(bool isLate)
    {
        using var log = new LogLines();
        await using RawPeer peer = GatedPeer.Create(configure: options => options with { LoggerFactory = log });
        int calls = 0;
        CloseResult? told = null;
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, message) =>
            {
                calls++;
                await socket.SendAsync(message);
                if (isLate)
                    await Task.Yield();
                throw new InvalidOperationException("secret");
            },
            Closed = (_, result) => told = result,
        });
        await peer.SendAsync([.. peer.Frame(Opcode.Text, "1"u8), .. peer.Frame(Opcode.Text, "2"u8)]);
        Assert.Equal("1", (await peer.ReadFrameAsync())!.Text);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1011, ""), (close.Opcode, close.CloseCode, close.CloseReason));
        await peer.SendAsync(peer.Frame(Opcode.Text, "3"u8), peer.CloseFrame(CloseCode.InternalError));
        Assert.Null(await peer.ReadFrameAsync());
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
        Assert.Equal(1, calls);
        Assert.Equal((CloseCause.HandlerFailed, "secret"), (told!.Cause, told.Exception!.Message));
        Assert.Single(log.Lines, line => line.Level == LogLevel.Error);
        Assert.IsType<InvalidOperationException>(log.Lines.Single(line => line.Level == LogLevel.Error).Exception);
    }

    [Fact]
    public async Task T4_Exception_of_Opened_closes_with_1011()
    {
        await using RawPeer peer = GatedPeer.Create();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Opened = _ => throw new InvalidOperationException(),
            Message = (_, _) => throw new InvalidOperationException("never called"),
        });
        Assert.Equal(1011, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.Frame(Opcode.Text, "1"u8), peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
    }

    [Fact]
    public async Task T4_Reading_a_connection_with_a_callback_throws()
    {
        await using RawPeer peer = GatedPeer.Create();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler { Message = (_, _) => default });
        WebSocketConnection socket = peer.Connection;
        Assert.Throws<InvalidOperationException>(() => { _ = socket.ReceiveAsync(); });
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await socket.ReadAllAsync().GetAsyncEnumerator().MoveNextAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await socket.ReadEventsAsync().GetAsyncEnumerator().MoveNextAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (OwnedMessage message in socket.ReadAllOwnedAsync())
                Assert.Fail($"{message.Kind}");
        });
        Assert.True(socket.IsOpen);
        socket.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task T4_Abort_while_a_callback_is_incomplete_leaves_its_lease_until_it_completes()
    {
        await using RawPeer peer = GatedPeer.Create();
        var go = new TaskCompletionSource();
        var called = new TaskCompletionSource();
        byte[]? seen = null;
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (_, message) =>
            {
                called.SetResult();
                await go.Task;
                seen = message.ToArray();
            },
        });
        await peer.SendAsync(peer.Frame(Opcode.Binary, GatedPeer.Bytes(500)));
        await called.Task.Soon();
        peer.Connection.Abort();
        await peer.Connection.Closed.Soon();
        go.SetResult();
        await handled.Soon();
        Assert.Equal(GatedPeer.Bytes(500), seen);
    }

    [Fact]
    public async Task T4_Opened_comes_first_and_Closed_last_once()
    {
        await using RawPeer peer = GatedPeer.Create();
        var order = new ConcurrentQueue<string>();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Opened = _ => order.Enqueue("opened"),
            Message = (_, message) =>
            {
                order.Enqueue(message.GetText());
                return default;
            },
            Closed = (_, result) => order.Enqueue($"closed {(int)result.Code}"),
        });
        await peer.SendAsync([.. peer.Frame(Opcode.Text, "a"u8), .. peer.Frame(Opcode.Text, "b"u8), .. peer.CloseFrame(CloseCode.GoingAway)]);
        Assert.Equal(1001, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        await handled.Soon();
        Assert.Equal(["opened", "a", "b", "closed 1001"], order);
    }

    private sealed class LogLines : TestLogs
    {
        public ConcurrentQueue<(LogLevel Level, Exception? Exception)> Lines { get; } = new();

        public override void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue((logLevel, exception));
    }
}
