using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Attacks;

/// <summary>Keeps log lines as they would be written.</summary>
internal sealed class TextLog : ILoggerFactory, ILogger
{
    public ConcurrentQueue<(LogLevel Level, string Text, string? Exception)> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
        // Nothing but the lines is kept.
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, formatter(state, exception), exception?.ToString()));

    public void Dispose()
    {
        // Nothing is held.
    }
}
