using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Statistics;

/// <summary>Reads what Sockeye counts in this process (docs/observability.md), and what the process takes of the machine.</summary>
internal sealed class Sampler : IDisposable
{
    private readonly MeterListener _listener = new();
    private Dictionary<string, long> _counts = [];
    private TimeSpan _processor = Environment.CpuUsage.TotalTime;
    private long _time = Stopwatch.GetTimestamp();

    public Sampler()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "Sockeye", Name: "sockeye.open_connections" or "sockeye.messages" or "sockeye.io" })
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, attributes, _) =>
            _counts[$"{instrument.Name} {string.Join(' ', attributes.ToArray().Select(one => one.Value))}"] = value);
        _listener.Start();
    }

    public Sample Take()
    {
        (Dictionary<string, long> before, TimeSpan processor, long time) = (_counts, _processor, _time);
        (_counts, _processor, _time) = ([], Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        _listener.RecordObservableInstruments(); // calls back for each instrument, here and now
        double seconds = Stopwatch.GetElapsedTime(time, _time).TotalSeconds;
        return new Sample(
            Connections: Count("sockeye.open_connections server"),
            MessagesIn: PerSecond("sockeye.messages server receive"),
            MessagesOut: PerSecond("sockeye.messages server transmit"),
            BytesIn: PerSecond("sockeye.io server receive"),
            BytesOut: PerSecond("sockeye.io server transmit"),
            Memory: Environment.WorkingSet,
            Heap: GC.GetTotalMemory(forceFullCollection: false),
            Processor: (_processor - processor).TotalSeconds / seconds);

        long Count(string name) => _counts.GetValueOrDefault(name);

        double PerSecond(string name) => (Count(name) - before.GetValueOrDefault(name)) / seconds;
    }

    public void Dispose() => _listener.Dispose();
}

/// <summary>What a page gets each second; memory is in bytes, processor time in processors.</summary>
internal sealed record Sample(
    long Connections, double MessagesIn, double MessagesOut, double BytesIn, double BytesOut, long Memory, long Heap, double Processor);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Sample))]
internal sealed partial class Json : JsonSerializerContext;
