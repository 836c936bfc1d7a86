using Microsoft.Extensions.Logging;

namespace Sockeye.Tests;

/// <summary>What the logs of tests have in common: one logger for all categories, which wants every line.</summary>
internal abstract class TestLogs : ILoggerFactory, ILogger
{
    public virtual ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public virtual bool IsEnabled(LogLevel logLevel) => true;

    public abstract void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter);

    public void Dispose()
    {
        // Nothing is held.
    }
}
