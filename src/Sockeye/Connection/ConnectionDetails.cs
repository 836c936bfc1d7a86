using System.Net;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds what the opening handshake agreed on.</summary>
internal sealed class ConnectionDetails
{
    // The request, or the bytes of it that PackedHead keeps.
    private object? _request;

    public static ConnectionDetails None { get; } = new();

    public string? Subprotocol { get; init; }

    /// <summary>Gets what was agreed on for compression; null for none.</summary>
    public Compression.DeflateAgreement? Deflate { get; init; }

    /// <summary>Gets the path that was asked for; null where the connection was upgraded elsewhere.</summary>
    public string? Path { get; init; }

    /// <summary>Gets the address of the client for whom a trusted proxy speaks; null where the peer is the client.</summary>
    public IPAddress? ForwardedFor { get; init; }

    /// <summary>Gets where the peer is, as the application has told it; null where the transport knows.</summary>
    public EndPoint? RemoteEndPoint { get; init; }

    /// <summary>Sets the request, or the bytes of it that <see cref="PackedHead"/> keeps, from which <see cref="Request"/> is made when
    /// somebody asks for it: parsed, it takes many times as much memory, and most connections live on without it.</summary>
    public object AnyRequest
    {
        init => _request = value;
    }

    /// <summary>Gets the request to upgrade, received or sent.</summary>
    public RequestHead? Request
    {
        get => Volatile.Read(ref _request) is byte[] packed ? Parse(packed) : (RequestHead?)_request;
        init => _request = value;
    }

    /// <summary>Gets the headers of the response that a client received; null for a server.</summary>
    public HttpHeaders? ResponseHeaders { get; init; }

    private RequestHead? Parse(byte[] packed)
    {
        // It was parsed before, for the handshake: it can be parsed. Who is first makes the object that all get.
        _ = RequestHead.TryParse(PackedHead.Unpack(packed), out RequestHead? parsed, out _);
        object? seen = Interlocked.CompareExchange(ref _request, parsed, packed);
        return seen == packed ? parsed : (RequestHead?)seen;
    }
}
