using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Sockeye.AspNetCore.Tests;

namespace Sockeye.Interop.Tests;

/// <summary>Chromium by HTTP/2 (RFC 8441): it asks by an extended CONNECT where the connection that the page came by offers that.</summary>
public sealed class BrowserHttp2Tests
{
    [Fact]
    public async Task Chromium_and_an_end_point_of_ASP_NET_Core_agree_by_HTTP_2()
    {
        ConcurrentQueue<string> protocols = [];
        List<CloseResult> ends = [];
        using X509Certificate2 certificate = X509CertificateLoader.LoadPkcs12FromFile(Peers.Certificate("server.pfx"), password: null);
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapGet("/", () => Results.Content("<!doctype html><title>Sockeye</title>", "text/html"));
                app.MapGet("/session.mjs", () => Results.File(Path.Combine(Repository.Peers, "session.mjs"), "text/javascript"));
                app.MapWebSocket(
                    "/echo",
                    (context, socket, cancel) =>
                    {
                        protocols.Enqueue($"{context.Request.Method} {context.Request.Protocol}");
                        return EchoHost.ServeAsync(socket, ends, cancel);
                    },
                    new WebSocketAcceptOptions { Subprotocols = ["echo.v1"], PerMessageDeflate = PerMessageDeflateOptions.Default });
            },
            road: Road.Http2Tls,
            certificate: certificate);
        await using PeerProcess browser = Peers.StartClient("browser", $"wss://{host.Host}/echo", page: $"https://{host.Host}/");

        Assert.True(await browser.WaitForExitAsync() == 0, $"Chromium failed:\n{browser.Output}");
        await host.StopAsync();
        Assert.Equal(Enumerable.Repeat("CONNECT HTTP/2", 3), protocols);
        Assert.All(ends, end => Assert.True(end.IsClean, end.ToString()));
        Assert.Equal([1000, 4001, 4002], ends.Select(end => (int)end.Code).Order());
    }
}
