using System.ComponentModel;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Sockeye;

/// <summary>Lays TLS over the way to a peer, and tells why where that fails.</summary>
internal static class ClientTls
{
    // The alert; OpenSSL numbers what it was told by its peer from 1000 on. Windows: SEC_E_APPLICATION_PROTOCOL_MISMATCH.
    private const int NoApplicationProtocol = 120;
    private const int ApplicationProtocolMismatch = unchecked((int)0x80090367);

    /// <summary>Performs the handshake of TLS.</summary>
    /// <param name="link">The way; it is closed where the method throws.</param>
    /// <param name="tls">The options of the user; null for those of the system.</param>
    /// <param name="host">Whom the certificate must name, unless the options say otherwise.</param>
    /// <param name="port">The port, for messages.</param>
    /// <param name="deadline">Bounds it.</param>
    /// <exception cref="WebSocketHandshakeException">It failed, or took too long.</exception>
    public static async Task<Link> SecureAsync(
        Link link, SslClientAuthenticationOptions? tls, string host, int port, HandshakeDeadline deadline)
    {
        SslClientAuthenticationOptions options = Copy(tls, host);
        var check = new CertificateCheck(options.TargetHost!, options.RemoteCertificateValidationCallback);
        options.RemoteCertificateValidationCallback = check.Judge;
        var stream = new SslStream(link.OpenStream());
        try
        {
            await stream.AuthenticateAsClientAsync(options, deadline.Token).ConfigureAwait(false);
            return link with { Stream = stream };
        }
        catch (Exception e)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            if (deadline.IsOver)
                throw deadline.Explain(e, $"TLS with {host}");
            // The last two come of the stream below, where it is the user's.
            if (e is not (AuthenticationException or IOException or SocketException or OperationCanceledException or InvalidOperationException))
                throw;
            throw new WebSocketHandshakeException(
                HandshakeFailure.Tls, $"TLS with {host} port {port} failed: {(check.Reason is { } reason ? $"{reason}." : ReasonOf(e, check.HasRun || IsOfTls(e)))}", e)
            {
                CertificateErrors = check.Errors,
                IsUntrusted = check.Reason is not null,
            };
        }
    }

    /// <summary>Explains a failure that came after the handshake, where TLS is behind it and not the network: in TLS 1.3 a server tells
    /// only then that it wants a certificate of the client.</summary>
    /// <returns>The exception to throw; null where it is the network.</returns>
    public static WebSocketHandshakeException? Explain(Exception exception) =>
        IsOfTls(exception)
            ? new WebSocketHandshakeException(
                HandshakeFailure.Tls,
                $"The server broke TLS off: {ReasonOf(exception, isTls: true)} Where it wants a certificate of the client, "
                    + "set Tls.ClientCertificateContext.",
                exception)
            : null;

    /// <summary>Tells whether the peer broke TLS off because it speaks none of the protocols that ALPN named (RFC 7301, section 3.2).</summary>
    public static bool IsWithoutProtocol(Exception exception) => exception.GetBaseException() switch
    {
        CryptographicException openSsl => (openSsl.HResult & 0xFFF) == 1000 + NoApplicationProtocol,
        Win32Exception windows => windows.NativeErrorCode == ApplicationProtocolMismatch,
        _ => false,
    };

    /// <summary>Tells whether it is TLS that failed, not the network below it nor a peer that does not speak it.</summary>
    private static bool IsOfTls(Exception exception) =>
        exception.GetBaseException() is CryptographicException or (Win32Exception and not SocketException);

    private static string ReasonOf(Exception exception, bool isTls)
    {
        string reason = exception.GetBaseException().Message.TrimEnd('.');
        return isTls ? $"{reason}." : $"{reason}; does the server speak TLS at this port?";
    }

    /// <summary>Copies the user's options, with the server's name for SNI and for the check of its certificate.</summary>
    private static SslClientAuthenticationOptions Copy(SslClientAuthenticationOptions? from, string host)
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

    /// <summary>Copies the user's options for another peer than the one they were set for: without what proves or names
    /// somebody.</summary>
    public static SslClientAuthenticationOptions? ForAnother(SslClientAuthenticationOptions? tls)
    {
        if (tls is null)
            return null;
        SslClientAuthenticationOptions options = Copy(tls, host: "");
        options.TargetHost = null;
        options.ClientCertificates = null;
        options.ClientCertificateContext = null;
        options.LocalCertificateSelectionCallback = null;
        return options;
    }
}
