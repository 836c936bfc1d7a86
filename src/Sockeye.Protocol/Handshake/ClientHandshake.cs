using System.Diagnostics.CodeAnalysis;

namespace Sockeye.Protocol;

/// <summary>Makes a request to upgrade and judges the response to it, as a client must (RFC 6455, section 4.1).</summary>
/// <remarks>Immutable; one handshake is for one connection, since its key must be fresh.</remarks>
public sealed class ClientHandshake
{
    /// <summary>Makes the handshake of one connection.</summary>
    /// <param name="host">The value of <c>Host</c>: the host, and the port unless it is the default.</param>
    /// <param name="target">The path with its query, at least <c>/</c>; percent-encoded.</param>
    /// <param name="key">The key, made by <see cref="HandshakeKey.Create"/>.</param>
    /// <exception cref="ArgumentException">A value cannot stand in a request.</exception>
    public ClientHandshake(string host, string target, string key)
    {
        if (!Authority.TryParse(host, out _))
            throw new ArgumentException($"'{PeerText.Escape(host)}' is no host with or without a port.", nameof(host));
        if (target is not ['/', ..])
            throw new ArgumentException($"The target '{PeerText.Escape(target)}' must begin with '/'.", nameof(target));
        if (!HandshakeKey.IsValid(key))
            throw new ArgumentException("The key must be the base64 of 16 bytes: HandshakeKey.Create makes one.", nameof(key));
        Host = host;
        Target = target;
        Key = key;
    }

    /// <summary>Gets the value of <c>Host</c>.</summary>
    public string Host { get; }

    /// <summary>Gets the target.</summary>
    public string Target { get; }

    /// <summary>Gets the key.</summary>
    public string Key { get; }

    /// <summary>Gets the subprotocols to offer, the one preferred first; none by default.</summary>
    /// <exception cref="ArgumentException">An element is no token or is there twice.</exception>
    public IReadOnlyList<string> Subprotocols
    {
        get;
        init
        {
            Subprotocol.Validate(value, nameof(Subprotocols));
            field = [.. value];
        }
    } = [];

    /// <summary>Gets whether a response that selects none of the <see cref="Subprotocols"/> is a failure; true by default, as in
    /// browsers. It has no effect where none is offered.</summary>
    public bool RequireSubprotocol { get; init; } = true;

    /// <summary>Gets the extensions to offer, the one preferred first; none by default.</summary>
    public IReadOnlyList<ExtensionOffer> Extensions
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Extensions));
            field = [.. value];
        }
    } = [];

    /// <summary>Gets the version of the WebSocket protocol: 13 (the default), that of RFC 6455, or 8, that of the HyBi drafts 7–12.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is neither.</exception>
    public int ProtocolVersion
    {
        get;
        init
        {
            ProtocolVersions.Validate(value, nameof(ProtocolVersion));
            field = value;
        }
    } = ProtocolVersions.Rfc6455;

    /// <summary>Gets the value of <c>Origin</c>, which is named <c>Sec-WebSocket-Origin</c> in version 8; null (the default) sends none,
    /// as is usual for clients that are no browsers.</summary>
    public string? Origin { get; init; }

    /// <summary>Gets the headers to add, sent as they are; none by default. <c>Host</c> may be among them and replaces the other.</summary>
    /// <exception cref="ArgumentException">They hold a header that the handshake itself writes.</exception>
    public HttpHeaders Headers
    {
        get;
        init
        {
            HandshakeHeaders.ThrowIfReserved(value, nameof(Headers));
            if (value.GetValues(HandshakeHeaders.Host).Count > 1)
                throw new ArgumentException("Headers must hold Host once at most.", nameof(Headers));
            field = new HttpHeaders(value);
        }
    } = [];

    /// <summary>Gets whether the request is an extended CONNECT of HTTP/2, which has no key and is answered with 200 (RFC 8441,
    /// section 5).</summary>
    internal bool IsExtendedConnect { get; init; }

    /// <summary>Makes the request.</summary>
    /// <exception cref="ArgumentException">The target or the origin cannot stand in a request, or the origin stands in
    /// <see cref="Headers"/> as well.</exception>
    public RequestHead CreateRequest()
    {
        if (Origin is not null && Headers.Contains(HandshakeHeaders.Origin))
            throw new ArgumentException("Set Origin or a header Origin, not both.", nameof(Origin));

        var headers = new HttpHeaders();
        if (!Headers.Contains(HandshakeHeaders.Host))
            headers.AddChecked(HandshakeHeaders.Host, Host);
        if (!IsExtendedConnect)
        {
            headers.AddChecked(HandshakeHeaders.Upgrade, "websocket");
            headers.AddChecked(HandshakeHeaders.Connection, "Upgrade");
            headers.AddChecked(HandshakeHeaders.Key, Key);
        }

        headers.AddChecked(HandshakeHeaders.Version, ProtocolVersion.ToString());
        if (Origin is not null)
            headers.Add(ProtocolVersions.OriginHeader(ProtocolVersion), Origin);
        if (Subprotocols.Count > 0)
            headers.AddChecked(HandshakeHeaders.Protocol, string.Join(", ", Subprotocols));
        if (Extensions.Count > 0)
            headers.AddChecked(HandshakeHeaders.Extensions, ExtensionHeader.Format(Extensions));
        foreach ((string name, string value) in Headers)
            headers.AddChecked(name, value);
        return new RequestHead(IsExtendedConnect ? "CONNECT" : "GET", Target, headers);
    }

    /// <summary>Judges the response to the request.</summary>
    /// <param name="response">The response; not an interim one (100, 102–199), which is to be skipped.</param>
    /// <param name="agreement">What both sides agree on. The parameters of extensions are for the extensions to judge.</param>
    /// <param name="fault">The rule that the response breaks, when the method returns false.</param>
    /// <returns>Whether the connection is open.</returns>
    public bool TryAccept(
        ResponseHead response,
        [NotNullWhen(true)] out HandshakeAgreement? agreement,
        [NotNullWhen(false)] out HandshakeFault? fault)
    {
        ArgumentNullException.ThrowIfNull(response);
        agreement = null;
        fault = CheckSwitch(response)
            ?? CheckSubprotocol(response.Headers[HandshakeHeaders.Protocol])
            ?? CheckExtensions(response.Headers[HandshakeHeaders.Extensions], out agreement);
        if (fault is not null)
            return false;

        agreement = agreement! with { Subprotocol = response.Headers[HandshakeHeaders.Protocol] };
        return true;
    }

    /// <summary>Gets the versions of the WebSocket protocol that a server names when it refuses a request (RFC 6455, section 4.4).</summary>
    /// <param name="response">A response other than 101.</param>
    /// <returns>The versions as the server lists them; none where the refusal has nothing to do with the version.</returns>
    public static IReadOnlyList<int> GetSupportedVersions(ResponseHead response)
    {
        ArgumentNullException.ThrowIfNull(response);
        return ProtocolVersions.Parse(response.Headers[HandshakeHeaders.Version]);
    }

    private HandshakeFault? CheckSwitch(ResponseHead response)
    {
        HttpHeaders headers = response.Headers;
        if (IsExtendedConnect)
            return response.StatusCode == 200 ? null : HandshakeFault.Of(HandshakeRule.StatusMustBe101, $"{response.StatusCode}");
        if (response.StatusCode != 101)
            return HandshakeFault.Of(HandshakeRule.StatusMustBe101, $"{response.StatusCode} {response.ReasonPhrase}".TrimEnd());
        if (response.MinorVersion == 0)
            return HandshakeFault.Of(HandshakeRule.StatusMustBe101, "HTTP/1.0 knows no upgrade");
        if (!string.Equals(headers[HandshakeHeaders.Upgrade], "websocket", StringComparison.OrdinalIgnoreCase))
            return HandshakeFault.Of(HandshakeRule.ResponseUpgradeMustBeWebSocket, headers[HandshakeHeaders.Upgrade]);
        if (!HeaderTokens.Contains(headers[HandshakeHeaders.Connection], "Upgrade"))
            return HandshakeFault.Of(HandshakeRule.ResponseConnectionMustNameUpgrade, headers[HandshakeHeaders.Connection]);
        if (headers[HandshakeHeaders.Accept] != HandshakeKey.ComputeAccept(Key))
            return HandshakeFault.Of(HandshakeRule.AcceptMustAnswerKey, headers[HandshakeHeaders.Accept]);
        return null;
    }

    private HandshakeFault? CheckSubprotocol(string? selected)
    {
        if (selected is null)
        {
            return Subprotocols.Count > 0 && RequireSubprotocol
                ? HandshakeFault.Of(HandshakeRule.SubprotocolMustBeSelected)
                : null;
        }

        if (Subprotocol.Contains(Subprotocols, selected))
            return null;
        return HandshakeFault.Of(
            selected.Contains(',', StringComparison.Ordinal)
                ? HandshakeRule.SubprotocolMustBeSingle
                : HandshakeRule.SubprotocolMustBeOffered,
            selected);
    }

    private HandshakeFault? CheckExtensions(string? value, out HandshakeAgreement? agreement)
    {
        agreement = null;
        if (!ExtensionHeader.TryParse(value, out IReadOnlyList<ExtensionOffer>? extensions))
            return HandshakeFault.Of(HandshakeRule.ExtensionsMustBeWellFormed, value);
        if (UpgradeOffer.FindUnknown(extensions, Extensions) is { } unknown)
            return HandshakeFault.Of(HandshakeRule.ExtensionMustBeOffered, unknown.Name);
        agreement = new HandshakeAgreement(null, extensions);
        return null;
    }
}

/// <summary>Holds what both sides agreed on in the handshake.</summary>
/// <param name="Subprotocol">The subprotocol; null for none.</param>
/// <param name="Extensions">The extensions, as the server accepted them, in the order in which they apply.</param>
public sealed record HandshakeAgreement(string? Subprotocol, IReadOnlyList<ExtensionOffer> Extensions);
