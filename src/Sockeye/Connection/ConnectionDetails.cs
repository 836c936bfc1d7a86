using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds what the opening handshake agreed on.</summary>
internal sealed record ConnectionDetails
{
    public static ConnectionDetails None { get; } = new();

    public string? Subprotocol { get; init; }

    /// <summary>Gets what was agreed on for compression; null for none.</summary>
    public Compression.DeflateAgreement? Deflate { get; init; }

    /// <summary>Gets the request to upgrade, received or sent.</summary>
    public RequestHead? Request { get; init; }

    /// <summary>Gets the headers of the response that a client received; null for a server.</summary>
    public HttpHeaders? ResponseHeaders { get; init; }
}
