using System.Globalization;
using System.Net;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Faults;

/// <summary>A client sends numbered messages, which the application at the server acknowledges, while the server is killed and started again,
/// while the network cuts it off or resets it, and while it drains with 1012.</summary>
public sealed class ReconnectChaosTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private enum Disaster
    {
        /// <summary>The server ends without a word, and another one begins elsewhere.</summary>
        Kill,

        /// <summary>Nothing arrives any more, and nobody is told.</summary>
        Drop,

        /// <summary>The server closes with 1012.</summary>
        Drain,

        /// <summary>The network resets the connection.</summary>
        Reset,
    }

    [Fact]
    public Task Account_of_every_message_is_true_through_8_disasters() => RunAsync(disasters: 8, messages: 4_000);

    [Fact]
    [Trait("Category", "Full")]
    public Task Account_of_every_message_is_true_through_50_disasters() => RunAsync(disasters: 50, messages: 100_000);

    private static async Task RunAsync(int disasters, int messages)
    {
        await using var world = new World();
        await world.StartServerAsync();
        var reconnect = new ReconnectOptions
        {
            Client = new()
            {
                Connection = new()
                {
                    IdleTimeout = TimeSpan.FromMilliseconds(500), CloseTimeout = TimeSpan.FromMilliseconds(500), HighWaterMark = 8 * 1024,
                },
            },
            InitialDelay = TimeSpan.FromMilliseconds(1),
            MaxDelay = TimeSpan.FromMilliseconds(20),
            MinRestartDelay = TimeSpan.FromMilliseconds(1),
            MaxRestartDelay = TimeSpan.FromMilliseconds(5),
        };
        int opened = 0;
        List<OutboxMessage> lost = [];
        await using var socket = new ReconnectingWebSocket([world.Uri], new() { Reconnect = reconnect, MaxMessages = messages / disasters / 10 });
        socket.StateChanged += (_, e) => opened += e.State == ReconnectState.Open ? 1 : 0;
        socket.MessageLost += (_, e) =>
        {
            lock (lost)
                lost.Add(e.Message);
        };
        HashSet<int> acknowledged = [];
        Task reading = Task.Run(async () =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                acknowledged.Add(int.Parse(message.GetText(), CultureInfo.InvariantCulture));
        });
        socket.Start();

        // In the midst of what is on its way: a message has just arrived, and others are being sent.
        Task striking = Task.Run(async () =>
        {
            for (int i = 1; i <= disasters; i++)
            {
                await world.ArrivesAsync(i * (messages / (disasters + 2)));
                await world.StrikeAsync();
            }
        });
        var sent = new OutboxMessage[messages];
        for (int i = 0; i < messages; i++)
            sent[i] = await socket.SendTextAsync(i.ToString(CultureInfo.InvariantCulture)).AsTask().WaitAsync(Patience);
        await striking.WaitAsync(Patience);
        await socket.FlushAsync().WaitAsync(Patience);
        await socket.CloseAsync().WaitAsync(Patience);
        await reading.Soon();
        Assert.Null(await socket.Closed);
        Assert.Equal(disasters, world.Disasters);

        int[] received = await world.EndAsync();
        // Order is kept, and nothing comes twice.
        for (int i = 1; i < received.Length; i++)
            Assert.True(received[i - 1] < received[i], $"{received[i]} came behind {received[i - 1]}");
        // What was acknowledged, or confirmed, has arrived; everything else is reported, and what was reported as unsent has not arrived.
        HashSet<int> arrived = [.. received];
        Assert.Subset(arrived, acknowledged);
        for (int i = 0; i < messages; i++)
        {
            Assert.True(sent[i].State is DeliveryState.Confirmed or DeliveryState.Uncertain, $"{i}: {sent[i].State}");
            Assert.True(sent[i].State == DeliveryState.Uncertain || arrived.Contains(i), $"{i} was confirmed and has not arrived");
        }

        OutboxMessage[] uncertain = [.. sent.Where(message => message.State == DeliveryState.Uncertain)];
        await Settle.UntilAsync(() =>
        {
            lock (lost)
                return lost.Count >= uncertain.Length;
        });
        Assert.Equal(uncertain, lost);
        // It was a life with many connections, on which most went through: a client that gave everything up would pass the rest.
        Assert.True(opened > disasters / 2, $"{opened} connections");
        Assert.True(arrived.Count > messages / 2, $"{arrived.Count} of {messages} arrived");
    }

    /// <summary>The servers, one after the other, and the network in front of them.</summary>
    private sealed class World : IAsyncDisposable
    {
        private readonly ChaosForwarder _network = new();
        private readonly Lock _sync = new();
        private readonly List<int> _received = [];
        private readonly List<WebSocketConnection> _connections = [];
        private (int Number, TaskCompletionSource Arrived) _awaited = (int.MaxValue, new());
        private WebSocketServer? _server;
        private WebSocketConnection? _served;
        private Task _serving = Task.CompletedTask;

        public Uri Uri => _network.Uri;

        public int Disasters { get; private set; }

        public async Task StartServerAsync()
        {
            _server = new WebSocketServer(new() { Port = 0, Connection = new() { CloseTimeout = TimeSpan.FromMilliseconds(500) } });
            _server.Map("/", ServeAsync);
            await _server.StartAsync();
            _network.Target = ((IPEndPoint)_server.EndPoints[0]).Port;
        }

        /// <summary>Waits until this number, or one behind it, has arrived.</summary>
        public Task ArrivesAsync(int number)
        {
            lock (_sync)
            {
                _awaited = (number, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                return _received.Count > 0 && _received[^1] >= number ? Task.CompletedTask : _awaited.Arrived.Task;
            }
        }

        /// <summary>Lets the next disaster happen.</summary>
        public async Task StrikeAsync()
        {
            switch ((Disaster)(Disasters++ % 4))
            {
                case Disaster.Kill:
                    await KillAsync();
                    await StartServerAsync();
                    break;
                case Disaster.Drop:
                    _network.Drop();
                    break;
                case Disaster.Drain:
                    WebSocketConnection[] open;
                    lock (_sync)
                        open = [.. _connections];
                    await Task.WhenAll(open.Select(connection => connection.CloseAsync(CloseCode.ServiceRestart, "restart")));
                    break;
                case Disaster.Reset:
                    _network.Reset();
                    break;
            }
        }

        /// <summary>Ends the servers.</summary>
        /// <returns>The numbers that arrived, in order.</returns>
        public async Task<int[]> EndAsync()
        {
            await KillAsync();
            lock (_sync)
                return [.. _received];
        }

        public async ValueTask DisposeAsync()
        {
            await KillAsync();
            _network.Dispose();
        }

        private async Task KillAsync()
        {
            _network.Target = 0;
            await _server!.StopAsync(new CancellationToken(canceled: true)).Soon();
            await _server.DisposeAsync();
        }

        private async Task ServeAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            // The client is here once: what its connection before has left to read must not come behind what comes now.
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task before;
            lock (_sync)
            {
                _connections.Add(socket);
                _served?.Abort();
                _served = socket;
                before = _serving;
                _serving = done.Task;
            }

            try
            {
                await before;
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                {
                    int number = int.Parse(message.GetText(), CultureInfo.InvariantCulture);
                    lock (_sync)
                    {
                        _received.Add(number);
                        if (number >= _awaited.Number)
                            _awaited.Arrived.TrySetResult();
                    }

                    await socket.SendTextAsync(number.ToString(CultureInfo.InvariantCulture), cancel);
                }
            }
            finally
            {
                lock (_sync)
                    _connections.Remove(socket);
                done.SetResult();
            }
        }
    }
}
