using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>The client over TLS: whom it trusts, and what it tells the server.</summary>
public sealed class ConnectTlsTests
{
    private static readonly TimeSpan Patience = RawClient.Patience;

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    public async Task ConnectAsync_by_TLS_to_a_server_that_is_trusted_echoes(string host)
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(TestCertificates.Server) });
        int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            $"wss://{host}:{port}", new() { Tls = TestCertificates.Trusting() }).WaitAsync(Patience);

        Assert.True(socket.IsSecure);
        await socket.SendTextAsync("secret");
        Assert.Equal("secret", (await socket.ReceiveAsync()).GetText());
        Assert.True((await socket.CloseAsync().WaitAsync(Patience)).IsClean);
    }

    // V28
    [Theory]
    [InlineData("trusted, right host", true, null)]
    [InlineData("not trusted", false, HandshakeFailure.Tls)]
    [InlineData("wrong host", true, HandshakeFailure.Tls)]
    [InlineData("expired", true, HandshakeFailure.Tls)]
    public async Task ConnectAsync_by_TLS_checks_the_certificate(string certificate, bool trusts, HandshakeFailure? expected)
    {
        X509Certificate2 served = certificate switch
        {
            "wrong host" => TestCertificates.WrongHost,
            "expired" => TestCertificates.Expired,
            _ => TestCertificates.Server,
        };
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(served) });
        int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;

        Exception? thrown = await Record.ExceptionAsync(async () =>
        {
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(
                $"wss://localhost:{port}", new() { Tls = trusts ? TestCertificates.Trusting() : null }).WaitAsync(Patience);
        });

        Assert.Equal(expected, (thrown as WebSocketHandshakeException)?.Cause);
        Assert.Equal(expected is null, thrown is null);
    }

    [Theory]
    [InlineData("not trusted", SslPolicyErrors.RemoteCertificateChainErrors, "nobody who is trusted here issued the certificate (it names as its issuer: CN=Sockeye test authority)")]
    [InlineData("wrong host", SslPolicyErrors.RemoteCertificateNameMismatch, "the certificate is for elsewhere.example, not for localhost")]
    [InlineData("expired", SslPolicyErrors.RemoteCertificateChainErrors, "the certificate expired on 2")]
    [InlineData("expired, wrong host", SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch, "not for elsewhere (TargetHost sets the name to expect), and the certificate expired on 2")]
    [InlineData("revocation unknown", SslPolicyErrors.RemoteCertificateChainErrors, "whether the certificate was revoked could not be found out")]
    [InlineData("refused by the callback", SslPolicyErrors.None, "RemoteCertificateValidationCallback refused the certificate")]
    public async Task ConnectAsync_by_TLS_with_a_certificate_that_fails_names_the_reason(string certificate, SslPolicyErrors errors, string reason)
    {
        X509Certificate2 served = certificate switch
        {
            "wrong host" => TestCertificates.WrongHost,
            "expired" or "expired, wrong host" => TestCertificates.Expired,
            _ => TestCertificates.Server,
        };
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(served) });
        SslClientAuthenticationOptions tls = TestCertificates.Trusting();
        switch (certificate)
        {
            case "not trusted":
                tls.CertificateChainPolicy = null;
                break;
            case "expired, wrong host":
                tls.TargetHost = "elsewhere";
                break;
            case "revocation unknown":
                tls.CertificateChainPolicy!.RevocationMode = X509RevocationMode.Offline;
                break;
            case "refused by the callback":
                tls.RemoteCertificateValidationCallback = (_, _, _, _) => false;
                break;
        }

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(UriOf(test), new() { Tls = tls }).WaitAsync(Patience));

        Assert.Equal((HandshakeFailure.Tls, errors, true), (thrown.Cause, thrown.CertificateErrors, thrown.IsUntrusted));
        Assert.StartsWith("TLS with localhost port ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains(reason, thrown.Message, StringComparison.Ordinal);
        Assert.IsType<AuthenticationException>(thrown.InnerException);
    }

    [Fact]
    public async Task ConnectAsync_by_TLS_asks_the_callback_of_the_user_and_no_other()
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(TestCertificates.WrongHost) });
        (string? Subject, SslPolicyErrors Errors) seen = default;
        var tls = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            {
                seen = (certificate?.Subject, errors);
                return certificate is not null;
            },
        };

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(UriOf(test), new() { Tls = tls }).WaitAsync(Patience);

        Assert.Equal("CN=elsewhere.example", seen.Subject);
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch, seen.Errors);
    }

    [Fact]
    public async Task ConnectAsync_by_TLS_expects_the_name_that_TargetHost_sets()
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { Tls = TestCertificates.Serving(TestCertificates.WrongHost) });
        SslClientAuthenticationOptions tls = TestCertificates.Trusting();
        tls.TargetHost = "elsewhere.example";

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(UriOf(test), new() { Tls = tls }).WaitAsync(Patience);

        Assert.True(socket.IsSecure);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task ConnectAsync_by_TLS_shows_the_certificate_of_the_client(SslProtocols protocols)
    {
        string? seen = null;
        using X509Certificate2 own = TestCertificates.For("client.example");
        await using ServerTest test = await ServerTest.EchoAsync(options => options with
        {
            Tls = new SslServerAuthenticationOptions
            {
                ServerCertificate = TestCertificates.Server,
                ClientCertificateRequired = true,
                EnabledSslProtocols = protocols,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    seen = certificate?.Subject;
                    return certificate is not null;
                },
            },
        });
        SslClientAuthenticationOptions tls = TestCertificates.Trusting();
        tls.ClientCertificateContext = SslStreamCertificateContext.Create(own, null, offline: true);

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(UriOf(test), new() { Tls = tls }).WaitAsync(Patience);

        Assert.Equal("CN=client.example", seen);
        tls.ClientCertificateContext = null;
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(UriOf(test), new() { Tls = tls }).WaitAsync(Patience));
        Assert.Null(seen);
    }

    [Fact]
    public async Task ConnectAsync_by_TLS_names_the_server_always()
    {
        var named = new TaskCompletionSource<string?>();
        await using ServerTest test = await ServerTest.EchoAsync(options => options with
        {
            Tls = new SslServerAuthenticationOptions
            {
                ServerCertificateSelectionCallback = (_, name) =>
                {
                    named.TrySetResult(name);
                    return TestCertificates.Server;
                },
            },
        });
        int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;
        SslClientAuthenticationOptions tls = TestCertificates.Trusting();

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync($"wss://localhost:{port}", new() { Tls = tls }).WaitAsync(Patience);

        Assert.Equal("localhost", await named.Task);
        Assert.Null(tls.TargetHost); // the user's options are theirs
    }

    [Fact]
    public async Task ConnectAsync_by_TLS_to_a_server_without_it_fails()
    {
        await using ServerTest test = await ServerTest.EchoAsync();

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() =>
            WebSocketClient.ConnectAsync(test.Uri.Replace("ws:", "wss:", StringComparison.Ordinal)).WaitAsync(Patience));

        Assert.Equal(HandshakeFailure.Tls, thrown.Cause);
        Assert.EndsWith("does the server speak TLS at this port?", thrown.Message, StringComparison.Ordinal);
        await test.AssertServesAsync();
    }

    [Fact]
    public async Task ConnectAsync_by_TLS_to_a_server_that_speaks_it_and_refuses_is_not_asked_whether_it_does()
    {
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri.Replace("ws:", "wss:", StringComparison.Ordinal));
        await server.AcceptRawAsync();
        await server.Client.SendAsync(new byte[] { 21, 3, 3, 0, 2, 2, 40 }); // the alert handshake_failure

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.WaitAsync(Patience));

        Assert.Equal(HandshakeFailure.Tls, thrown.Cause);
        Assert.DoesNotContain("does the server speak TLS", thrown.Message, StringComparison.Ordinal);
    }

    private static string UriOf(ServerTest test) => $"wss://localhost:{((IPEndPoint)test.Server.EndPoints[0]).Port}";
}
