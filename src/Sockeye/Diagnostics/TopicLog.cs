using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of <see cref="TopicHub"/>; event ids 230–239, which never change their meaning.</summary>
internal static partial class TopicLog
{
    [LoggerMessage(
        230,
        LogLevel.Error,
        "The backplane failed to begin or to end a subscription to topic {Topic}; it is asked again when a connection subscribes to it")]
    public static partial void BackplaneFailed(this ILogger logger, string topic, Exception exception);
}
