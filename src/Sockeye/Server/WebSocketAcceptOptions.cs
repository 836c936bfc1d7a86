using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says how a server selects a subprotocol.</summary>
public enum SubprotocolSelection
{
    /// <summary>The first of the client's that <see cref="WebSocketAcceptOptions.Subprotocols"/> lists; none where it lists none.</summary>
    Listed,

    /// <summary>The first of the client's, whatever it is, as in npm <c>ws</c>.</summary>
    FirstOffered,
}

/// <summary>Sets how requests to upgrade are accepted, at one path or for one request. Immutable; any number may share it.</summary>
public sealed record WebSocketAcceptOptions
{
    /// <summary>The default options.</summary>
    public static WebSocketAcceptOptions Default { get; } = new();

    /// <summary>Gets the subprotocol to select where the client offers it; null (the default) for none. A client that does not offer
    /// it is accepted without a subprotocol.</summary>
    /// <exception cref="ArgumentException">The value is no token.</exception>
    public string? Subprotocol
    {
        get;
        init
        {
            if (value is not null)
                Protocol.Subprotocol.Validate(value, nameof(Subprotocol));
            field = value;
        }
    }

    /// <summary>Gets the subprotocols that are supported; none by default. The first of the client's that is among them is
    /// selected, and none where none is (RFC 6455, section 4.2.2).</summary>
    /// <exception cref="ArgumentException">An element is no token or is there twice.</exception>
    public IReadOnlyList<string> Subprotocols
    {
        get;
        init
        {
            Protocol.Subprotocol.Validate(value, nameof(Subprotocols));
            field = [.. value];
        }
    } = [];

    /// <summary>Gets how a subprotocol is selected; <see cref="SubprotocolSelection.Listed"/> by default.</summary>
    public SubprotocolSelection SubprotocolSelection { get; init; }

    /// <summary>Gets what selects a subprotocol instead: it gives one of <see cref="UpgradeRequest.Subprotocols"/>, or null for none.
    /// Null by default.</summary>
    public Func<UpgradeRequest, string?>? SubprotocolSelector { get; init; }

    /// <summary>Gets what decides about each request before it is answered: it gives null to accept it, or the answer to refuse it with,
    /// such as <c>new HandshakeRefusal(401)</c>. Null (the default) accepts all. It is asked once method, headers and origin have been
    /// found good, and has until <see cref="WebSocketServerOptions.HandshakeTimeout"/>; where it throws, the answer is 500. It may add to
    /// <see cref="UpgradeRequest.ResponseHeaders"/>. Compare secrets with <see cref="Credentials.Equal"/>.</summary>
    public Func<UpgradeRequest, ValueTask<HandshakeRefusal?>>? Authorize { get; init; }

    /// <summary>Gets whether a request that offers none of the subprotocols is refused with 400; false by default: it is accepted without
    /// one.</summary>
    public bool RequireSubprotocol { get; init; }

    /// <summary>Gets the origins that are allowed besides that of the server itself, such as <c>https://example.com</c>; <c>*</c> allows
    /// any, <c>null</c> opaque ones. They are compared exactly: there are no patterns. Null (the default) leaves it to
    /// <see cref="WebSocketServerOptions.AllowedOrigins"/>, and where there is no server, allows that of the host itself alone. A
    /// request without Origin, as clients other than browsers send it, is always allowed.</summary>
    /// <exception cref="ArgumentException">An element is no origin.</exception>
    public IReadOnlyList<string>? AllowedOrigins
    {
        get;
        init
        {
            Origins = value is null ? null : new OriginPolicy(value, nameof(AllowedOrigins));
            field = value;
        }
    }

    /// <summary>Gets the versions of the WebSocket protocol to accept, the preferred one first: 13, that of RFC 6455, and 8, that of the
    /// HyBi drafts 7–12, both by default. A request for another is answered with 426 and this list (RFC 6455, section 4.4).</summary>
    /// <exception cref="ArgumentException">The list is empty or holds another version.</exception>
    public IReadOnlyList<int> ProtocolVersions
    {
        get;
        init
        {
            Protocol.ProtocolVersions.Validate(value, nameof(ProtocolVersions));
            field = [.. value];
        }
    } = Protocol.ProtocolVersions.All;

    /// <summary>Gets headers to add to the response; none by default.</summary>
    /// <exception cref="ArgumentException">They hold a header that the handshake itself writes.</exception>
    public HttpHeaders Headers
    {
        get;
        init
        {
            HandshakeHeaders.ThrowIfReserved(value, nameof(Headers));
            field = value;
        }
    } = [];

    /// <summary>Gets how messages are compressed where the client offers it: permessage-deflate (RFC 7692); null (the default) declines it.
    /// Read there about secrets before switching it on. An offer that these options do not fit is declined too, and the connection
    /// opens without compression.</summary>
    public PerMessageDeflateOptions? PerMessageDeflate { get; init; }

    /// <summary>Gets the options of the connection; null (the default) for those of the server, or the default ones.</summary>
    public WebSocketConnectionOptions? Connection { get; init; }

    internal OriginPolicy? Origins { get; private init; }

    internal string? Select(UpgradeRequest request)
    {
        if (SubprotocolSelector is { } selector)
            return selector(request);
        IReadOnlyList<string> offered = request.Subprotocols;
        if (Subprotocol is not null && Protocol.Subprotocol.Contains(offered, Subprotocol))
            return Subprotocol;
        if (SubprotocolSelection == SubprotocolSelection.FirstOffered)
            return offered.Count > 0 ? offered[0] : null;
        return Protocol.Subprotocol.Select(offered, Subprotocols);
    }
}
