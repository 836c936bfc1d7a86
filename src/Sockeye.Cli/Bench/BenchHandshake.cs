using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye.Cli.Bench;

/// <summary>The opening handshake of all connections to one target: the same request each time.</summary>
internal sealed class BenchHandshake
{
    private readonly ClientHandshake _handshake;
    private readonly bool _isCompressed;

    public BenchHandshake(Uri url, bool isCompressed)
    {
        _isCompressed = isCompressed;
        string host = url.HostNameType == UriHostNameType.IPv6 ? url.Host : url.IdnHost;
        _handshake = new ClientHandshake(
            url.IsDefaultPort ? host : $"{host}:{url.Port}",
            url.PathAndQuery,
            HandshakeKey.Create(RandomNumberGenerator.GetBytes(HandshakeKey.Size)))
        {
            Extensions = isCompressed ? [DeflateNegotiation.Offer(Wishes)] : [],
        };
        Request = _handshake.CreateRequest().ToBytes();
    }

    /// <summary>Gets the request as it is sent.</summary>
    public byte[] Request { get; }

    // Each message is deflated alone, once and beforehand.
    private static DeflateParameters Wishes => new() { ClientNoContextTakeover = true };

    /// <summary>Reads the response, and judges it.</summary>
    /// <param name="received">All that has come.</param>
    /// <param name="size">The number of its bytes that are the response.</param>
    /// <returns>Whether it is whole.</returns>
    /// <exception cref="IOException">The server does not switch to WebSocket as it was asked to.</exception>
    public bool TryRead(ReadOnlySpan<byte> received, out int size)
    {
        if (!new HeadScanner().TryFindEnd(received, out size, out HandshakeFault? fault))
            return fault is null ? false : throw new IOException($"{fault}.");
        if (!ResponseHead.TryParse(received[..size], out ResponseHead? response, out fault)
            || !_handshake.TryAccept(response, out HandshakeAgreement? agreement, out fault))
        {
            throw new IOException($"{fault}.");
        }

        if (_isCompressed && agreement.Extensions is not [var extension])
            throw new IOException("the server does not compress: switch permessage-deflate on there, or leave --compress away.");
        if (_isCompressed && !DeflateNegotiation.TryAgree(agreement.Extensions[0], Wishes, out _, out string? unkept))
            throw new IOException($"{unkept}.");
        return true;
    }
}
