using System.Net;
using System.Net.Security;
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
        await test.AssertServesAsync();
    }
}
