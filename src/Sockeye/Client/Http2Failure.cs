using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Tells why a request over HTTP/2 failed, of what the framework's stack throws.</summary>
internal static class Http2Failure
{
    // RFC 9113, section 7
    private const long ProtocolError = 0x1;
    private const long Http11Required = 0xD;

    /// <summary>Says that the handler of the user went to another address, without asking and with all that was for the first.</summary>
    public static WebSocketHandshakeException Redirected(Uri to, Exception? inner = null) => new(
        HandshakeFailure.Protocol,
        $"The handler of Http2 followed a redirect to {PeerText.Escape(to.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped))} "
            + "by itself, with the cookies and headers of the request: set AllowAutoRedirect = false of the SocketsHttpHandler, and "
            + "MaxRedirects where redirects shall be followed.",
        inner);

    /// <summary>Says that a header cannot be sent.</summary>
    public static ArgumentException Unsendable(string name, string why, Exception? inner = null) => new(
        $"The header {name} cannot be sent over HTTP/2: it {why}, or connect without Http2.", nameof(WebSocketClientOptions.Headers), inner);

    /// <summary>Makes the exception to throw.</summary>
    /// <returns>Null where it is a failure of the connection like others.</returns>
    public static Exception? Explain(Exception exception, HttpRequestMessage message) => exception switch
    {
        OperationCanceledException { InnerException: TimeoutException } => new WebSocketHandshakeException(
            HandshakeFailure.Timeout,
            "The handshake took longer than the timeouts of Http2 allow: Timeout of the HttpClient, or ConnectTimeout of its "
                + "SocketsHttpHandler.",
            exception),
        HttpRequestException { HttpRequestError: HttpRequestError.Unknown } when NameBeyondAscii(message) is { } name => Unsendable(
            name, "has a value beyond ASCII: encode it, set RequestHeaderEncodingSelector of the SocketsHttpHandler", exception),
        HttpRequestException or HttpIOException => Explain(exception),
        _ => null,
    };

    private static WebSocketHandshakeException Explain(Exception exception)
    {
        Exception cause = exception.GetBaseException();
        HttpRequestError error = (cause as HttpIOException)?.HttpRequestError ?? (exception as HttpRequestException)?.HttpRequestError
            ?? HttpRequestError.Unknown;
        bool isForeign = ClientTls.IsWithoutProtocol(cause)
            || cause is HttpProtocolException { ErrorCode: ProtocolError or Http11Required }
            || error is HttpRequestError.ExtendedConnectNotSupported or HttpRequestError.VersionNegotiationError;

        // A connection that ended before its first use: the framework does not always say why.
        bool isUntold = exception is HttpRequestException { HttpRequestError: HttpRequestError.Unknown, InnerException: null };
        string advice = isForeign || isUntold ? " Where the server does not speak WebSocket over HTTP/2 (RFC 8441), connect without Http2." : "";
        return new WebSocketHandshakeException(
            isForeign ? HandshakeFailure.Protocol : CauseOf(error),
            $"The request over HTTP/2 failed: {cause.Message.TrimEnd('.')}.{advice}",
            exception)
        {
            Response = exception is HttpRequestException { StatusCode: { } status } ? new ResponseHead((int)status, []) : null,
            // Of alerts, and of a server that does not speak TLS, it is not the last cause, mostly.
            IsUntrusted = cause is AuthenticationException,
        };
    }

    private static HandshakeFailure CauseOf(HttpRequestError error) => error switch
    {
        HttpRequestError.NameResolutionError => HandshakeFailure.Dns,
        HttpRequestError.ConnectionError => HandshakeFailure.Connect,
        HttpRequestError.SecureConnectionError => HandshakeFailure.Tls,
        HttpRequestError.ProxyTunnelError => HandshakeFailure.Proxy,
        HttpRequestError.InvalidResponse => HandshakeFailure.Protocol,
        _ => HandshakeFailure.Ended,
    };

    private static string? NameBeyondAscii(HttpRequestMessage message)
    {
        foreach ((string name, HeaderStringValues values) in message.Headers.NonValidated)
        {
            if (!Ascii.IsValid(values.ToString()))
                return name;
        }

        return null;
    }
}
