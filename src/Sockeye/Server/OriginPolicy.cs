using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says from which pages browsers may connect (RFC 6455, section 10.2): from those of this server, and from those on a
/// list.</summary>
/// <remarks>A browser sends the cookies of this server along with a request that a foreign page makes. The header Origin is what
/// tells that page. Other clients send none, or whatever they like: this is no authentication.</remarks>
internal sealed class OriginPolicy
{
    private readonly List<Entry> _allowed = [];
    private readonly bool _any;
    private readonly bool _opaque;

    /// <summary>Makes a policy.</summary>
    /// <exception cref="ArgumentException">An entry is no origin.</exception>
    public OriginPolicy(IReadOnlyList<string> allowed, string name)
    {
        ArgumentNullException.ThrowIfNull(allowed, name);
        foreach (string origin in allowed)
        {
            if (origin == "*")
                _any = true;
            else if (origin == "null")
                _opaque = true;
            else if (TryParse(origin, out Entry entry))
                _allowed.Add(entry);
            else
            {
                throw new ArgumentException(
                    $"'{PeerText.Escape(origin)}' in {name} is no origin: write scheme, host and, unless it is the default, port, "
                        + "as in https://example.com; or * for any.",
                    name);
            }
        }
    }

    /// <summary>Gets the policy that lets in the pages of this server alone.</summary>
    public static OriginPolicy SameOrigin { get; } = new([], "");

    /// <summary>Finds what is wrong with the origin of a request.</summary>
    /// <param name="request">A valid request to upgrade.</param>
    /// <param name="isSecure">Whether the client came by TLS; null where that is not known, because a proxy may have taken it
    /// off.</param>
    /// <param name="trustForwarded">Whether X-Forwarded-Proto and X-Forwarded-Host come from a trusted proxy.</param>
    /// <returns>The fault, or null where the request is welcome.</returns>
    public HandshakeFault? Check(RequestHead request, bool? isSecure, bool trustForwarded)
    {
        IReadOnlyList<string> origins = request.Headers.GetValues(HandshakeHeaders.Origin);
        if (request.Headers[HandshakeHeaders.Version] == ProtocolVersions.OldDrafts.ToString())
            origins = [.. origins, .. request.Headers.GetValues(HandshakeHeaders.OldOrigin)];
        if (_any || origins.Count == 0)
            return null;

        string host = request.Headers[HandshakeHeaders.Host] ?? "";
        if (trustForwarded)
        {
            host = FirstOf(request.Headers["X-Forwarded-Host"]) ?? host;
            isSecure = FirstOf(request.Headers["X-Forwarded-Proto"])?.ToLowerInvariant() switch
            {
                "https" or "wss" => true,
                "http" or "ws" => false,
                _ => isSecure,
            };
        }

        return origins.Count == 1 && IsAllowed(origins[0], host, isSecure)
            ? null
            : HandshakeFault.Of(HandshakeRule.OriginMustBeAllowed, Describe(origins, host, isSecure));
    }

    private static string Describe(IReadOnlyList<string> origins, string host, bool? isSecure)
    {
        string scheme = isSecure switch { true => "https://", false => "http://", null => "" };
        return $"Origin: {string.Join(", ", origins)}; this server: {scheme}{host}; AllowedOrigins can allow it";
    }

    private static string? FirstOf(string? list)
    {
        string? first = list?.Split(',')[0].Trim(' ', '\t');
        return first is { Length: > 0 } ? first : null;
    }

    private static bool TryParse(string origin, out Entry entry)
    {
        entry = default;
        int mark = origin.IndexOf("://", StringComparison.Ordinal);
        if (mark <= 0 || !HeaderTokens.IsToken(origin.AsSpan(0, mark)) || !Authority.TryParse(origin.AsSpan(mark + 3), out Authority authority))
            return false;
        entry = new Entry(origin[..mark].ToLowerInvariant(), authority);
        return true;
    }

    private bool IsAllowed(string origin, string host, bool? isSecure)
    {
        if (origin == "null")
            return _opaque;
        if (!TryParse(origin, out Entry entry))
            return false;
        foreach (Entry allowed in _allowed)
        {
            if (allowed.IsSame(entry))
                return true;
        }

        return IsSameOrigin(entry, host, isSecure);
    }

    private static bool IsSameOrigin(Entry origin, string host, bool? isSecure)
    {
        if (origin.DefaultPort is not { } originPort || !Authority.TryParse(host, out Authority own))
            return false;
        if (isSecure is { } secure && secure != (origin.Scheme == "https"))
            return false;
        return origin.Authority.IsSame(own, originPort);
    }

    private readonly record struct Entry(string Scheme, Authority Authority)
    {
        public int? DefaultPort => Scheme switch { "https" => 443, "http" => 80, _ => null };

        public bool IsSame(Entry other) => Scheme == other.Scheme && Authority.IsSame(other.Authority, DefaultPort ?? -1);
    }
}
