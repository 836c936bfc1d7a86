namespace Sockeye.Protocol;

/// <summary>Tells which rule of the opening handshake a peer broke, where the rule stands and how a server answers.</summary>
/// <remarks>A value, not an exception: whoever finds it decides when to act on it. Immutable; any thread may read it.</remarks>
public sealed class HandshakeFault
{
    private static readonly HandshakeFault[] Table =
    [
        new(HandshakeRule.HeadMustFitLimit, "RFC 6585, section 5", 431, "the head is too large"),
        new(HandshakeRule.StartLineMustFitLimit, "RFC 9110, section 15.5.15", 414, "the first line is too long"),
        new(HandshakeRule.HeaderLineMustFitLimit, "RFC 6585, section 5", 431, "a header line is too long"),
        new(HandshakeRule.HeaderLinesMustFitLimit, "RFC 6585, section 5", 431, "there are too many header lines"),
        new(HandshakeRule.LinesMustEndWithCrLf, "RFC 9112, section 2.2", 400, "a line does not end with CR LF"),
        new(HandshakeRule.HeadMustHoldNoControls, "RFC 9110, section 5.5", 400,
            "the head holds control characters; does only one side speak TLS?"),
        new(HandshakeRule.HeadMustBeWhole, "RFC 9112, section 2.1", 400, "the head does not end with an empty line"),
        new(HandshakeRule.RequestLineMustBeWellFormed, "RFC 9112, section 3", 400, "the request line is malformed"),
        new(HandshakeRule.StatusLineMustBeWellFormed, "RFC 9112, section 4", null, "the status line is malformed"),
        new(HandshakeRule.VersionMustBeHttp1, "RFC 9112, section 2.3", 400, "the version is neither HTTP/1.1 nor HTTP/1.0"),
        new(HandshakeRule.HeaderNameMustBeToken, "RFC 9112, section 5.1", 400, "a header line has no valid name"),
        new(HandshakeRule.HeaderMustNotBeFolded, "RFC 9112, section 5.2", 400, "a header line begins with space"),
        new(HandshakeRule.HostMustBeValid, "RFC 9112, section 3.2", 400, "the header Host is missing, repeated or malformed"),
        new(HandshakeRule.TargetMustBePath, "RFC 9112, section 3.2", 400, "the target is neither a path nor an http URI"),
        new(HandshakeRule.TargetMustMatchHost, "RFC 9112, section 3.2.2", 400, "target and Host name different hosts"),
        new(HandshakeRule.MethodMustBeGet, "RFC 6455, section 4.2.1", 405, "the method is not GET"),
        new(HandshakeRule.UpgradeMustComeByHttp11, "RFC 9110, section 7.8", 426,
            "the request came by HTTP/1.0, which knows no upgrade; let proxies speak HTTP/1.1"),
        new(HandshakeRule.UpgradeMustNameWebSocket, "RFC 6455, section 4.2.1", 426,
            "this is a WebSocket server, and the request has no header Upgrade: websocket"),
        new(HandshakeRule.ConnectionMustNameUpgrade, "RFC 6455, section 4.2.1", 400,
            "the header Connection does not name Upgrade"),
        new(HandshakeRule.UpgradeMustHaveNoBody, "RFC 9112, section 6", 400, "a request to upgrade must have no body"),
        new(HandshakeRule.VersionMustBePresent, "RFC 6455, section 4.2.1", 400,
            "the header Sec-WebSocket-Version is missing or repeated"),
        new(HandshakeRule.VersionMustBeKnown, "RFC 6455, section 4.4", 426,
            "the WebSocket version is not supported; the header Sec-WebSocket-Version of this answer lists those that are"),
        new(HandshakeRule.KeyMustBeValid, "RFC 6455, section 4.2.1", 400,
            "the header Sec-WebSocket-Key is missing, repeated or not the base64 of 16 bytes"),
        new(HandshakeRule.SubprotocolsMustBeUniqueTokens, "RFC 6455, section 4.1", 400,
            "the header Sec-WebSocket-Protocol is no list of distinct tokens"),
        new(HandshakeRule.ExtensionsMustBeWellFormed, "RFC 6455, section 9.1", 400,
            "the header Sec-WebSocket-Extensions is malformed"),
        new(HandshakeRule.PathMustBeKnown, "RFC 6455, section 4.2.2", 404, "there is nothing at this path"),
        new(HandshakeRule.OriginMustBeAllowed, "RFC 6455, section 10.2", 403, "the origin of the request is not allowed"),
        new(HandshakeRule.StatusMustBe101, "RFC 6455, section 4.1", null, "the server did not switch protocols"),
        new(HandshakeRule.ResponseUpgradeMustBeWebSocket, "RFC 6455, section 4.1", null,
            "the header Upgrade of the response is not websocket"),
        new(HandshakeRule.ResponseConnectionMustNameUpgrade, "RFC 6455, section 4.1", null,
            "the header Connection of the response does not name Upgrade"),
        new(HandshakeRule.AcceptMustAnswerKey, "RFC 6455, section 4.1", null,
            "the header Sec-WebSocket-Accept does not answer the key"),
        new(HandshakeRule.ExtensionMustBeOffered, "RFC 6455, section 4.1", null,
            "the server accepted an extension that was not offered"),
        new(HandshakeRule.DeflateMustAnswerOffer, "RFC 7692, section 7.1", null,
            "the server accepted permessage-deflate with parameters that do not answer the offer"),
        new(HandshakeRule.SubprotocolMustBeOffered, "RFC 6455, section 4.1", null,
            "the server selected a subprotocol that was not offered"),
        new(HandshakeRule.SubprotocolMustBeSingle, "RFC 6455, section 4.2.2", null, "the server selected several subprotocols"),
        new(HandshakeRule.SubprotocolMustBeSelected, "RFC 6455, section 4.1", null,
            "the server selected none of the subprotocols (RequireSubprotocol = false connects without one)"),
        new(HandshakeRule.SubprotocolMustBeShared, "RFC 6455, section 4.2.2", 400,
            "the request offers none of the subprotocols that this end point demands"),
    ];

    private readonly string _text;

    private HandshakeFault(HandshakeRule rule, string source, int? statusCode, string text, string? detail = null)
    {
        Rule = rule;
        Source = source;
        StatusCode = statusCode;
        _text = text;
        Detail = detail;
    }

    /// <summary>Gets the rule that was broken.</summary>
    public HandshakeRule Rule { get; }

    /// <summary>Gets where the rule stands, such as <c>RFC 9112, section 5.1</c>.</summary>
    public string Source { get; }

    /// <summary>Gets the status of HTTP with which a server answers; null for a rule that only a server can break.</summary>
    public int? StatusCode { get; }

    /// <summary>Gets what the peer sent instead, printable and cut where it is long; null where it says nothing more.</summary>
    public string? Detail { get; }

    /// <summary>Gets what is wrong in plain words, printable ASCII.</summary>
    public string Message => Detail is null ? _text : $"{_text} ({Detail})";

    /// <summary>Gets the fault of breaking a rule.</summary>
    /// <param name="rule">The rule that was broken.</param>
    /// <param name="detail">What the peer sent instead; it is escaped and cut where it is long.</param>
    public static HandshakeFault Of(HandshakeRule rule, string? detail = null)
    {
        HandshakeFault known = Table[(int)rule];
        return detail is null
            ? known
            : new HandshakeFault(rule, known.Source, known.StatusCode, known._text, PeerText.Escape(detail));
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Message} ({Source})";
}
