namespace Sockeye.Protocol;

/// <summary>Names the side of a connection: it decides who masks and who must not (RFC 6455, section 5.1).</summary>
public enum Role : byte
{
    /// <summary>The side that accepted the connection. It receives masked frames and sends unmasked ones.</summary>
    Server,

    /// <summary>The side that opened the connection. It sends masked frames and receives unmasked ones.</summary>
    Client,
}
