using System.Collections.Concurrent;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rules T1 and S10: a handler that holds the thread of its loop holds up nobody else, and not what it has sent before.</summary>
public sealed class StallTests
{
    private const int Connections = 100;
    private const int Rounds = 10;

    [Theory]
    [InlineData(false, false, 1)]
    [InlineData(false, false, 50)]
    [InlineData(true, false, 1)]
    [InlineData(true, false, 50)]
    [InlineData(false, true, 1)]
    [InlineData(false, true, 50)]
    [InlineData(true, true, 1)]
    [InlineData(true, true, 50)]
    public async Task T1_Handlers_that_block_hold_up_no_other_connection_and_lose_nothing(bool callbacks, bool tls, int count)
    {
        using var blocking = new Blocking();
        await using ServerTest test = await blocking.ServeAsync(
            callbacks, new EventLoopOptions { Loops = 2 }, tls ? TestCertificates.Serving(TestCertificates.Server) : null);
        List<RawClient> clients = [];
        for (int i = 0; i < Connections; i++)
            clients.Add(await LoopPeers.OpenAsync(test, tls));
        RawClient[] blocked = [.. clients.Take(count)];
        RawClient[] others = [.. clients.Skip(count)];

        foreach (RawClient client in blocked)
            await client.SendTogetherAsync("a", "block", "b", "c");
        await Settle.UntilAsync(() => blocking.Held == count, () => $"{blocking.Held} are held");

        for (int i = 0; i < Rounds; i++)
        {
            foreach (RawClient client in others)
                await client.SendTogetherAsync($"{i}", "x");
            foreach (RawClient client in others)
            {
                Assert.Equal($"{i}", await client.ReadTextAsync());
                Assert.Equal("x", await client.ReadTextAsync());
            }
        }

        // What was sent before the thread was held does not wait for it.
        foreach (RawClient client in blocked)
        {
            Assert.Equal("a", await client.ReadTextAsync());
            Assert.Equal("before", await client.ReadTextAsync());
        }

        Assert.Equal(count, blocking.Held);
        blocking.Release();
        foreach (RawClient client in blocked)
        {
            Assert.Equal("after", await client.ReadTextAsync());
            Assert.Equal("b", await client.ReadTextAsync());
            Assert.Equal("c", await client.ReadTextAsync());
        }

        foreach (RawClient client in clients)
        {
            await client.SendFrameAsync(Opcode.Close, "");
            Assert.Equal(Opcode.Close, (await client.ReadFrameAsync())?.Opcode);
            Assert.Null(await client.ReadFrameAsync());
            client.Dispose();
        }

        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T1_Connection_that_blocked_is_served_again_whatever_it_does_next(bool callbacks)
    {
        using var blocking = new Blocking();
        await using ServerTest test = await blocking.ServeAsync(callbacks, new EventLoopOptions { Loops = 2 });
        using RawClient client = await LoopPeers.OpenAsync(test, tls: false);

        for (int i = 0; i < 4; i++)
        {
            await client.SendTogetherAsync("block", "a");
            Assert.Equal("before", await client.ReadTextAsync());
            await client.SendTogetherAsync("b", "c"); // comes while nobody can receive it
            blocking.Release(1);
            foreach (string text in (string[])["after", "a", "b", "c"])
                Assert.Equal(text, await client.ReadTextAsync());

            // As many quick answers as make it an ordinary connection again, and more.
            for (int quick = 0; quick < 40; quick++)
            {
                await client.SendTogetherAsync($"{quick}");
                Assert.Equal($"{quick}", await client.ReadTextAsync());
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T1_Connection_that_is_aborted_while_its_handler_blocks_ends_at_once(bool callbacks)
    {
        using var blocking = new Blocking();
        await using ServerTest test = await blocking.ServeAsync(callbacks, new EventLoopOptions { Loops = 2 });
        using RawClient client = await LoopPeers.OpenAsync(test, tls: false);
        await client.SendTogetherAsync("block", "a");
        Assert.Equal("before", await client.ReadTextAsync());

        WebSocketConnection socket = blocking.Sockets.Single();
        await Settle.UntilAsync(() => socket.BufferedBytes == 0); // it is here before it is known to have left

        socket.Abort();

        CloseResult result = await socket.Closed.Soon();
        Assert.Equal((CloseCause.Aborted, 0L), (result.Cause, result.UnsentMessages));
        Assert.Equal("", await client.ReadToAnyEndAsync());
        blocking.Release();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task S10_What_a_handler_sends_to_others_before_it_blocks_reaches_them()
    {
        using var blocking = new Blocking();
        await using ServerTest test = await blocking.ServeAsync(callbacks: false, new EventLoopOptions { Loops = 2 });
        List<RawClient> clients = [];
        for (int i = 0; i < 20; i++)
            clients.Add(await LoopPeers.OpenAsync(test, tls: false));
        await Settle.UntilAsync(() => blocking.Sockets.Count == clients.Count);

        await clients[0].SendTogetherAsync("tell", "block");

        foreach (RawClient client in clients)
            Assert.Equal("told", await client.ReadTextAsync());
        await Settle.UntilAsync(() => blocking.Held == 1);
        blocking.Release();
        Assert.Equal("before", await clients[0].ReadTextAsync());
        Assert.Equal("after", await clients[0].ReadTextAsync());
        clients.ForEach(client => client.Dispose());
    }
}

/// <summary>Handlers that echo, and that hold their thread where they are told so, until the test lets them go.</summary>
internal sealed class Blocking : IDisposable
{
    private readonly SemaphoreSlim _gate = new(0);
    private int _held;

    /// <summary>Gets how many threads are held.</summary>
    public int Held => Volatile.Read(ref _held);

    public ConcurrentQueue<WebSocketConnection> Sockets { get; } = new();

    /// <summary>Gets the connections whose handlers were held, in the order of that.</summary>
    public ConcurrentQueue<WebSocketConnection> Order { get; } = new();

    public async Task<ServerTest> ServeAsync(
        bool callbacks,
        EventLoopOptions eventLoop,
        System.Net.Security.SslServerAuthenticationOptions? tls = null,
        RecordedLogs? logs = null)
    {
        var test = new ServerTest(options => options with
        {
            EventLoop = eventLoop,
            Tls = tls,
            Connection = logs is null ? options.Connection : options.Connection with { LoggerFactory = logs },
        });
        if (callbacks)
            test.Server.Map("/*", new WebSocketHandler { Opened = Sockets.Enqueue, Message = AnswerAsync });
        else
            test.Server.Map("/*", HandleAsync);
        await test.Server.StartAsync();
        return test;
    }

    public void Release(int count = 1000) => _gate.Release(count);

    public void Dispose() => Release();

    private async Task HandleAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        Sockets.Enqueue(socket);
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await AnswerAsync(socket, message);
    }

    private ValueTask AnswerAsync(WebSocketConnection socket, WebSocketMessage message)
    {
        switch (message.GetText())
        {
            case "block":
                _ = socket.SendTextAsync("before");
                Order.Enqueue(socket);
                Interlocked.Increment(ref _held);
                _gate.Wait();
                Interlocked.Decrement(ref _held);
                return socket.SendTextAsync("after");
            case "tell":
                foreach (WebSocketConnection other in Sockets)
                    other.TrySend("told"u8, WebSocketMessageKind.Text);
                return default;
            default:
                return socket.SendAsync(message);
        }
    }
}
