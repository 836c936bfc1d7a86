namespace Sockeye.Protocol;

/// <summary>Names each rule of the opening handshake that a peer can break.</summary>
/// <remarks><see cref="HandshakeFault"/> tells where each stands and with which status a server answers.</remarks>
public enum HandshakeRule : byte
{
    /// <summary>A head stays within <see cref="HandshakeLimits.MaxHeadBytes"/>.</summary>
    HeadMustFitLimit,

    /// <summary>The first line stays within <see cref="HandshakeLimits.MaxLineBytes"/>.</summary>
    StartLineMustFitLimit,

    /// <summary>A header line stays within <see cref="HandshakeLimits.MaxLineBytes"/>.</summary>
    HeaderLineMustFitLimit,

    /// <summary>A head has no more lines than <see cref="HandshakeLimits.MaxHeaderLines"/>.</summary>
    HeaderLinesMustFitLimit,

    /// <summary>A line ends with CR LF, and neither stands alone (RFC 9112, section 2.2).</summary>
    LinesMustEndWithCrLf,

    /// <summary>A head holds no control characters (RFC 9110, section 5.5).</summary>
    HeadMustHoldNoControls,

    /// <summary>A head ends with its first empty line (RFC 9112, section 2.1).</summary>
    HeadMustBeWhole,

    /// <summary>The first line of a request is method, target and version, one space between (RFC 9112, section 3).</summary>
    RequestLineMustBeWellFormed,

    /// <summary>The first line of a response is version, status and reason (RFC 9112, section 4).</summary>
    StatusLineMustBeWellFormed,

    /// <summary>The version is HTTP/1.0 or HTTP/1.1 (RFC 9112, section 2.3).</summary>
    VersionMustBeHttp1,

    /// <summary>The name of a header is a token, and its colon follows at once (RFC 9112, section 5.1).</summary>
    HeaderNameMustBeToken,

    /// <summary>A header line does not begin with space (RFC 9112, section 5.2).</summary>
    HeaderMustNotBeFolded,

    /// <summary>A request names one valid host (RFC 9112, section 3.2).</summary>
    HostMustBeValid,

    /// <summary>The target of a request is a path or an http URI (RFC 9112, section 3.2; RFC 6455, section 4.1).</summary>
    TargetMustBePath,

    /// <summary>A target that is a URI names the same host as the header Host (RFC 9112, section 3.2.2).</summary>
    TargetMustMatchHost,

    /// <summary>The method is GET (RFC 6455, section 4.2.1).</summary>
    MethodMustBeGet,

    /// <summary>Nobody upgrades from HTTP/1.0 (RFC 9110, section 7.8; RFC 6455, section 4.2.1).</summary>
    UpgradeMustComeByHttp11,

    /// <summary>The header Upgrade of a request names websocket (RFC 6455, section 4.2.1).</summary>
    UpgradeMustNameWebSocket,

    /// <summary>The header Connection of a request names Upgrade (RFC 6455, section 4.2.1).</summary>
    ConnectionMustNameUpgrade,

    /// <summary>A request to upgrade has no body: neither Transfer-Encoding nor a Content-Length other than 0.</summary>
    UpgradeMustHaveNoBody,

    /// <summary>The header Sec-WebSocket-Version is there, once (RFC 6455, section 4.2.1).</summary>
    VersionMustBePresent,

    /// <summary>The version of the WebSocket protocol is 13, or 8, which differs in names only (RFC 6455, section 4.4).</summary>
    VersionMustBeKnown,

    /// <summary>The header Sec-WebSocket-Key is there, once, and is the base64 of 16 bytes (RFC 6455, section 4.2.1).</summary>
    KeyMustBeValid,

    /// <summary>The subprotocols on offer are tokens, each there once (RFC 6455, section 4.1).</summary>
    SubprotocolsMustBeUniqueTokens,

    /// <summary>The header Sec-WebSocket-Extensions keeps its grammar (RFC 6455, section 9.1).</summary>
    ExtensionsMustBeWellFormed,

    /// <summary>The path of the request leads somewhere (RFC 6455, section 4.2.2).</summary>
    PathMustBeKnown,

    /// <summary>The page that a request comes from may use this server (RFC 6455, sections 4.2.2 and 10.2).</summary>
    OriginMustBeAllowed,

    /// <summary>The status of the response is 101 (RFC 6455, section 4.1).</summary>
    StatusMustBe101,

    /// <summary>The header Upgrade of a response is websocket (RFC 6455, section 4.1).</summary>
    ResponseUpgradeMustBeWebSocket,

    /// <summary>The header Connection of a response names Upgrade (RFC 6455, section 4.1).</summary>
    ResponseConnectionMustNameUpgrade,

    /// <summary>The header Sec-WebSocket-Accept of a response answers the key (RFC 6455, section 4.1).</summary>
    AcceptMustAnswerKey,

    /// <summary>A server accepts only extensions that were offered (RFC 6455, section 4.1).</summary>
    ExtensionMustBeOffered,

    /// <summary>A server accepts permessage-deflate once, with parameters that answer the offer (RFC 7692, sections 5 and 7.1).</summary>
    DeflateMustAnswerOffer,

    /// <summary>A server selects only a subprotocol that was offered (RFC 6455, section 4.1).</summary>
    SubprotocolMustBeOffered,

    /// <summary>A server selects one subprotocol, not several (RFC 6455, section 4.2.2).</summary>
    SubprotocolMustBeSingle,

    /// <summary>A server selects a subprotocol where the client demands one (<see cref="ClientHandshake.RequireSubprotocol"/>).</summary>
    SubprotocolMustBeSelected,

    /// <summary>A request offers one of the subprotocols that the end point demands (RFC 6455, section 4.2.2).</summary>
    SubprotocolMustBeShared,
}
