using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>What a loop puts off, and who goes on there.</summary>
public sealed class DeferredTests
{
    private static readonly EventLoopOptions OneLoop = EventLoopOptions.Default! with { Loops = 1 };

    private static readonly byte[] Large = new byte[16 * 1024 * 1024];

    [Fact]
    public async Task Work_that_puts_itself_off_again_and_again_lets_events_be_served_between()
    {
        await using var test = new ServerTest(options => options with { EventLoop = OneLoop });
        var work = new Endless();
        test.Server.Map("/begin", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                work.Execute();
        });
        test.Server.Map("/end", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                work.IsEnded = true;
        });
        await test.Server.StartAsync();
        await using WebSocketConnection begin = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/begin")).Soon();
        await using WebSocketConnection end = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/end")).Soon();

        await begin.SendTextAsync("begin");
        await work.Begun.Soon();
        await end.SendTextAsync("end");

        await work.Ended.Soon();
    }

    [Fact]
    public async Task Handler_that_waits_for_a_large_send_on_the_loop_goes_on_there()
    {
        await using var test = new ServerTest(options => options with { EventLoop = OneLoop });
        test.Server.Map("/", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await socket.SendTextAsync(await WaitAsync(socket), cancel);
        });

        // Where this machine is so busy that a round takes long, leadership is taken away, and the handler is elsewhere already.
        Assert.Contains("loop, loop", await WaitsAsync(test, rounds: 100, until: "loop, loop"));
    }

    [Fact]
    public async Task Who_waits_for_a_large_send_elsewhere_goes_on_elsewhere()
    {
        await using var test = new ServerTest(options => options with { EventLoop = OneLoop });
        test.Server.Map("/", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await socket.SendTextAsync(await Task.Run(() => WaitAsync(socket), cancel), cancel);
        });

        Assert.Equal(["elsewhere, elsewhere"], (await WaitsAsync(test, rounds: 5, until: null)).Distinct());
    }

    /// <summary>Sends more than the operating system takes from who does not read, until the last send has to wait.</summary>
    /// <returns>Where it was before the wait, and after it.</returns>
    private static async Task<string> WaitAsync(WebSocketConnection socket)
    {
        while (true)
        {
            string before = Here();
            ValueTask sent = socket.SendAsync(Large);
            bool waits = !sent.IsCompleted;
            await sent;
            if (waits)
                return $"{before}, {Here()}";
        }

        static string Here() => EventLoop.LedHere is null ? "elsewhere" : "loop";
    }

    private static async Task<List<string>> WaitsAsync(ServerTest test, int rounds, string? until)
    {
        await test.Server.StartAsync();
        List<string> places = [];
        while (places.Count < rounds && (places.Count == 0 || places[^1] != until))
        {
            // A new one each time: the handler of one that is elsewhere may find the next message there, and stay.
            await using WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon();
            await client.SendTextAsync("go");
            WebSocketMessage message = await client.ReceiveAsync().AsTask().Soon();
            while (message.Kind == WebSocketMessageKind.Binary)
                message = await client.ReceiveAsync().AsTask().Soon();
            places.Add(message.GetText());
        }

        return places;
    }

    /// <summary>Puts itself off until it is ended.</summary>
    private sealed class Endless : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public volatile bool IsEnded;

        public Task Begun => _begun.Task;

        public Task Ended => _ended.Task;

        public void Execute()
        {
            if (IsEnded)
                _ended.TrySetResult();
            else if (!EventLoop.TryDefer(this))
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // a busy machine: leadership has been taken away
            _begun.TrySetResult();
        }
    }
}
