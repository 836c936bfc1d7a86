namespace Sockeye.Protocol;

/// <summary>Holds what a client offers with a valid request to upgrade. <see cref="ServerHandshake"/> makes it.</summary>
public sealed class UpgradeOffer
{
    internal UpgradeOffer(
        string key, int version, IReadOnlyList<string> subprotocols, IReadOnlyList<ExtensionOffer> extensions)
    {
        Key = key;
        Version = version;
        Subprotocols = subprotocols;
        Extensions = extensions;
    }

    /// <summary>Gets the key, the value of <c>Sec-WebSocket-Key</c>; empty where the request is an extended CONNECT of HTTP/2
    /// (RFC 8441), which has none.</summary>
    public string Key { get; }

    /// <summary>Gets the version of the WebSocket protocol: 13 or 8.</summary>
    public int Version { get; }

    /// <summary>Gets the subprotocols on offer, distinct, in the client's order of preference.</summary>
    public IReadOnlyList<string> Subprotocols { get; }

    /// <summary>Gets the extensions on offer, in the client's order of preference.</summary>
    public IReadOnlyList<ExtensionOffer> Extensions { get; }

    /// <summary>Makes the response that accepts the offer: 101 Switching Protocols (RFC 6455, section 4.2.2), or 200 to an extended
    /// CONNECT (RFC 8441, section 5).</summary>
    /// <param name="subprotocol">The subprotocol that is selected, one of <see cref="Subprotocols"/>; null for none.</param>
    /// <param name="extensions">The extensions that are accepted, of those in <see cref="Extensions"/>; null for none.</param>
    /// <param name="headers">Headers to add; null for none.</param>
    /// <exception cref="ArgumentException">The subprotocol or an extension was not offered, or the headers hold one that the
    /// handshake writes.</exception>
    public ResponseHead Accept(
        string? subprotocol = null, IReadOnlyList<ExtensionOffer>? extensions = null, HttpHeaders? headers = null)
    {
        var response = new HttpHeaders();
        bool isUpgrade = Key.Length > 0;
        if (isUpgrade)
        {
            response.AddChecked(HandshakeHeaders.Upgrade, "websocket");
            response.AddChecked(HandshakeHeaders.Connection, "Upgrade");
            response.AddChecked(HandshakeHeaders.Accept, HandshakeKey.ComputeAccept(Key));
        }

        if (subprotocol is not null)
        {
            if (!Subprotocol.Contains(Subprotocols, subprotocol))
            {
                throw new ArgumentException(
                    $"The client did not offer the subprotocol '{PeerText.Escape(subprotocol)}': select one of its list, or none.",
                    nameof(subprotocol));
            }

            response.AddChecked(HandshakeHeaders.Protocol, subprotocol);
        }

        if (extensions is { Count: > 0 })
        {
            if (FindUnknown(extensions, Extensions) is { } unknown)
                throw new ArgumentException($"The client did not offer the extension {unknown.Name}.", nameof(extensions));
            response.AddChecked(HandshakeHeaders.Extensions, ExtensionHeader.Format(extensions));
        }

        if (headers is not null)
        {
            HandshakeHeaders.ThrowIfReserved(headers, nameof(headers));
            foreach ((string name, string value) in headers)
                response.AddChecked(name, value);
        }

        return new ResponseHead(isUpgrade ? 101 : 200, response);
    }

    /// <summary>Finds an extension whose name is not among the offers.</summary>
    internal static ExtensionOffer? FindUnknown(IReadOnlyList<ExtensionOffer> extensions, IReadOnlyList<ExtensionOffer> offers)
    {
        foreach (ExtensionOffer extension in extensions)
        {
            bool isKnown = false;
            foreach (ExtensionOffer offer in offers)
                isKnown |= string.Equals(offer.Name, extension.Name, StringComparison.OrdinalIgnoreCase);
            if (!isKnown)
                return extension;
        }

        return null;
    }
}
