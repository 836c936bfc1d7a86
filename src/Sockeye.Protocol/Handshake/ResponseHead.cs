using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Sockeye.Protocol;

/// <summary>Holds the head of a response: version, status and headers (RFC 9112, section 4).</summary>
public sealed class ResponseHead
{
    /// <summary>Makes a response head.</summary>
    /// <param name="statusCode">The status, 100–599.</param>
    /// <param name="headers">The headers. They are used as they are, not copied.</param>
    /// <param name="reasonPhrase">The words behind the status; those of RFC 9110 where null. No line breaks.</param>
    /// <param name="minorVersion">1 for HTTP/1.1, 0 for HTTP/1.0.</param>
    /// <exception cref="ArgumentException">The status or the reason phrase cannot stand in a status line.</exception>
    public ResponseHead(int statusCode, HttpHeaders headers, string? reasonPhrase = null, int minorVersion = 1)
    {
        ArgumentNullException.ThrowIfNull(headers);
        ArgumentOutOfRangeException.ThrowIfLessThan(statusCode, 100);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(statusCode, 599);
        if (minorVersion is not (0 or 1))
            throw new ArgumentOutOfRangeException(nameof(minorVersion), minorVersion, "The minor version is 1 (HTTP/1.1) or 0 (HTTP/1.0).");
        reasonPhrase ??= StatusPhrases.Of(statusCode);
        if (!HttpHeaders.IsValue(reasonPhrase))
        {
            throw new ArgumentException(
                $"The reason phrase '{PeerText.Escape(reasonPhrase)}' holds control characters or some above U+00FF.",
                nameof(reasonPhrase));
        }

        StatusCode = statusCode;
        ReasonPhrase = reasonPhrase;
        Headers = headers;
        MinorVersion = minorVersion;
    }

    /// <summary>Gets the status, such as 101.</summary>
    public int StatusCode { get; }

    /// <summary>Gets the words behind the status; often empty.</summary>
    public string ReasonPhrase { get; }

    /// <summary>Gets the headers.</summary>
    public HttpHeaders Headers { get; }

    /// <summary>Gets the minor version: 1 for HTTP/1.1, 0 for HTTP/1.0.</summary>
    public int MinorVersion { get; }

    /// <summary>Reads a response head.</summary>
    /// <param name="head">The bytes of the head, the empty line at its end included; <see cref="HeadScanner"/> finds their number
    /// and holds it to limits.</param>
    /// <param name="response">The response.</param>
    /// <param name="fault">The rule that the head breaks, when the method returns false.</param>
    /// <returns>Whether the head keeps the grammar of RFC 9112.</returns>
    public static bool TryParse(
        ReadOnlySpan<byte> head,
        [NotNullWhen(true)] out ResponseHead? response,
        [NotNullWhen(false)] out HandshakeFault? fault)
    {
        response = null;
        var parser = new HeadParser(head);
        fault = parser.ReadLine(out ReadOnlySpan<byte> line);
        if (fault is not null)
            return false;

        if (!TryReadStatusLine(line, out int minorVersion, out int statusCode, out string? reasonPhrase))
        {
            fault = HandshakeFault.Of(HandshakeRule.StatusLineMustBeWellFormed, Encoding.Latin1.GetString(line));
            return false;
        }

        var headers = new HttpHeaders(capacity: 8);
        fault = parser.ReadHeaders(headers);
        if (fault is not null)
            return false;

        response = new ResponseHead(statusCode, headers, reasonPhrase, minorVersion);
        return true;
    }

    /// <summary>Writes the head as it stands on the wire, the empty line at its end included.</summary>
    public byte[] ToBytes() => HeadWriter.Write($"HTTP/1.{MinorVersion} {StatusCode} {ReasonPhrase}", Headers);

    private static bool TryReadStatusLine(
        ReadOnlySpan<byte> line, out int minorVersion, out int statusCode, [NotNullWhen(true)] out string? reasonPhrase)
    {
        minorVersion = statusCode = 0;
        reasonPhrase = null;

        // "HTTP/1.1 101", and where more follows it begins with a space
        if (line.Length < 12
            || !RequestHead.TryParseVersion(line[..8], out minorVersion)
            || line[8] != ' '
            || (line.Length > 12 && line[12] != ' ')
            || line[9..12].ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return false;
        }

        statusCode = int.Parse(line[9..12]);
        reasonPhrase = line.Length > 13 ? Encoding.Latin1.GetString(line[13..]) : "";
        return statusCode is >= 100 and <= 599 && HttpHeaders.IsValue(reasonPhrase);
    }
}
