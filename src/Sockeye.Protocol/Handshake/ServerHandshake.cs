using System.Diagnostics.CodeAnalysis;

namespace Sockeye.Protocol;

/// <summary>Judges requests to upgrade, as a server must (RFC 6455, section 4.2.1).</summary>
public static class ServerHandshake
{
    /// <summary>Tells whether a request is a valid one to upgrade to WebSocket.</summary>
    /// <param name="request">The request.</param>
    public static bool IsAcceptable(RequestHead request) => TryEvaluate(request, out _, out _);

    /// <summary>Judges a request; whether its path and its origin are welcome is for the server to say.</summary>
    /// <param name="request">The request.</param>
    /// <param name="offer">What the client offers; <see cref="UpgradeOffer.Accept"/> makes the response.</param>
    /// <param name="fault">The rule that the request breaks, when the method returns false;
    /// <see cref="HandshakeRefusal.Of"/> makes the response.</param>
    /// <returns>Whether the request can be accepted.</returns>
    public static bool TryEvaluate(
        RequestHead request,
        [NotNullWhen(true)] out UpgradeOffer? offer,
        [NotNullWhen(false)] out HandshakeFault? fault) => TryEvaluate(request, isExtendedConnect: false, out offer, out fault);

    /// <summary>Judges a request of HTTP/1.1, or one of HTTP/2 or later: an extended CONNECT, whose <c>:protocol</c> is what asks for
    /// the upgrade, and which has no key (RFC 8441, section 5).</summary>
    internal static bool TryEvaluate(
        RequestHead request,
        bool isExtendedConnect,
        [NotNullWhen(true)] out UpgradeOffer? offer,
        [NotNullWhen(false)] out HandshakeFault? fault)
    {
        ArgumentNullException.ThrowIfNull(request);
        offer = null;
        fault = CheckRequest(request, isExtendedConnect ? "CONNECT" : "GET")
            ?? (isExtendedConnect ? CheckVersion(request.Headers) : CheckUpgrade(request));
        if (fault is not null)
            return false;

        HttpHeaders headers = request.Headers;
        if (!Subprotocol.TryParse(headers[HandshakeHeaders.Protocol], out IReadOnlyList<string>? subprotocols))
        {
            fault = HandshakeFault.Of(HandshakeRule.SubprotocolsMustBeUniqueTokens, headers[HandshakeHeaders.Protocol]);
            return false;
        }

        if (!ExtensionHeader.TryParse(headers[HandshakeHeaders.Extensions], out IReadOnlyList<ExtensionOffer>? extensions))
        {
            fault = HandshakeFault.Of(HandshakeRule.ExtensionsMustBeWellFormed, headers[HandshakeHeaders.Extensions]);
            return false;
        }

        int version = ProtocolVersions.Parse(headers[HandshakeHeaders.Version])[0];
        offer = new UpgradeOffer(isExtendedConnect ? "" : headers[HandshakeHeaders.Key]!, version, subprotocols, extensions);
        return true;
    }

    /// <summary>Checks what any request must keep, its method, and that its target is a path.</summary>
    private static HandshakeFault? CheckRequest(RequestHead request, string method)
    {
        // HTTP/1.0 knows requests without Host.
        int hosts = request.Headers.Find(HandshakeHeaders.Host, out string? named);
        Authority host = default;
        if ((hosts != 1 || !Authority.TryParse(named, out host)) && (request.MinorVersion > 0 || hosts > 0))
            return HandshakeFault.Of(HandshakeRule.HostMustBeValid, hosts == 1 ? named : null);
        if (request.Method != method)
            return HandshakeFault.Of(HandshakeRule.MethodMustBeGet, request.Method);
        if (request.Path.Length == 0)
            return HandshakeFault.Of(HandshakeRule.TargetMustBePath, request.Target);
        if (request.TargetOrigin is { } origin)
        {
            int defaultPort = origin.Scheme.Length == 4 ? 80 : 443;
            if (!Authority.TryParse(origin.Authority, out Authority target) || !target.IsSame(host, defaultPort))
                return HandshakeFault.Of(HandshakeRule.TargetMustMatchHost, $"{request.Target}, Host: {request.Headers[HandshakeHeaders.Host]}");
        }

        return null;
    }

    private static HandshakeFault? CheckUpgrade(RequestHead request)
    {
        HttpHeaders headers = request.Headers;
        if (!HeaderTokens.Contains(headers[HandshakeHeaders.Upgrade], "websocket"))
            return HandshakeFault.Of(HandshakeRule.UpgradeMustNameWebSocket, headers[HandshakeHeaders.Upgrade]);
        if (request.MinorVersion == 0)
            return HandshakeFault.Of(HandshakeRule.UpgradeMustComeByHttp11);
        if (!HeaderTokens.Contains(headers[HandshakeHeaders.Connection], "Upgrade"))
            return HandshakeFault.Of(HandshakeRule.ConnectionMustNameUpgrade, headers[HandshakeHeaders.Connection]);
        if (headers.Contains(HandshakeHeaders.TransferEncoding) || (headers[HandshakeHeaders.ContentLength] ?? "0") != "0")
            return HandshakeFault.Of(HandshakeRule.UpgradeMustHaveNoBody);

        if (CheckVersion(headers) is { } fault)
            return fault;
        if (!HandshakeKey.IsValid(headers[HandshakeHeaders.Key]))
            return HandshakeFault.Of(HandshakeRule.KeyMustBeValid, headers[HandshakeHeaders.Key]);
        return null;
    }

    private static HandshakeFault? CheckVersion(HttpHeaders headers)
    {
        if (headers.Find(HandshakeHeaders.Version, out string? version) != 1)
            return HandshakeFault.Of(HandshakeRule.VersionMustBePresent);
        return version is "13" or "8" ? null : HandshakeFault.Of(HandshakeRule.VersionMustBeKnown, version);
    }
}
