using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>Makes servers for the tests: on a free port of this machine, with a manual clock and a counting pool.</summary>
internal sealed class ServerTest : IAsyncDisposable
{
    private readonly TimerSignals _time = new();

    public ServerTest(Func<WebSocketServerOptions, WebSocketServerOptions>? configure = null)
    {
        Buffers = new BufferPool(Pool);
        Connection = new WebSocketConnectionOptions { TimeProvider = _time, Buffers = Buffers };
        var options = new WebSocketServerOptions { Port = 0, Connection = Connection };
        Server = new WebSocketServer(configure?.Invoke(options) ?? options);
    }

    public static TimeSpan Patience => RawClient.Patience;

    public WebSocketServer Server { get; }

    public WebSocketConnectionOptions Connection { get; }

    public CountingPool Pool { get; } = new();

    public BufferPool Buffers { get; }

    public string Uri => $"ws://{Server.EndPoints[0]}";

    public string Host => Server.EndPoints[0].ToString()!;

    /// <summary>Makes a server that echoes at every path.</summary>
    public static async Task<ServerTest> EchoAsync(
        Func<WebSocketServerOptions, WebSocketServerOptions>? configure = null, WebSocketAcceptOptions? accept = null)
    {
        var test = new ServerTest(configure);
        test.Server.Map("/*", EchoAsync, accept);
        await test.Server.StartAsync();
        return test;
    }

    public static async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            await socket.SendAsync(message, cancel);
    }

    /// <summary>Waits until the server has accepted the n-th socket, whose deadline runs from then on.</summary>
    public Task AcceptedAsync(int count, TimeSpan? timeout = null) =>
        _time.CreatedAsync(timeout ?? TimeSpan.FromSeconds(10), count).WaitAsync(Patience);

    /// <summary>Moves the clock.</summary>
    public void Advance(TimeSpan span) => _time.Manual.Advance(span);

    /// <summary>Shows that the server still serves: a fresh client is echoed.</summary>
    public async Task AssertServesAsync()
    {
        using RawClient client = await RawClient.OpenAsync(Server, "/any");
        await client.SendFrameAsync(Protocol.Opcode.Text, "still there");
        Assert.Equal("still there", await client.ReadTextAsync());
        await client.SendFrameAsync(Protocol.Opcode.Close, "");
        Assert.Equal(Protocol.Opcode.Close, (await client.ReadFrameAsync())?.Opcode);
        Assert.Null(await client.ReadFrameAsync());
    }

    public async ValueTask DisposeAsync()
    {
        // the manual clock stands still: what does not close at once is aborted
        await Server.StopAsync(new CancellationToken(canceled: true)).WaitAsync(Patience);
    }

    /// <summary>Waits until every socket has ended and all memory is back.</summary>
    public async Task AssertNothingIsLeftAsync()
    {
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20)))
            await Server.StopAsync(TimeSpan.FromHours(1), patience.Token);
        Assert.Empty(Server.Connections);

        // a connection gives its memory back right after it has told its end
        long start = Environment.TickCount64;
        while ((Pool.Outstanding > 0 || Buffers.SlabsHeld > 0) && Environment.TickCount64 - start < Patience.TotalMilliseconds)
            await Task.Yield();
        Assert.Equal("", string.Join("\n\n", Pool.Traces));
        Assert.Equal(0, Buffers.SlabsHeld);
    }
}

/// <summary>A manual clock that tells when timers are made and set anew, so that a test knows when a deadline runs.</summary>
internal sealed class TimerSignals : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<TimeSpan> _created = [];
    private readonly List<(TimeSpan Due, int Count, TaskCompletionSource Signal)> _waiting = [];
    private readonly Dictionary<TimeSpan, TaskCompletionSource> _set = [];

    public ManualTimeProvider Manual { get; } = new();

    public override long TimestampFrequency => Manual.TimestampFrequency;

    public override long GetTimestamp() => Manual.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => Manual.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = Manual.CreateTimer(callback, state, dueTime, period);
        lock (_lock)
        {
            _created.Add(dueTime);
            foreach ((TimeSpan due, int count, TaskCompletionSource signal) in _waiting)
            {
                if (Count(due) >= count)
                    signal.TrySetResult();
            }
        }

        return new SettableTimer(this, timer);
    }

    /// <summary>Completes when a timer has been set anew to a length.</summary>
    public Task SetAsync(TimeSpan due) => SignalOf(due).Task;

    private TaskCompletionSource SignalOf(TimeSpan due)
    {
        lock (_lock)
        {
            if (!_set.TryGetValue(due, out TaskCompletionSource? signal))
                _set[due] = signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return signal;
        }
    }

    private sealed class SettableTimer(TimerSignals signals, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool isChanged = timer.Change(dueTime, period);
            signals.SignalOf(dueTime).TrySetResult();
            return isChanged;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }

    /// <summary>Completes when so many timers of a length have been made.</summary>
    public Task CreatedAsync(TimeSpan due, int count)
    {
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (Count(due) >= count)
                signal.SetResult();
            else
                _waiting.Add((due, count, signal));
        }

        return signal.Task;
    }

    private int Count(TimeSpan due) => _created.Count(created => created == due);
}
