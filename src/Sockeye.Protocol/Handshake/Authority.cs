using System.Buffers;
using System.Net;

namespace Sockeye.Protocol;

/// <summary>Holds a host and perhaps a port, as in <c>example.com:8080</c> (RFC 3986, section 3.2, without user information).</summary>
/// <param name="Host">The host in lower case; an IPv6 address in brackets, in its canonical form.</param>
/// <param name="Port">The port, where it is written.</param>
internal readonly record struct Authority(string Host, int? Port)
{
    // Unreserved characters. No sub-delimiters and no percent-encoding: no host that exists needs them, and attacks do.
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~");

    private static readonly SearchValues<char> AddressCharacters = SearchValues.Create("0123456789abcdefABCDEF:.");

    public static bool TryParse(ReadOnlySpan<char> text, out Authority authority)
    {
        authority = default;
        int hostLength;
        string host;
        if (text.StartsWith('['))
        {
            int bracket = text.IndexOf(']');
            if (bracket < 0
                || text[1..bracket].ContainsAnyExcept(AddressCharacters)
                || !IPAddress.TryParse(text[1..bracket], out IPAddress? address)
                || address.GetAddressBytes().Length != 16)
            {
                return false;
            }

            hostLength = bracket + 1;
            host = $"[{address}]";
        }
        else
        {
            int colon = text.IndexOf(':');
            hostLength = colon < 0 ? text.Length : colon;
            if (hostLength is 0 or > 255 || text[..hostLength].ContainsAnyExcept(NameCharacters))
                return false;
            host = text[..hostLength].ToString().ToLowerInvariant();
        }

        if (!TryParsePort(text[hostLength..], out int? port))
            return false;
        authority = new Authority(host, port);
        return true;
    }

    /// <summary>Tells whether two authorities are the same where each port that is not written is the default.</summary>
    public bool IsSame(Authority other, int defaultPort) =>
        Host == other.Host && (Port ?? defaultPort) == (other.Port ?? defaultPort);

    private static bool TryParsePort(ReadOnlySpan<char> text, out int? port)
    {
        port = null;
        if (text.Length <= 1)
            return text.IsEmpty || text[0] == ':';
        if (text[0] != ':' || text.Length > 6 || text[1..].ContainsAnyExceptInRange('0', '9'))
            return false;
        port = int.Parse(text[1..]);
        return port <= 65535;
    }
}
