using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>Passes log lines on. What the logger of the application throws ends here: a line that cannot be written is no reason to fail,
/// and on threads of the pool it would end the process.</summary>
internal sealed class GuardedLogger(ILoggerFactory factory, string category) : ILogger
{
    private readonly ILogger _logger = factory.CreateLogger(category);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => _logger.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return _logger.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            return false;
        }
    }

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            _logger.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception e)
        {
            // There is nobody else to tell.
            Debug.WriteLine(e);
        }
    }
}
