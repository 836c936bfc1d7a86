using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>Sessions with System.Net.WebSockets: over Kestrel as the server, ClientWebSocket as the client.</summary>
public sealed class SystemNetTests
{
    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Our_client_and_Kestrel_agree(string scheme)
    {
        await using WebApplication app = await StartKestrelAsync(scheme);
        string address = app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        await ClientSession.RunAsync($"{scheme}://localhost:{new Uri(address).Port}/", compresses: true);
    }

    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task ClientWebSocket_and_our_server_agree(string scheme)
    {
        ConcurrentQueue<DeflateParameters?> agreed = [];
        await using WebSocketServer server = await EchoHost.StartAsync(scheme, deflate: PerMessageDeflateOptions.Default, agreed: agreed);
        var url = new Uri(EchoHost.UrlOf(server, scheme));

        using (ClientWebSocket socket = await ConnectAsync(url, "nope.v9", "echo.v1"))
        {
            Assert.Equal("echo.v1", socket.SubProtocol);
            foreach (int size in Payloads.Sizes)
            {
                byte[] text = Encoding.UTF8.GetBytes(Payloads.Text(size));
                await socket.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
                Assert.Equal(text, await ReadAsync(socket, WebSocketMessageType.Text));
                byte[] binary = Payloads.Binary(size);
                await socket.SendAsync(binary, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
                Assert.Equal(binary, await ReadAsync(socket, WebSocketMessageType.Binary));
            }

            byte[] pieces = Encoding.UTF8.GetBytes(Payloads.Text(3000));
            for (int start = 0; start < 3000; start += 1000)
                await socket.SendAsync(pieces.AsMemory(start, 1000), WebSocketMessageType.Text, start == 2000, CancellationToken.None);
            Assert.Equal(pieces, await ReadAsync(socket, WebSocketMessageType.Text));

            await AskAsync(socket, "!fragments 3 hello fragments", "hello fragments");
            await AskAsync(socket, "!ping hello", "pong hello");
            await socket.CloseAsync((WebSocketCloseStatus)4001, "bye from client", CancellationToken.None);
            Assert.Equal(4001, (int)socket.CloseStatus!);
        }

        using (ClientWebSocket socket = await ConnectAsync(url, "echo.v1"))
        {
            await socket.SendAsync("!close 4002 bye from server"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            WebSocketReceiveResult end = await socket.ReceiveAsync(new ArraySegment<byte>(new byte[10]), CancellationToken.None);
            Assert.Equal((4002, "bye from server"), ((int)end.CloseStatus!, end.CloseStatusDescription));
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        }

        using (ClientWebSocket socket = await ConnectAsync(url))
        {
            Assert.Null(socket.SubProtocol);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
            Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        }

        Assert.Equal(3, agreed.Count);
        Assert.DoesNotContain(null, agreed);
    }

    private static async Task<ClientWebSocket> ConnectAsync(Uri url, params string[] subprotocols)
    {
        var socket = new ClientWebSocket();
        socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        foreach (string subprotocol in subprotocols)
            socket.Options.AddSubProtocol(subprotocol);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { SslOptions = TestAuthority.ClientOptions() });
        await socket.ConnectAsync(url, invoker, CancellationToken.None);
        return socket;
    }

    private static async Task AskAsync(ClientWebSocket socket, string command, string expected)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(command), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        Assert.Equal(expected, Encoding.UTF8.GetString(await ReadAsync(socket, WebSocketMessageType.Text)));
    }

    private static async Task<byte[]> ReadAsync(WebSocket socket, WebSocketMessageType expected)
    {
        (WebSocketMessageType type, byte[] message) = await ReadMessageAsync(socket);
        Assert.Equal(expected, type);
        return message;
    }

    private static async Task<(WebSocketMessageType Type, byte[] Message)> ReadMessageAsync(WebSocket socket)
    {
        using var message = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        while (true)
        {
            WebSocketReceiveResult part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), CancellationToken.None);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
                return (part.MessageType, message.ToArray());
        }
    }

    private static async Task<WebApplication> StartKestrelAsync(string scheme)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (scheme == "wss")
                listen.UseHttps(X509CertificateLoader.LoadPkcs12FromFile(Peers.Certificate("server.pfx"), password: null));
        }));
        WebApplication app = builder.Build();
        app.UseWebSockets();
        app.Run(ServeAsync);
        await app.StartAsync();
        return app;
    }

    private static async Task ServeAsync(HttpContext context)
    {
        string? subprotocol = context.WebSockets.WebSocketRequestedProtocols.Contains("echo.v1") ? "echo.v1" : null;
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { SubProtocol = subprotocol, DangerousEnableCompression = true });
        while (true)
        {
            (WebSocketMessageType type, byte[] message) = await ReadMessageAsync(socket);
            if (type == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(socket.CloseStatus ?? WebSocketCloseStatus.Empty, socket.CloseStatusDescription, CancellationToken.None);
                return;
            }

            string[] words = type == WebSocketMessageType.Text ? Encoding.UTF8.GetString(message).Split(' ', 3) : [""];
            switch (words[0])
            {
                case "!close":
                    await socket.CloseAsync((WebSocketCloseStatus)int.Parse(words[1]), words[2], CancellationToken.None);
                    return;
                case "!ping":
                    await socket.SendAsync("unsupported"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
                    break;
                case "!fragments":
                    byte[] bytes = Encoding.UTF8.GetBytes(words[2]);
                    await socket.SendAsync(bytes.AsMemory(0, 5), WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
                    await socket.SendAsync(bytes.AsMemory(5), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
                    break;
                default:
                    await socket.SendAsync(message, type, endOfMessage: true, CancellationToken.None);
                    break;
            }
        }
    }
}
