using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Sockeye.AspNetCore.Tests;

namespace Sockeye.Interop.Tests;

/// <summary>Our servers behind nginx and haproxy, with TLS at the proxy and without.</summary>
public sealed class ReverseProxyTests
{
    // What is judged is what comes, not how fast it comes on a busy machine.
    private const string Patience = "5";

    private static readonly WebSocketAcceptOptions Options = new()
    {
        Subprotocols = ["echo.v1"],
        PerMessageDeflate = PerMessageDeflateOptions.Default,
        Connection = new() { MaxMessageSize = 32 * 1024 * 1024 },
    };

    public static TheoryData<string> Proxies => ["nginx", "haproxy"];

    public static TheoryData<string, string> ProxiesAndSchemes => new MatrixTheoryData<string, string>(["nginx", "haproxy"], ["ws", "wss"]);

    [Theory]
    [MemberData(nameof(ProxiesAndSchemes))]
    public async Task Session_with_an_end_point_of_ASP_NET_Core_passes_and_the_client_is_known(string name, string scheme)
    {
        ConcurrentQueue<string> seen = [];
        await using WebHost host = await StartHostAsync(seen);
        await using ReverseProxy proxy = await ReverseProxy.StartAsync(name, host.Port);
        await ClientSession.RunAsync(proxy.UrlOf(scheme), compresses: true);
        Assert.Equal(3, seen.Count);
        Assert.All(seen, one => Assert.Equal($"{(scheme == "wss" ? "https" : "http")} from 127.0.0.1", one));
    }

    [Theory]
    [MemberData(nameof(ProxiesAndSchemes))]
    public async Task Session_with_our_own_server_passes(string name, string scheme)
    {
        await using WebSocketServer server = await EchoHost.StartAsync("ws", deflate: PerMessageDeflateOptions.Default);
        await using ReverseProxy proxy = await ReverseProxy.StartAsync(name, ((IPEndPoint)server.EndPoints[0]).Port);
        await ClientSession.RunAsync(proxy.UrlOf(scheme), compresses: true);
    }

    [Theory]
    [MemberData(nameof(ProxiesAndSchemes))]
    public async Task Page_of_the_proxy_is_welcome_and_another_is_not(string name, string scheme)
    {
        await using WebHost host = await StartHostAsync([]);
        await using ReverseProxy proxy = await ReverseProxy.StartAsync(name, host.Port);
        var options = new WebSocketClientOptions { Tls = TestAuthority.ClientOptions(), RequireSubprotocol = false };
        string own = proxy.UrlOf(scheme == "wss" ? "https" : "http").TrimEnd('/');
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(proxy.UrlOf(scheme), options with { Origin = own });
        var e = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(proxy.UrlOf(scheme), options with { Origin = "https://elsewhere.example" }));
        Assert.Equal(403, e.StatusCode);
    }

    [Theory]
    [MemberData(nameof(ProxiesAndSchemes))]
    public Task End_point_behind_a_proxy_passes_strictly(string name, string scheme) =>
        AssertStrictAsync(name, scheme, "1.*,2.*,3.*,4.*,5.*,6.4.*,7.*,9.2.6,10.*,12.1.*,13.3.*");

    [Theory]
    [MemberData(nameof(ProxiesAndSchemes))]
    [Trait("Category", "Full")]
    public Task End_point_behind_a_proxy_passes_all_517_cases_strictly(string name, string scheme) =>
        AssertStrictAsync(name, scheme, "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*,13.*", 517);

    /// <summary>Requests are answered by the proxy (21), which also decides how ends pass (29).</summary>
    [Theory]
    [MemberData(nameof(ProxiesAndSchemes))]
    [Trait("Category", "Full")]
    public Task End_point_behind_a_proxy_passes_the_groups_of_our_own(string name, string scheme) =>
        AssertStrictAsync(name, scheme, "23.*,24.*,25.*,26.*,27.*,30.*,31.*", 135);

    private static async Task AssertStrictAsync(string name, string scheme, string cases, int? count = null)
    {
        await using WebHost host = await StartHostAsync([]);
        await using ReverseProxy proxy = await ReverseProxy.StartAsync(name, host.Port);
        await using PeerProcess conform = PeerProcess.StartTool(
            "conform", proxy.UrlOf(scheme), "--cacert", Peers.Certificate("ca.pem"),
            "--strict", "--short", "--patience", Patience, "--parallel", "8", "--cases", cases);
        Assert.True(await conform.WaitForExitAsync(TimeSpan.FromMinutes(10)) == 0, conform.Output);
        Assert.Contains(" 0 non-strict, 0 failed, 0 unimplemented", conform.Output, StringComparison.Ordinal);
        if (count is { } all)
            Assert.Contains($"\n{all} cases in ", conform.Output, StringComparison.Ordinal);
    }

    private static Task<WebHost> StartHostAsync(ConcurrentQueue<string> seen) => WebHost.StartAsync(app =>
    {
        app.UseForwardedHeaders(new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto });
        app.MapWebSocket(
            "/",
            (context, socket, cancel) =>
            {
                seen.Enqueue($"{(socket.IsSecure ? "https" : "http")} from {((IPEndPoint)socket.RemoteEndPoint!).Address}");
                return EchoHost.ServeAsync(socket, null, cancel);
            },
            Options);
    });
}
