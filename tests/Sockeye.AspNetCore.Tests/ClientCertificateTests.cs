using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Certificates of clients, as Kestrel has verified them.</summary>
public sealed class ClientCertificateTests
{
    [Theory]
    [InlineData(Road.Http11Tls, true)]
    [InlineData(Road.Http11Tls, false)]
    [InlineData(Road.Http2Tls, true)]
    [InlineData(Road.Http2Tls, false)]
    public async Task Certificate_of_the_client_is_that_of_the_request_and_of_the_connection(Road road, bool presents)
    {
        var seen = new TaskCompletionSource<(string? OfRequest, string? OfConnection)>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebHost host = await WebHost.StartAsync(
            app => app.Map("/", async (HttpContext context) =>
            {
                string? ofRequest = context.GetUpgradeRequest().ClientCertificate?.Subject;
                await using WebSocketConnection? socket = await context.UpgradeWebSocketAsync();
                seen.SetResult((ofRequest, socket!.RemoteCertificate?.Subject));
            }),
            road: road,
            kestrel: options => options.ConfigureHttpsDefaults(https =>
            {
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.AllowAnyClientCertificate();
            }));
        using X509Certificate2 own = MakeCertificate();
        System.Net.Security.SslClientAuthenticationOptions tls = WebHost.Trusting();
        if (presents)
            tls.ClientCertificates = [own];
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { SslOptions = tls });

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
            $"wss://{host.Host}/", road == Road.Http2Tls ? new() { Http2 = http } : new() { Tls = tls }).WaitAsync(WebHost.Patience);

        string? expected = presents ? "CN=client" : null;
        Assert.Equal((expected, expected), await seen.Task.WaitAsync(WebHost.Patience));
    }

    private static X509Certificate2 MakeCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=client", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
