using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>Passes the log lines of a connection on. What the logger of the application throws ends here: a line that cannot be written is
/// no reason to fail, and on threads of the pool it would end the process.</summary>
internal sealed class ConnectionLogger(ILoggerFactory factory) : ILogger
{
    private static readonly string Category = typeof(WebSocketConnection).FullName!;

    private readonly ILogger _logger = factory.CreateLogger(Category);

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
