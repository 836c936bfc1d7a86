using System.Diagnostics;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Connection;

/// <summary>Rule T3: a thousand idle connections have no timer and no thread of their own.</summary>
[Collection(nameof(WholeProcess))]
public sealed class ManyIdleTests
{
    private const int Connections = 1000;

    // For all of them together: the sweep of the deadlines, the listener, what the runtime and the tests have besides.
    private const int Timers = 20;

    // Loops, their monitor and spares, the runtime's own epoll threads, and a pool that grows while a thousand handshakes are served.
    private const int Threads = 100;

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task T3_A_thousand_idle_connections_of_a_server_add_no_timers_and_no_threads(bool isEventLoop, bool isCallback)
    {
        await using WebSocketServer server = await StartAsync(isEventLoop, isCallback);
        await EchoOnceAsync(await RawClient.OpenAsync(server));
        (long timers, int threads) = Count();
        List<RawClient> clients = [];
        for (int i = 0; i < Connections; i++)
            clients.Add(await EchoOnceAsync(await RawClient.OpenAsync(server)));
        Assert.InRange(server.Connections.Count, Connections, Connections + 1);

        await AssertFewMoreAsync(timers, threads);

        clients.ForEach(client => client.Dispose());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task T3_A_thousand_idle_connections_of_clients_add_no_timers_and_no_threads(bool isEventLoop)
    {
        await using WebSocketServer server = await StartAsync(isEventLoop, isCallback: false);
        var options = new WebSocketClientOptions { EventLoop = isEventLoop ? EventLoopOptions.Default : null };
        await using WebSocketConnection first = await OpenAsync();
        (long timers, int threads) = Count();
        List<WebSocketConnection> clients = [];
        for (int i = 0; i < Connections; i++)
            clients.Add(await OpenAsync());

        await AssertFewMoreAsync(timers, threads);

        Assert.DoesNotContain(clients, client => client.Closed.IsCompleted);
        clients.ForEach(client => client.Abort());

        async Task<WebSocketConnection> OpenAsync()
        {
            WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri($"ws://{server.EndPoints[0]}"), options).Soon();
            await client.SendTextAsync("a");
            Assert.Equal("a", (await client.ReceiveAsync().Soon()).GetText());
            return client;
        }
    }

    // With the clock of the system and everything else as it is by default, heartbeats and time-outs included.
    private static async Task<WebSocketServer> StartAsync(bool isEventLoop, bool isCallback)
    {
        var server = new WebSocketServer(new() { Port = 0, EventLoop = isEventLoop ? EventLoopOptions.Default : null });
        if (isCallback)
            server.Map("/", new WebSocketHandler { Message = static (socket, message) => socket.SendAsync(message) });
        else
            server.Map("/", ServerTest.EchoAsync);
        await server.StartAsync();
        return server;
    }

    private static async Task<RawClient> EchoOnceAsync(RawClient client)
    {
        await client.SendFrameAsync(Sockeye.Protocol.Opcode.Text, "a");
        Assert.Equal("a", await client.ReadTextAsync());
        return client;
    }

    // Those of a handshake go when it is over, which the client need not see at once.
    private static Task AssertFewMoreAsync(long timers, int threads) => Settle.UntilAsync(
        () => Count() is var now && now.Timers - timers < Timers && now.Threads - threads < Threads,
        () => $"Timers and threads were {(timers, threads)}, and are {Count()}.");

    private static (long Timers, int Threads) Count()
    {
        using var process = Process.GetCurrentProcess();
        return (Timer.ActiveCount, process.Threads.Count);
    }
}
