using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>What stands behind a server's certificate: who issued it, by way of whom, and who takes it back.</summary>
public sealed class CertificateChainTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Chain_is_trusted_by_its_root_alone_where_the_server_sends_what_lies_between(bool sendsIntermediate)
    {
        using X509Certificate2 root = Issue("CN=Root", issuer: null, Authority);
        using X509Certificate2 intermediate = Issue("CN=Intermediate", root, Authority);
        using X509Certificate2 server = Issue("CN=localhost", intermediate, ForLocalhost);
        var serving = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(server, sendsIntermediate ? [intermediate] : null, offline: true),
        };
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = serving });

        Task<WebSocketConnection> connecting = ConnectAsync(test, root, X509RevocationMode.NoCheck);

        if (sendsIntermediate)
        {
            (await connecting.Soon()).Abort();
            return;
        }

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal((HandshakeFailure.Tls, SslPolicyErrors.RemoteCertificateChainErrors), (thrown.Cause, thrown.CertificateErrors));
        Assert.Contains("it names as its issuer: CN=Intermediate", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("the server does not send the intermediate certificates", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Certificate_that_a_CRL_revokes_is_told(bool isRevoked)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string uri = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/{Guid.NewGuid():N}.crl";
        using X509Certificate2 root = Issue("CN=Root", issuer: null, Authority);
        using X509Certificate2 server = Issue("CN=localhost", root, request =>
        {
            ForLocalhost(request);
            request.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([uri]));
        });
        var list = new CertificateRevocationListBuilder();
        if (isRevoked)
            list.AddEntry(server);
        Task<string> serving = ServeAsync(listener, list.Build(root, 1, DateTimeOffset.UtcNow.AddDays(1), HashAlgorithmName.SHA256));
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(server) });

        Task<WebSocketConnection> connecting = ConnectAsync(test, root, X509RevocationMode.Online);

        if (isRevoked)
        {
            var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
            Assert.Equal((HandshakeFailure.Tls, SslPolicyErrors.RemoteCertificateChainErrors), (thrown.Cause, thrown.CertificateErrors));
            Assert.EndsWith("failed: the certificate was revoked.", thrown.Message, StringComparison.Ordinal);
        }
        else
        {
            (await connecting.Soon()).Abort();
        }

        Assert.StartsWith($"GET {new Uri(uri).AbsolutePath} ", await serving.Soon(), StringComparison.Ordinal);
    }

    private static Task<WebSocketConnection> ConnectAsync(ServerTest test, X509Certificate2 root, X509RevocationMode revocation)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = revocation };
        policy.CustomTrustStore.Add(X509CertificateLoader.LoadCertificate(root.RawData));
        return WebSocketClient.ConnectAsync(
            $"wss://localhost:{((IPEndPoint)test.Server.EndPoints[0]).Port}",
            new() { ConnectTimeout = TimeSpan.FromMinutes(1), Tls = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } });
    }

    /// <summary>Answers one request of HTTP with bytes.</summary>
    /// <returns>What was asked.</returns>
    private static async Task<string> ServeAsync(TcpListener listener, byte[] bytes)
    {
        using Socket client = await listener.AcceptSocketAsync();
        string asked = "";
        byte[] buffer = new byte[4096];
        while (!asked.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            asked += Encoding.Latin1.GetString(buffer, 0, await client.ReceiveAsync(buffer));
        await client.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {bytes.Length}\r\nConnection: close\r\n\r\n"));
        await client.SendAsync(bytes);
        return asked;
    }

    private static void Authority(CertificateRequest request)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
    }

    private static void ForLocalhost(CertificateRequest request)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
    }

    private static X509Certificate2 Issue(string subject, X509Certificate2? issuer, Action<CertificateRequest> extend)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        extend(request);
        if (issuer is null)
            return request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        using X509Certificate2 issued = request.Create(issuer, Now.AddDays(-1), Now.AddDays(1), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
