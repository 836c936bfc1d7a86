using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Brings about the transport that a client speaks over: name, TCP, TLS.</summary>
internal static class Dialing
{
    /// <summary>Connects.</summary>
    /// <exception cref="WebSocketHandshakeException">A step failed or took too long.</exception>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    public static async Task<Transport> DialAsync(WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        IPAddress[] addresses = await ResolveAsync(uri, deadline).ConfigureAwait(false);
        ConnectedSocket socket = await ConnectAsync(uri, addresses, options.EventLoop, deadline).ConfigureAwait(false);
        BufferPool buffers = options.Connection.Buffers;
        return uri.IsSecure
            ? await SecureAsync(uri, socket, options.Tls, buffers, deadline).ConfigureAwait(false)
            : socket.CreateTransport(buffers);
    }

    private static async Task<IPAddress[]> ResolveAsync(WebSocketUri uri, HandshakeDeadline deadline)
    {
        if (IPAddress.TryParse(uri.Host, out IPAddress? address))
            return [address];

        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(uri.Host, deadline.Token).ConfigureAwait(false);
            if (addresses.Length > 0)
                return addresses;
        }
        catch (Exception e) when (deadline.IsOver)
        {
            throw deadline.Explain(e, $"the address of {uri.Host}");
        }
        catch (SocketException e)
        {
            throw new WebSocketHandshakeException(HandshakeFailure.Dns, $"The host {uri.Host} has no address: {e.Message}.", e);
        }

        throw new WebSocketHandshakeException(HandshakeFailure.Dns, $"The host {uri.Host} has no address.");
    }

    /// <summary>Tries one address after the other.</summary>
    private static async Task<ConnectedSocket> ConnectAsync(
        WebSocketUri uri, IPAddress[] addresses, EventLoopOptions? eventLoop, HandshakeDeadline deadline)
    {
        SocketException? last = null;
        foreach (IPAddress address in addresses)
        {
            try
            {
                var endPoint = new IPEndPoint(address, uri.Port);
                return eventLoop?.Group is { } group
                    ? await EventLoopConnector.ConnectAsync(group, endPoint, deadline.Token).ConfigureAwait(false)
                    : await ConnectAsync(endPoint, deadline.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                if (deadline.IsOver)
                    throw deadline.Explain(e, $"a TCP connection to {uri.Host} port {uri.Port}");
                if ((e as SocketException ?? e.InnerException as SocketException) is not { } failure)
                    throw;
                last = failure;
            }
        }

        string reason = last!.SocketErrorCode == SocketError.ConnectionRefused ? "nothing listens there" : last.Message;
        throw new WebSocketHandshakeException(
            HandshakeFailure.Connect, $"Cannot connect to {uri.Host} port {uri.Port}: {reason}.", last);
    }

    private static async Task<ConnectedSocket> ConnectAsync(IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return new RuntimeSocket(socket);
        }
        catch (Exception)
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Transport> SecureAsync(
        WebSocketUri uri, ConnectedSocket socket, SslClientAuthenticationOptions? tls, BufferPool buffers, HandshakeDeadline deadline)
    {
        var stream = new SslStream(socket.CreateStream());
        try
        {
            await stream.AuthenticateAsClientAsync(TlsOptions(tls, uri.Host), deadline.Token).ConfigureAwait(false);
            return new StreamTransport(stream, buffers, socket);
        }
        catch (Exception e)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            if (deadline.IsOver)
                throw deadline.Explain(e, $"TLS with {uri.Host}");
            if (e is not (AuthenticationException or IOException or SocketException))
                throw;
            throw new WebSocketHandshakeException(
                HandshakeFailure.Tls, $"TLS with {uri.Host} port {uri.Port} failed: {(e.InnerException ?? e).Message}", e);
        }
    }

    /// <summary>Copies the user's options, with the server's name for SNI and for the check of its certificate.</summary>
    private static SslClientAuthenticationOptions TlsOptions(SslClientAuthenticationOptions? from, string host)
    {
        from ??= new SslClientAuthenticationOptions();
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = string.IsNullOrEmpty(from.TargetHost) ? host : from.TargetHost,
            ApplicationProtocols = from.ApplicationProtocols ?? [SslApplicationProtocol.Http11],
            AllowRenegotiation = from.AllowRenegotiation,
            AllowTlsResume = from.AllowTlsResume,
            CertificateChainPolicy = from.CertificateChainPolicy,
            CertificateRevocationCheckMode = from.CertificateRevocationCheckMode,
            CipherSuitesPolicy = from.CipherSuitesPolicy,
            ClientCertificateContext = from.ClientCertificateContext,
            ClientCertificates = from.ClientCertificates,
            EnabledSslProtocols = from.EnabledSslProtocols,
            EncryptionPolicy = from.EncryptionPolicy,
            LocalCertificateSelectionCallback = from.LocalCertificateSelectionCallback,
            RemoteCertificateValidationCallback = from.RemoteCertificateValidationCallback,
        };
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
        {
            options.AllowRsaPkcs1Padding = from.AllowRsaPkcs1Padding;
            options.AllowRsaPssPadding = from.AllowRsaPssPadding;
        }

        return options;
    }
}
