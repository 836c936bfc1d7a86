using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Interop.Tests;

/// <summary>A server that demands a certificate of its clients, as OpenSSL does it.</summary>
public sealed class ClientCertificateTests
{
    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Server_of_OpenSSL_that_misses_a_certificate_of_the_client_is_told_as_a_failure_of_TLS(string version)
    {
        await using PeerProcess server = Start(version);
        string port = PortOf(server);

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => ConnectAsync(port, own: null));

        Assert.Equal(HandshakeFailure.Tls, thrown.Cause);
        Assert.Contains("alert", thrown.Message, StringComparison.Ordinal);
        server.Kill();
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Server_of_OpenSSL_takes_the_certificate_of_the_client(string version)
    {
        await using PeerProcess server = Start(version);
        string port = PortOf(server);
        using var own = X509Certificate2.CreateFromPemFile(Peers.Certificate("server.pem"), Peers.Certificate("server.key"));

        // It answers every request with a page about the connection.
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => ConnectAsync(port, own));

        Assert.Equal((HandshakeFailure.Status, 200), (thrown.Cause, thrown.StatusCode));
        server.Kill();
    }

    private static PeerProcess Start(string version) => PeerProcess.Start(
        "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", version, "-Verify", "1", "-verify_return_error", "-CAfile", Peers.Certificate("ca.pem"),
        "-purpose", "any", "-cert", Peers.Certificate("server.pem"), "-key", Peers.Certificate("server.key"));

    private static string PortOf(PeerProcess server) => server.WaitForLine("ACCEPT ").Split(':')[^1];

    private static Task<WebSocketConnection> ConnectAsync(string port, X509Certificate2? own)
    {
        SslClientAuthenticationOptions tls = TestAuthority.ClientOptions();
        if (own is not null)
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(own, additionalCertificates: null, offline: true);
        return WebSocketClient.ConnectAsync($"wss://localhost:{port}/", new() { Tls = tls });
    }
}
