namespace Sockeye.Protocol;

/// <summary>Names the headers of the handshake.</summary>
internal static class HandshakeHeaders
{
    public const string Host = "Host";
    public const string Origin = "Origin";
    public const string Upgrade = "Upgrade";
    public const string Connection = "Connection";
    public const string ContentLength = "Content-Length";
    public const string TransferEncoding = "Transfer-Encoding";
    public const string Key = "Sec-WebSocket-Key";
    public const string Accept = "Sec-WebSocket-Accept";
    public const string Version = "Sec-WebSocket-Version";
    public const string Protocol = "Sec-WebSocket-Protocol";
    public const string Extensions = "Sec-WebSocket-Extensions";

    /// <summary>The origin in version 8 of the protocol.</summary>
    public const string OldOrigin = "Sec-WebSocket-Origin";

    private static readonly string[] Reserved =
        [Upgrade, Connection, ContentLength, TransferEncoding, Key, Accept, Version, Protocol, Extensions, OldOrigin];

    /// <summary>Throws where headers that a user adds hold one that the handshake itself writes.</summary>
    public static void ThrowIfReserved(HttpHeaders headers, string name)
    {
        ArgumentNullException.ThrowIfNull(headers, name);
        foreach (string reserved in Reserved)
        {
            if (headers.Contains(reserved))
            {
                throw new ArgumentException(
                    $"{name} must not hold {reserved}: the handshake writes it. Subprotocols and the origin have options of their own.", name);
            }
        }
    }
}
