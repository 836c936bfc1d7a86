using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Attacks;

/// <summary>Keeps log lines as they would be written.</summary>
internal sealed class TextLog : TestLogs
{
    public ConcurrentQueue<(LogLevel Level, string Text, string? Exception)> Lines { get; } = new();

    public override void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, formatter(state, exception), exception?.ToString()));
}
