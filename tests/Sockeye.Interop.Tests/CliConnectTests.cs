using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Sockeye.Interop.Tests;

/// <summary><c>sockeye connect</c>: its options are those of the client.</summary>
public sealed class CliConnectTests
{
    [Fact]
    public async Task Connect_passes_its_options_on()
    {
        await using var server = new WebSocketServer(new() { Port = 0, AllowedOrigins = ["*"] });
        await server.StartAsync();
        _ = Task.Run(async () =>
        {
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync())
            {
                if (request.Path == "/")
                {
                    await request.RejectAsync(302, new() { { "Location", "/there" } });
                    continue;
                }

                string seen = string.Join('|', ((string[])["Authorization", "Origin", "X-Own", "Sec-WebSocket-Protocol"]).Select(name => request.Headers[name]));
                WebSocketConnection socket = await request.AcceptAsync(new() { Subprotocol = "v1" });
                await socket.SendTextAsync(seen);
                await socket.CloseAsync();
            }
        });
        await using PeerProcess connect = PeerProcess.StartTool(
            "connect", $"ws://{server.EndPoints[0]}/", "--location", "--proxy", "none", "--user", "a:b", "--origin", "http://page.example",
            "-H", "X-Own: 1", "-s", "v2", "-s", "v1");

        Assert.Equal("|http://page.example|1|v2, v1", connect.WaitForLine("Basic YTpi"));
        Assert.Equal(0, await connect.WaitForExitAsync());
    }

    [Theory]
    [InlineData("--cert", "missing.pem")]
    [InlineData("--proxy", "nonsense")]
    [InlineData("--proxy", "ftp://localhost")]
    [InlineData("-H", "nonsense")]
    public async Task Connect_with_an_argument_that_cannot_be_used_fails_with_1(string option, string value)
    {
        await using PeerProcess connect = PeerProcess.StartTool("connect", "ws://127.0.0.1:1/", option, value);
        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.DoesNotContain("   at ", connect.Output, StringComparison.Ordinal);
    }

    // The framework's server, to which this is another way than to that of Sockeye.AspNetCore.
    [Theory]
    [InlineData("--cacert")]
    [InlineData("--insecure")]
    public async Task Connect_over_HTTP_2_talks_to_Kestrel(string trust)
    {
        await using WebApplication app = await StartKestrelAsync();
        int port = new Uri(app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        string[] trusted = trust == "--cacert" ? [trust, Peers.Certificate("ca.pem")] : [trust];
        await using PeerProcess connect = PeerProcess.StartTool(["connect", $"wss://localhost:{port}/", "--http2", .. trusted]);
        await connect.Input.WriteLineAsync("hello");
        connect.Input.Close();

        Assert.Equal("", connect.WaitForLine("HTTP/2 hello"));
        Assert.Equal(0, await connect.WaitForExitAsync());
    }

    private static async Task<WebApplication> StartKestrelAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.UseHttps(X509CertificateLoader.LoadPkcs12FromFile(Peers.Certificate("server.pfx"), password: null));
        }));
        WebApplication app = builder.Build();
        app.UseWebSockets();
        app.Run(async context =>
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync();
            byte[] buffer = new byte[1000];
            ValueWebSocketReceiveResult received;
            while ((received = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None)).MessageType != WebSocketMessageType.Close)
            {
                byte[] answer = [.. System.Text.Encoding.ASCII.GetBytes(context.Request.Protocol + " "), .. buffer.AsSpan(0, received.Count)];
                await socket.SendAsync(answer, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            }

            await socket.CloseAsync(socket.CloseStatus!.Value, "", CancellationToken.None);
        });
        await app.StartAsync();
        return app;
    }
}
