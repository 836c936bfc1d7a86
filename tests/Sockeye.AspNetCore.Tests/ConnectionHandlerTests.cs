using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Sockeye.AspNetCore.Tests;

/// <summary>A port of Kestrel that speaks no HTTP: what its connection handler gets is upgraded over its pipes.</summary>
public sealed class ConnectionHandlerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connection_of_Kestrel_is_upgraded_over_its_pipes(bool isServed)
    {
        await using var server = new WebSocketServer(new() { MaxConnectionsPerAddress = 1 });
        server.Map("/*", EchoAsync);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0, listen => listen.Run(ServeAsync)));
        await using WebApplication app = builder.Build();
        await app.StartAsync();
        int port = new Uri(app.Urls.Single()).Port;

        await using (WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws://127.0.0.1:{port}/").WaitAsync(WebHost.Patience))
        {
            Assert.Equal("127.0.0.1", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
            await client.SendTextAsync("echo");
            Assert.Equal("echo", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
            if (isServed)
            {
                var full = await Assert.ThrowsAsync<WebSocketHandshakeException>(
                    () => WebSocketClient.ConnectAsync($"ws://127.0.0.1:{port}/"));
                Assert.Equal(503, full.StatusCode);
            }

            CloseResult end = await client.CloseAsync().WaitAsync(WebHost.Patience);
            Assert.True(end.IsClean);
        }

        await app.StopAsync().WaitAsync(WebHost.Patience);

        async Task ServeAsync(ConnectionContext connection)
        {
            UpgradeRequest request = await WebSocketUpgrade.ReadRequestAsync(connection.Transport);
            Assert.Null(request.RemoteEndPoint); // pipes have none
            request.RemoteEndPoint = connection.RemoteEndPoint;
            if (isServed)
            {
                await server.HandleAsync(request);
                // The connection goes when this task does.
                await Task.WhenAll(server.Connections.Select(socket => socket.Closed));
            }
            else
            {
                await using WebSocketConnection socket = await request.AcceptAsync();
                await EchoAsync(socket, CancellationToken.None);
            }
        }
    }

    private static async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        await socket.SendTextAsync($"{socket.ClientAddress}", cancel);
        await WebHost.EchoAsync(socket, cancel);
    }
}
