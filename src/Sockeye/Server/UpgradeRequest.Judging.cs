using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>What is found out about a request before it is answered: whether it can be accepted, and on which terms.</content>
public sealed partial class UpgradeRequest
{
    /// <summary>Finds why a request cannot be accepted with some options; null where it can.</summary>
    internal HandshakeFault? FindFault(WebSocketAcceptOptions options) => Fault ?? CheckVersion(options) ?? CheckOrigin(options);

    /// <summary>Finds why a request cannot be accepted with the subprotocol that was selected; null where it can.</summary>
    internal HandshakeFault? FindFault(WebSocketAcceptOptions options, string? subprotocol) =>
        subprotocol is null && options.RequireSubprotocol
        ? HandshakeFault.Of(HandshakeRule.SubprotocolMustBeShared, Headers[HandshakeHeaders.Protocol])
        : null;

    /// <summary>Asks the application about a request without a fault; null where it is welcome.</summary>
    internal ValueTask<HandshakeRefusal?> AuthorizeAsync(WebSocketAcceptOptions options) => options.Authorize?.Invoke(this) ?? default;

    /// <summary>Selects what both sides agree on, of a request without a fault, and makes the response that says so.</summary>
    internal ResponseHead Agree(WebSocketAcceptOptions options, out string? subprotocol, out DeflateAgreement? deflate)
    {
        subprotocol = options.Select(this);
        deflate = DeflateAgreement.Accept(_offer!.Extensions, options.PerMessageDeflate, out ExtensionOffer? extension);
        HttpHeaders headers = options.Headers;
        if (_responseHeaders is { Count: > 0 } own)
        {
            HandshakeHeaders.ThrowIfReserved(own, nameof(ResponseHeaders));
            headers = new HttpHeaders(headers);
            foreach ((string name, string value) in own)
                headers.AddChecked(name, value);
        }

        return _offer.Accept(subprotocol, extension is null ? null : [extension], headers);
    }

    private HandshakeFault? CheckVersion(WebSocketAcceptOptions options) => options.ProtocolVersions.Contains(_offer!.Version)
        ? null
        : HandshakeFault.Of(HandshakeRule.VersionMustBeKnown, Headers[HandshakeHeaders.Version]);

    private HandshakeFault? CheckOrigin(WebSocketAcceptOptions options)
    {
        OriginPolicy? policy = options.Origins ?? (_settings.IsOriginChecked ? null : _settings.Origins);
        return policy?.Check(Head, IsSecure ? true : null, _settings.Proxies.Trusts(RemoteEndPoint));
    }
}
