using System.Net;
using Microsoft.Extensions.Logging;

namespace Sockeye.Diagnostics;

/// <summary>The log lines of servers and clients; event ids 100–149 and 150–199, which never change their meaning.</summary>
/// <remarks>What a peer sent is escaped before it comes here. What peers do is logged at debug level: nobody shall fill a log from
/// outside.</remarks>
internal static partial class HandshakeLog
{
    [LoggerMessage(100, LogLevel.Information, "Listening on {EndPoint}")]
    public static partial void Listening(ILogger logger, EndPoint endPoint);

    [LoggerMessage(101, LogLevel.Warning, "The listener on {EndPoint} failed to accept a connection and goes on")]
    public static partial void AcceptFailed(ILogger logger, EndPoint endPoint, Exception exception);

    [LoggerMessage(102, LogLevel.Error, "A subscriber of ListenerFailed threw")]
    public static partial void ListenerFailedThrew(ILogger logger, Exception exception);

    [LoggerMessage(103, LogLevel.Debug, "TLS with {RemoteEndPoint} failed")]
    public static partial void TlsFailed(ILogger logger, EndPoint? remoteEndPoint, Exception exception);

    [LoggerMessage(104, LogLevel.Debug, "Refused the request of {RemoteEndPoint} with {StatusCode}: {Reason}")]
    public static partial void Refused(ILogger logger, EndPoint? remoteEndPoint, int statusCode, string reason);

    [LoggerMessage(105, LogLevel.Debug, "The handshake with {RemoteEndPoint} broke off")]
    public static partial void HandshakeBroke(ILogger logger, EndPoint? remoteEndPoint, Exception exception);

    [LoggerMessage(106, LogLevel.Debug, "The handshake with {RemoteEndPoint} took longer than HandshakeTimeout")]
    public static partial void HandshakeTimedOut(ILogger logger, EndPoint? remoteEndPoint);

    [LoggerMessage(107, LogLevel.Warning, "The request of {RemoteEndPoint} was neither accepted nor rejected within HandshakeTimeout")]
    public static partial void RequestUndecided(ILogger logger, EndPoint? remoteEndPoint);

    [LoggerMessage(108, LogLevel.Warning, "The request of {RemoteEndPoint} found the queue of UpgradeRequestsAsync full")]
    public static partial void QueueFull(ILogger logger, EndPoint? remoteEndPoint);

    [LoggerMessage(109, LogLevel.Debug, "Opened a connection with {RemoteEndPoint} at {Path}, subprotocol {Subprotocol}")]
    public static partial void Opened(ILogger logger, EndPoint? remoteEndPoint, string path, string? subprotocol);

    [LoggerMessage(110, LogLevel.Error, "Accepting the request of {RemoteEndPoint} at {Path} failed in the application")]
    public static partial void AcceptThrew(ILogger logger, EndPoint? remoteEndPoint, string path, Exception exception);

    [LoggerMessage(111, LogLevel.Information, "Stopping; {Count} connections are open")]
    public static partial void Stopping(ILogger logger, int count);

    [LoggerMessage(112, LogLevel.Warning, "Aborted {Count} connections that had not closed when the time to stop was over")]
    public static partial void StopAborted(ILogger logger, int count);

    [LoggerMessage(120, LogLevel.Warning, "{Limit} is reached: connections beyond it are answered with 503 (said once a minute)")]
    public static partial void LimitReached(ILogger logger, string limit);

    [LoggerMessage(121, LogLevel.Error, "A subscriber of HandshakeFailed threw")]
    public static partial void HandshakeFailedThrew(ILogger logger, Exception exception);

    [LoggerMessage(150, LogLevel.Debug, "Connected to {Uri}")]
    public static partial void Connected(ILogger logger, string uri);

    [LoggerMessage(151, LogLevel.Debug, "Connecting to {Uri} failed")]
    public static partial void ConnectFailed(ILogger logger, string uri, Exception exception);
}
