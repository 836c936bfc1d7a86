using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Protocol;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.Connection;

/// <summary>Names what carries the bytes of a connection under test.</summary>
public enum Carrier
{
    Memory,
    Socket,
    Stream,
    Tls,
    EventLoop,
    EventLoopTls,
}

/// <summary>Makes the two ends of a connection over each carrier.</summary>
internal static class Carriers
{
    private static readonly Lazy<X509Certificate2> Self = new(() =>
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    });

    public static async Task<(Transport Own, Transport Peer)> ConnectAsync(Carrier carrier, Role role, BufferPool buffers)
    {
        if (carrier == Carrier.Memory)
            return InMemoryTransport.CreatePair(buffers, BufferPool.Shared);

        (ConnectedSocket own, ConnectedSocket peer) = await ConnectAsync(carrier);
        if (carrier is Carrier.Socket or Carrier.EventLoop)
            return (own.CreateTransport(buffers), peer.CreateTransport(BufferPool.Shared));
        if (carrier == Carrier.Stream)
            return (new StreamTransport(own.CreateStream(), buffers), peer.CreateTransport(BufferPool.Shared));

        (SslStream ownTls, SslStream peerTls) = await SecureAsync(role, own.CreateStream(), peer.CreateStream());
        return (new StreamTransport(ownTls, buffers, own), new StreamTransport(peerTls, BufferPool.Shared, peer));
    }

    /// <summary>Makes the two ends of a TCP connection; an event loop watches this one, where the carrier says so.</summary>
    private static async Task<(ConnectedSocket Own, ConnectedSocket Peer)> ConnectAsync(Carrier carrier)
    {
        if (carrier is not (Carrier.EventLoop or Carrier.EventLoopTls))
        {
            (Socket own, Socket peer) = await ConnectSocketsAsync();
            return (new RuntimeSocket(own), new RuntimeSocket(peer));
        }

        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        EventLoopGroup group = new EventLoopOptions().Group!;
        ConnectedSocket connected = await EventLoopConnector.ConnectAsync(group, listener.LocalEndPoint!, null, CancellationToken.None);
        return (connected, new RuntimeSocket(await listener.AcceptAsync()));
    }

    public static async Task<(Socket Own, Socket Peer)> ConnectSocketsAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var own = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Task<Socket> accept = listener.AcceptAsync();
        await own.ConnectAsync(listener.LocalEndPoint!);
        Socket peer = await accept;
        peer.NoDelay = true;
        return (own, peer);
    }

    /// <summary>Does the TLS handshake over two streams.</summary>
    public static async Task<(SslStream Own, SslStream Peer)> SecureAsync(
        Role role, Stream own, Stream peer, SslProtocols protocols = SslProtocols.None)
    {
        var ownTls = new SslStream(own);
        var peerTls = new SslStream(peer);
        (SslStream server, SslStream client) = role == Role.Server ? (ownTls, peerTls) : (peerTls, ownTls);
        Task accepted = server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = Self.Value,
            EnabledSslProtocols = protocols,
        });
        await client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = protocols,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost",
        });
        await accepted;
        return (ownTls, peerTls);
    }
}
