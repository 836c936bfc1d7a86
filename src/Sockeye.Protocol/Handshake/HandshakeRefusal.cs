using System.Text;

namespace Sockeye.Protocol;

/// <summary>Holds the answer that a server gives instead of an upgrade: a status, headers and a body in plain words.</summary>
/// <remarks>The answer says <c>Connection: close</c>: whoever sends it closes the connection and parses nothing more.</remarks>
public sealed class HandshakeRefusal
{
    /// <summary>Makes a refusal.</summary>
    /// <param name="statusCode">The status, 200–599.</param>
    /// <param name="headers">Headers besides <c>Connection</c>, <c>Content-Length</c> and, unless it is there,
    /// <c>Content-Type: text/plain; charset=utf-8</c>; null for none.</param>
    /// <param name="body">The body; the words of the status where null.</param>
    /// <exception cref="ArgumentException">The status is out of range, or the headers hold one that the handshake writes.</exception>
    public HandshakeRefusal(int statusCode, HttpHeaders? headers = null, string? body = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(statusCode, 200);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(statusCode, 599);
        if (headers is not null)
            HandshakeHeaders.ThrowIfReserved(headers, nameof(headers));
        StatusCode = statusCode;
        Headers = headers ?? [];
        Body = body ?? $"{statusCode} {StatusPhrases.Of(statusCode)}\n";
    }

    /// <summary>Gets the status.</summary>
    public int StatusCode { get; }

    /// <summary>Gets the headers besides those that frame the answer.</summary>
    public HttpHeaders Headers { get; }

    /// <summary>Gets the body.</summary>
    public string Body { get; }

    /// <summary>Gets the rule that the request broke; null where the application refused it.</summary>
    public HandshakeFault? Fault { get; private init; }

    /// <summary>Gets the answer to a fault: its status, what the status demands, and its message.</summary>
    /// <param name="fault">The fault of a request.</param>
    /// <param name="protocolVersions">The versions of the WebSocket protocol to name where the fault is in the version, the preferred
    /// one first (RFC 6455, section 4.4); 13 and 8 where null.</param>
    /// <exception cref="ArgumentException">The rule is one for servers, or the versions are others than 13 and 8, or none.</exception>
    public static HandshakeRefusal Of(HandshakeFault fault, IReadOnlyList<int>? protocolVersions = null)
    {
        ArgumentNullException.ThrowIfNull(fault);
        protocolVersions ??= ProtocolVersions.All;
        ProtocolVersions.Validate(protocolVersions, nameof(protocolVersions));
        if (fault.StatusCode is not { } statusCode)
            throw new ArgumentException($"{fault.Rule} is a rule for servers: no request can break it.", nameof(fault));

        var headers = new HttpHeaders();
        if (statusCode == 405)
            headers.Add("Allow", "GET");
        if (fault.Rule is HandshakeRule.VersionMustBeKnown or HandshakeRule.VersionMustBePresent)
            headers.Add(HandshakeHeaders.Version, ProtocolVersions.Format(protocolVersions));
        var refusal = new HandshakeRefusal(statusCode, body: $"{char.ToUpperInvariant(fault.Message[0])}{fault.Message[1..]}.\n")
        {
            Fault = fault,
        };
        foreach ((string name, string value) in headers)
            refusal.Headers.AddChecked(name, value);
        return refusal;
    }

    /// <summary>Writes the whole answer.</summary>
    /// <param name="omitBody">Whether to leave the body out: a response to HEAD has none.</param>
    public byte[] ToBytes(bool omitBody = false)
    {
        bool isBodiless = StatusCode is 204 or 304;
        byte[] body = isBodiless ? [] : Encoding.UTF8.GetBytes(Body);
        var headers = new HttpHeaders();
        if (StatusCode == 426)
        {
            // RFC 9110: section 15.5.22 demands Upgrade in a 426, section 7.8 its name in Connection
            headers.AddChecked(HandshakeHeaders.Upgrade, "websocket");
            headers.AddChecked(HandshakeHeaders.Connection, "close, Upgrade");
        }
        else
        {
            headers.AddChecked(HandshakeHeaders.Connection, "close");
        }

        if (!isBodiless)
        {
            if (!Headers.Contains("Content-Type"))
                headers.AddChecked("Content-Type", "text/plain; charset=utf-8");
            headers.AddChecked(HandshakeHeaders.ContentLength, body.Length.ToString());
        }

        foreach ((string name, string value) in Headers)
            headers.AddChecked(name, value);
        byte[] head = new ResponseHead(StatusCode, headers).ToBytes();
        return omitBody || body.Length == 0 ? head : [.. head, .. body];
    }
}
