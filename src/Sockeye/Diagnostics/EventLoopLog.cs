using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of event loops; event ids 200–209, which never change their meaning.</summary>
internal static partial class EventLoopLog
{
    [LoggerMessage(
        200,
        LogLevel.Warning,
        "Handlers hold all {Count} threads that may take over from the event loops: connections wait. Await instead of blocking, or run what blocks elsewhere")]
    public static partial void EventLoopThreadsExhausted(this ILogger logger, int count);

    [LoggerMessage(201, LogLevel.Error, "What was registered at ConnectionClosed of a connection of Kestrel threw")]
    public static partial void ConnectionClosedThrew(this ILogger logger, Exception exception);
}
