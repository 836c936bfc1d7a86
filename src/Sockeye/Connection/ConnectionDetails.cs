using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds what the opening handshake agreed on.</summary>
internal sealed class ConnectionDetails
{
    private RequestHead? _request;

    public static ConnectionDetails None { get; } = new();

    public string? Subprotocol { get; init; }

    /// <summary>Gets what was agreed on for compression; null for none.</summary>
    public Compression.DeflateAgreement? Deflate { get; init; }

    /// <summary>Gets the path that was asked for; null where the connection was upgraded elsewhere.</summary>
    public string? Path { get; init; }

    /// <summary>Gets the request as it came, from which <see cref="Request"/> is made when somebody asks for it: parsed, it takes several
    /// times as much memory, and most connections live on without it.</summary>
    public ReadOnlyMemory<byte> RequestBytes { get; init; }

    /// <summary>Gets the request to upgrade, received or sent.</summary>
    public RequestHead? Request
    {
        get => _request ?? Parse();
        init => _request = value;
    }

    /// <summary>Gets the headers of the response that a client received; null for a server.</summary>
    public HttpHeaders? ResponseHeaders { get; init; }

    private RequestHead? Parse()
    {
        // It was parsed before, for the handshake: where there is one, it can be parsed. Who is first makes the object that all get.
        return RequestHead.TryParse(RequestBytes.Span, out RequestHead? parsed, out _)
            ? Interlocked.CompareExchange(ref _request, parsed, null) ?? parsed
            : null;
    }
}
