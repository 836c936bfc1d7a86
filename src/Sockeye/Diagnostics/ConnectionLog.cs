using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of connections; event ids 1–99, which never change their meaning.</summary>
internal static partial class ConnectionLog
{
    [LoggerMessage(1, LogLevel.Debug, "Connection closed with code {Code}: {Cause}, clean: {IsClean}")]
    public static partial void Closed(this ILogger logger, CloseCode code, CloseCause cause, bool isClean);

    [LoggerMessage(2, LogLevel.Error, "The handler of a connection failed; the connection is closed with 1011")]
    public static partial void HandlerFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3, LogLevel.Debug, "A handler ended because its connection did")]
    public static partial void HandlerEnded(this ILogger logger, Exception exception);

    [LoggerMessage(4, LogLevel.Debug, "The transport of an ended connection could not be put away cleanly")]
    public static partial void TransportDisposeFailed(this ILogger logger, Exception exception);
}
