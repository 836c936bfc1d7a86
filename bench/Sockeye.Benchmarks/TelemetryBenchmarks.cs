using System.Diagnostics;
using System.Diagnostics.Metrics;
using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Benchmarks;

/// <summary>What metrics and traces cost: an echo that nobody observes, beside one of which everything is observed.</summary>
/// <remarks>What telemetry costs where nobody observes anything is told by <see cref="EchoBenchmarks"/> of a version before it and of this
/// one, whose baseline here is the same echo.</remarks>
public class TelemetryBenchmarks
{
    private const int Messages = 256;

    private readonly byte[] _payload = new byte[64];
    private WebSocketConnection? _client;
    private MeterListener? _meters;
    private ActivityListener? _activities;

    /// <summary>Gets or sets how many messages are in flight. One at a time, each is counted by itself: that is the adverse twin.</summary>
    [Params(32, 1)]
    public int Together { get; set; }

    [GlobalSetup(Target = nameof(Sockeye_that_nobody_observes))]
    public void Prepare()
    {
        (InMemoryTransport near, InMemoryTransport far) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        _client = new WebSocketConnection(near, Role.Client, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        _client.Start();
        var server = new WebSocketConnection(far, Role.Server, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        server.Run((socket, _) => EchoAsync(socket), new ServerConnections(new WebSocketServerOptions()));
    }

    [GlobalSetup(Target = nameof(Sockeye_that_is_observed))]
    public void PrepareObserved()
    {
        _meters = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Sockeye")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        _meters.Start();
        _activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Sockeye",
            Sample = static (ref _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(_activities);
        Prepare();
    }

    [GlobalCleanup]
    public async Task EndAsync()
    {
        await _client!.CloseAsync();
        _meters?.Dispose();
        _activities?.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Messages)]
    public Task Sockeye_that_nobody_observes() => ExchangeAsync();

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Sockeye_that_is_observed() => ExchangeAsync();

    private static async Task EchoAsync(WebSocketConnection socket)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
            await socket.SendAsync(message);
    }

    private async Task ExchangeAsync()
    {
        for (int i = 0; i < Messages; i += Together)
        {
            for (int k = 0; k < Together; k++)
                await _client!.SendAsync(_payload);
            for (int k = 0; k < Together; k++)
                _ = await _client!.ReceiveAsync();
        }
    }
}
