using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Connection;

/// <summary>Keeps the log lines of a test.</summary>
internal sealed class RecordedLogs : TestLogs
{
    private readonly ConcurrentQueue<(LogLevel Level, int Id, Exception? Exception)> _lines = new();

    public IEnumerable<(LogLevel Level, int Id, Exception? Exception)> Lines => _lines;

    public IEnumerable<(LogLevel Level, int Id, Exception? Exception)> Loud => _lines.Where(line => line.Level > LogLevel.Debug);

    public override void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, eventId.Id, exception));
}
