using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of <see cref="EventWebSocket"/>; event ids 210–219, which never change their meaning.</summary>
internal static partial class EventWebSocketLog
{
    [LoggerMessage(210, LogLevel.Error, "An event handler failed; the connection goes on")]
    public static partial void EventHandlerFailed(this ILogger logger, Exception exception);

    [LoggerMessage(211, LogLevel.Error, "Events can no longer be raised on the context of an EventWebSocket; it is aborted")]
    public static partial void EventContextFailed(this ILogger logger, Exception exception);
}
