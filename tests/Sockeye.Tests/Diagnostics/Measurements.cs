using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Sockeye.Tests.Diagnostics;

/// <summary>Listens to the meter "Sockeye", as an exporter does.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();

    /// <summary>Begins to listen.</summary>
    /// <param name="instruments">To which instruments; to all where none is named.</param>
    public Measurements(params string[] instruments)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name != "Sockeye")
                return;
            Instruments.Add(instrument);
            if (instruments.Length == 0 || instruments.Contains(instrument.Name))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.Start();
    }

    public ConcurrentBag<Instrument> Instruments { get; } = [];

    /// <summary>Gets what has been recorded: the name of the instrument with its tags in order, and the value.</summary>
    public ConcurrentQueue<(string What, double Value)> All { get; } = new();

    /// <summary>Reads an instrument that is observed.</summary>
    /// <param name="what">Its name with its tags.</param>
    public double Read(string what)
    {
        All.Clear();
        _listener.RecordObservableInstruments();
        return All.Where(one => one.What == what).Sum(one => one.Value);
    }

    public void Dispose() => _listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string what = instrument.Name;
        foreach (KeyValuePair<string, object?> tag in tags)
            what += $" {tag.Key}={tag.Value}";
        All.Enqueue((what, value));
    }
}
