using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of <see cref="TopicHub"/>; event ids 230–239, which never change their meaning.</summary>
internal static partial class TopicLog
{
    [LoggerMessage(
        230,
        LogLevel.Error,
        "The backplane failed to begin or to end a subscription to topic {Topic}; what is still wanted is asked for "
            + "again, after a while and when a connection subscribes to it (said once a minute)")]
    public static partial void BackplaneFailed(this ILogger logger, string topic, Exception exception);

    [LoggerMessage(
        231,
        LogLevel.Error,
        "The backplane did not take a message of topic {Topic}: connections of other machines miss it (said once a minute)")]
    public static partial void BackplaneTookNothing(this ILogger logger, string topic, Exception exception);
}
