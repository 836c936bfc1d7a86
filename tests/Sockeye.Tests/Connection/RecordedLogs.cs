using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Connection;

/// <summary>Keeps the log lines of a test.</summary>
internal sealed class RecordedLogs : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, int Id, Exception? Exception)> _lines = new();

    public IEnumerable<(LogLevel Level, int Id, Exception? Exception)> Lines => _lines;

    public IEnumerable<(LogLevel Level, int Id, Exception? Exception)> Loud => _lines.Where(line => line.Level > LogLevel.Debug);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
        // Nothing but the lines is kept.
    }

    public void Dispose()
    {
        // Nothing is held.
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, eventId.Id, exception));
}
