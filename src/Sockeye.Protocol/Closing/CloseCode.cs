namespace Sockeye.Protocol;

/// <summary>Says why a connection was closed (RFC 6455, section 7.4.1, and the IANA registry).</summary>
/// <remarks>Any other code of 3000–4999 can be cast to this type: 3000–3999 are registered by libraries and frameworks,
/// 4000–4999 are free for applications.</remarks>
public enum CloseCode
{
    /// <summary>1000: the purpose of the connection has been fulfilled.</summary>
    Normal = 1000,

    /// <summary>1001: a server goes down or a page is left.</summary>
    GoingAway = 1001,

    /// <summary>1002: the peer broke the protocol.</summary>
    ProtocolError = 1002,

    /// <summary>1003: the peer sent a type of data that is not accepted.</summary>
    UnsupportedData = 1003,

    /// <summary>1005: the Close frame held no code. Never on the wire.</summary>
    NoStatus = 1005,

    /// <summary>1006: the connection ended without a Close frame. Never on the wire.</summary>
    Abnormal = 1006,

    /// <summary>1007: the data does not fit its type: text that is not UTF-8, say.</summary>
    InvalidPayload = 1007,

    /// <summary>1008: the message breaks a policy of the receiver.</summary>
    PolicyViolation = 1008,

    /// <summary>1009: the message is too big for the receiver.</summary>
    MessageTooBig = 1009,

    /// <summary>1010: the client expected an extension that the server did not negotiate.</summary>
    MandatoryExtension = 1010,

    /// <summary>1011: the peer met a condition that it did not expect.</summary>
    InternalError = 1011,

    /// <summary>1012: the service restarts; reconnecting is welcome.</summary>
    ServiceRestart = 1012,

    /// <summary>1013: the service is overloaded; try again later.</summary>
    TryAgainLater = 1013,

    /// <summary>1014: a gateway received an invalid response from its upstream.</summary>
    BadGateway = 1014,

    /// <summary>1015: the TLS handshake failed. Never on the wire.</summary>
    TlsHandshake = 1015,

    /// <summary>3000: the end point needs authorization.</summary>
    Unauthorized = 3000,

    /// <summary>3003: the end point is not open to this client.</summary>
    Forbidden = 3003,

    /// <summary>3008: the end point took too long to respond.</summary>
    Timeout = 3008,
}
