using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds a plain answer of a <see cref="WebSocketServer"/> to a request that asks for no upgrade: a status, headers, and a body of
/// text. Immutable.</summary>
/// <remarks>The connection closes behind it. This is for a health check or a page of a sample: whoever needs more needs an HTTP server,
/// such as ASP.NET Core.</remarks>
public sealed record HttpAnswer
{
    /// <summary>Makes an answer.</summary>
    /// <param name="body">The body, sent as UTF-8.</param>
    /// <param name="statusCode">The status, 200–599.</param>
    /// <exception cref="ArgumentOutOfRangeException">The status is out of range.</exception>
    public HttpAnswer(string body, int statusCode = 200)
    {
        ArgumentNullException.ThrowIfNull(body);
        ArgumentOutOfRangeException.ThrowIfLessThan(statusCode, 200);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(statusCode, 599);
        Body = body;
        StatusCode = statusCode;
    }

    /// <summary>Gets the status.</summary>
    public int StatusCode { get; }

    /// <summary>Gets the body.</summary>
    public string Body { get; }

    /// <summary>Gets the headers; none by default. <c>Content-Type</c> is plain text in UTF-8 unless it is among them.</summary>
    /// <exception cref="ArgumentException">They hold a header that the server itself writes.</exception>
    public HttpHeaders Headers
    {
        get;
        init
        {
            HandshakeHeaders.ThrowIfReserved(value, nameof(Headers));
            field = value;
        }
    } = [];
}
