using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Sockeye.Protocol;

/// <summary>Holds the head of a request: method, target, version and headers (RFC 9112, section 3).</summary>
/// <remarks>A head says what was sent, be it an upgrade or not: <see cref="ServerHandshake"/> judges it.</remarks>
public sealed class RequestHead
{
    private static readonly SearchValues<byte> TargetBytes =
        SearchValues.Create([.. Enumerable.Range(0x21, 0x7E - 0x20).Where(code => code != '#').Select(code => (byte)code)]);

    private static readonly SearchValues<char> TargetCharacters =
        SearchValues.Create([.. Enumerable.Range(0x21, 0x7E - 0x20).Where(code => code != '#').Select(code => (char)code)]);

    /// <summary>Makes a request head, for instance from one that another server has parsed.</summary>
    /// <param name="method">The method, a token such as <c>GET</c>; its case matters.</param>
    /// <param name="target">The target: a path with its query, such as <c>/chat?room=1</c>, in printable ASCII without spaces and
    /// without a fragment (<c>#</c>).</param>
    /// <param name="headers">The headers. They are used as they are, not copied.</param>
    /// <param name="minorVersion">1 for HTTP/1.1, 0 for HTTP/1.0.</param>
    /// <exception cref="ArgumentException">The method or the target cannot stand in a request line.</exception>
    public RequestHead(string method, string target, HttpHeaders headers, int minorVersion = 1)
    {
        ArgumentNullException.ThrowIfNull(headers);
        if (!HeaderTokens.IsToken(method))
            throw new ArgumentException($"'{PeerText.Escape(method)}' is no method: it must be a token such as GET.", nameof(method));
        if (!IsTarget(target))
        {
            throw new ArgumentException(
                $"'{PeerText.Escape(target)}' is no target: use printable ASCII without spaces and '#', and percent-encode the rest.",
                nameof(target));
        }

        if (minorVersion is not (0 or 1))
            throw new ArgumentOutOfRangeException(nameof(minorVersion), minorVersion, "The minor version is 1 (HTTP/1.1) or 0 (HTTP/1.0).");

        Method = method;
        Target = target;
        Headers = headers;
        MinorVersion = minorVersion;
        SplitTarget(target, out string path, out string query);
        Path = path;
        Query = query;
    }

    /// <summary>Gets the method, such as <c>GET</c>.</summary>
    public string Method { get; }

    /// <summary>Gets the target as it was sent, such as <c>/chat?room=1</c>.</summary>
    public string Target { get; }

    /// <summary>Gets the path of the target as it was sent, percent-encoding included, such as <c>/chat</c>; empty where the target
    /// is neither a path nor an http URI.</summary>
    public string Path { get; }

    /// <summary>Gets the query of the target as it was sent, without its question mark, such as <c>room=1</c>; empty where there is
    /// none.</summary>
    public string Query { get; }

    /// <summary>Gets the headers.</summary>
    public HttpHeaders Headers { get; }

    /// <summary>Gets the minor version: 1 for HTTP/1.1, 0 for HTTP/1.0.</summary>
    public int MinorVersion { get; }

    /// <summary>Gets the part of the target that is an authority, where the target is an http URI; with its scheme.</summary>
    internal (string Scheme, string Authority)? TargetOrigin
    {
        get
        {
            if (!TryFindPath(Target, out int schemeLength, out int pathStart) || schemeLength == 0)
                return null;
            return (Target[..schemeLength], Target[(schemeLength + 3)..pathStart]);
        }
    }

    /// <summary>Reads a request head.</summary>
    /// <param name="head">The bytes of the head, the empty line at its end included; <see cref="HeadScanner"/> finds their number
    /// and holds it to limits.</param>
    /// <param name="request">The request.</param>
    /// <param name="fault">The rule that the head breaks, when the method returns false.</param>
    /// <returns>Whether the head keeps the grammar of RFC 9112. Bytes above 127 in values are taken as ISO 8859-1.</returns>
    public static bool TryParse(
        ReadOnlySpan<byte> head,
        [NotNullWhen(true)] out RequestHead? request,
        [NotNullWhen(false)] out HandshakeFault? fault)
    {
        request = null;
        var parser = new HeadParser(head);
        fault = parser.ReadLine(out ReadOnlySpan<byte> line);
        if (fault is not null)
            return false;

        int methodEnd = line.IndexOf((byte)' ');
        int targetEnd = line.LastIndexOf((byte)' ');
        if (methodEnd <= 0
            || targetEnd <= methodEnd + 1
            || line[..methodEnd].ContainsAnyExcept(HeaderTokens.TokenBytes)
            || line[(methodEnd + 1)..targetEnd].ContainsAnyExcept(TargetBytes))
        {
            fault = HandshakeFault.Of(HandshakeRule.RequestLineMustBeWellFormed);
            return false;
        }

        if (!TryParseVersion(line[(targetEnd + 1)..], out int minorVersion))
        {
            fault = HandshakeFault.Of(HandshakeRule.VersionMustBeHttp1);
            return false;
        }

        var headers = new HttpHeaders(capacity: 8);
        fault = parser.ReadHeaders(headers);
        if (fault is not null)
            return false;

        request = new RequestHead(
            CommonText.Of(line[..methodEnd]),
            CommonText.Of(line[(methodEnd + 1)..targetEnd]),
            headers,
            minorVersion);
        return true;
    }

    /// <summary>Gets a parameter of the query, percent-decoded, a plus sign standing for a space.</summary>
    /// <param name="name">The name, decoded; its case matters.</param>
    /// <returns>The first value with that name, empty where it has none; null where the query does not hold the name.</returns>
    public string? GetQueryValue(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ReadOnlySpan<char> rest = Query;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf('&');
            ReadOnlySpan<char> pair = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            int equals = pair.IndexOf('=');
            if (Decode(equals < 0 ? pair : pair[..equals]) == name)
                return equals < 0 ? "" : Decode(pair[(equals + 1)..]);
        }

        return null;
    }

    /// <summary>Gets a cookie of the client's (RFC 6265, section 5.4).</summary>
    /// <param name="name">The name; its case matters.</param>
    /// <returns>The value as it was sent: percent-encoding and quotation marks, if any, are left to whoever set it. Where several have the
    /// name it is the first, which browsers send for the longest path; null where there is none.</returns>
    public string? GetCookie(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        // HTTP/2 splits what HTTP/1.1 has in one header (RFC 9113, section 8.2.3).
        foreach (string cookies in Headers.GetValues("Cookie"))
        {
            foreach (Range place in cookies.AsSpan().Split(';'))
            {
                ReadOnlySpan<char> cookie = cookies.AsSpan(place).Trim(" \t");
                int equals = cookie.IndexOf('=');
                if (equals >= 0 && cookie[..equals].SequenceEqual(name))
                    return cookie[(equals + 1)..].ToString();
            }
        }

        return null;
    }

    /// <summary>Writes the head as it stands on the wire, the empty line at its end included.</summary>
    public byte[] ToBytes() => HeadWriter.Write($"{Method} {Target} HTTP/1.{MinorVersion}", Headers);

    /// <summary>Tells whether a text can stand as the target in a request line.</summary>
    internal static bool IsTarget([NotNullWhen(true)] string? target) =>
        !string.IsNullOrEmpty(target) && !target.AsSpan().ContainsAnyExcept(TargetCharacters);

    internal static bool TryParseVersion(ReadOnlySpan<byte> text, out int minorVersion)
    {
        minorVersion = text.Length == 8 ? text[7] - '0' : -1;
        return text.StartsWith("HTTP/1."u8) && minorVersion is 0 or 1;
    }

    private static string Decode(ReadOnlySpan<char> text) => Uri.UnescapeDataString(text.ToString().Replace('+', ' '));

    private static void SplitTarget(string target, out string path, out string query)
    {
        if (!TryFindPath(target, out _, out int start))
        {
            path = query = "";
            return;
        }

        int mark = target.IndexOf('?', start);
        path = mark < 0 ? target[start..] : target[start..mark];
        query = mark < 0 ? "" : target[(mark + 1)..];
        if (path.Length == 0)
            path = "/"; // http://example.com and http://example.com?query
    }

    private static bool TryFindPath(string target, out int schemeLength, out int start)
    {
        schemeLength = start = 0;
        if (target[0] == '/')
            return true;
        if (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
            schemeLength = 4;
        else if (target.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            schemeLength = 5;
        else
            return false;

        int end = target.AsSpan(schemeLength + 3).IndexOfAny('/', '?');
        start = end < 0 ? target.Length : schemeLength + 3 + end;
        return true;
    }
}
