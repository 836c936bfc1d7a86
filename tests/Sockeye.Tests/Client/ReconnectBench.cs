using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Client;

/// <summary>What stands around a client that connects again: a clock, and servers in memory that a test lets fail or accept.</summary>
internal sealed class ReconnectBench : IAsyncDisposable
{
    private readonly Channel<WebSocketPair> _opened = Channel.CreateUnbounded<WebSocketPair>();
    private readonly List<WebSocketPair> _pairs = [];
    private readonly List<ConnectAttempt> _attempts = [];
    private readonly BufferPool _buffers = new(new CountingPool());

    /// <summary>Gets the clock of the delays; connections have the system's.</summary>
    public ManualTimeProvider Time { get; } = new();

    /// <summary>Gets or sets what an attempt throws; null where it opens a connection.</summary>
    public Func<ConnectAttempt, Exception?> Failing { get; set; } = static _ => null;

    /// <summary>Gets or sets what is awaited before an attempt comes to anything.</summary>
    public Func<CancellationToken, Task> Waiting { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Gets or sets the capacity of the links that are made.</summary>
    public int Capacity { get; set; } = 256 * 1024;

    /// <summary>Gets or sets the options of the servers.</summary>
    public WebSocketConnectionOptions ServerOptions { get; set; } = new();

    /// <summary>Gets the attempts so far.</summary>
    public IReadOnlyList<ConnectAttempt> Attempts
    {
        get
        {
            lock (_attempts)
                return [.. _attempts];
        }
    }

    private CountingPool Pool => (CountingPool)_buffers.Arrays;

    /// <summary>Makes options under which every delay is as long as it may be.</summary>
    public ReconnectOptions Options(ILoggerFactory? logs = null) => new()
    {
        Client = new() { Connection = new() { TimeProvider = Time, LoggerFactory = logs ?? NullLoggerFactory.Instance } },
        InitialDelay = TimeSpan.FromSeconds(1),
        MaxDelay = TimeSpan.FromSeconds(60),
        MinUptime = TimeSpan.FromSeconds(5),
        Random = () => 1,
        Connect = ConnectAsync,
    };

    /// <summary>Waits for the next connection that was opened.</summary>
    public async Task<WebSocketPair> OpenedAsync() => await _opened.Reader.ReadAsync().AsTask().Soon();

    /// <summary>Waits until the client waits for its next attempt, and lets the time pass.</summary>
    public async Task PassAsync(TimeSpan delay)
    {
        await Settle.UntilAsync(() => Time.NextDue == delay, () => $"next: {Time.NextDue}");
        Time.Advance(delay);
    }

    /// <summary>Ends all connections, and proves that everything rented came back.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (WebSocketPair pair in _pairs)
        {
            await pair.DisposeAsync();
            await pair.Client.DisposeAsync(); // the last lease
            await pair.Server.DisposeAsync();
        }

        await Settle.UntilAsync(() => Pool.Outstanding == 0 && _buffers.SlabsHeld == 0, () =>
            $"{_buffers.SlabsHeld} slabs held, {Pool.Outstanding} arrays out, rented at {string.Join("\n---\n", Pool.Traces)}");
    }

    private async Task<WebSocketConnection> ConnectAsync(ConnectAttempt attempt, CancellationToken cancel)
    {
        lock (_attempts)
            _attempts.Add(attempt);
        await Waiting(cancel);
        if (Failing(attempt) is { } failure)
            throw failure;
        var pair = WebSocketPair.Create(
            new WebSocketConnectionOptions { ThrowOnAbnormalClose = false, Buffers = _buffers }, ServerOptions, new TestLink(Capacity));
        lock (_attempts)
            _pairs.Add(pair);
        _opened.Writer.TryWrite(pair);
        return pair.Client;
    }
}

/// <summary>What the tests do at the server's end.</summary>
internal static class ReconnectBenchServers
{
    public static async Task<string> ReadTextAsync(this WebSocketPair pair) => (await pair.Server.ReceiveAsync().Soon()).GetText();
}
