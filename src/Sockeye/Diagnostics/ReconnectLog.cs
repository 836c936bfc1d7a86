using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of clients that connect again; event ids 220–229, which never change their meaning.</summary>
internal static partial class ReconnectLog
{
    [LoggerMessage(220, LogLevel.Information, "Connecting again in {Delay}: {Failure}")]
    public static partial void Waiting(ILogger logger, TimeSpan delay, string failure);

    [LoggerMessage(221, LogLevel.Error, "Connecting again was given up")]
    public static partial void GaveUp(ILogger logger, Exception exception);

    [LoggerMessage(222, LogLevel.Error, "Events can no longer be raised on the context of a ReconnectingWebSocket; it goes on without")]
    public static partial void EventContextFailed(ILogger logger, Exception exception);
}
