using System.Collections.Concurrent;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>Version 8 of the protocol (HyBi drafts 7–12), which npm <c>ws</c> speaks as well, in both directions.</summary>
public sealed class ProtocolVersionTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(13)]
    public async Task Our_client_of_either_version_and_ws_agree(int version)
    {
        await using PeerProcess server = Peers.StartServer("ws", "ws");
        string port = server.WaitForLine("LISTENING ");
        var options = new WebSocketClientOptions { ProtocolVersion = version, Origin = "http://localhost", Subprotocols = ["echo.v1"] };

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync($"ws://localhost:{port}/", options);

        foreach (int size in Payloads.Sizes)
        {
            await socket.SendTextAsync(Payloads.Text(size));
            Assert.Equal(Payloads.Text(size), (await socket.ReceiveAsync()).GetText());
        }

        Assert.True(await socket.PingAsync() >= TimeSpan.Zero);
        CloseResult end = await socket.CloseAsync((CloseCode)4001, "bye");
        Assert.True(end.IsClean, end.ToString());
        Assert.Matches("\"code\":4001\\b.*\"clean\":true", server.WaitForLine("{\"event\":\"close\""));
        Assert.DoesNotContain("\"event\":\"error\"", server.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, "Sec-WebSocket-Origin")]
    [InlineData(13, "Origin")]
    public async Task Ws_of_either_version_and_our_server_agree(int version, string originHeader)
    {
        ConcurrentBag<RequestHead> requests = [];
        await using var server = new WebSocketServer(new() { Port = 0 }); // no AllowedOrigins: what the client names is checked
        server.Map("/", ServeAsync, new() { ProtocolVersions = [version], Subprotocols = ["echo.v1"] });
        await server.StartAsync();

        await using PeerProcess client = Peers.StartClient("ws", $"ws://{server.EndPoints[0]}/", version: version);
        int exitCode = await client.WaitForExitAsync();

        Assert.True(exitCode == 0, $"ws failed:\n{client.Output}");
        Assert.Equal(3, requests.Count);
        Assert.All(requests, request =>
        {
            Assert.Equal(version.ToString(), request.Headers["Sec-WebSocket-Version"]);
            Assert.Equal($"http://{server.EndPoints[0]}", request.Headers[originHeader]);
        });

        Task ServeAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            requests.Add(socket.Request!);
            return EchoHost.ServeAsync(socket, null, cancel);
        }
    }

    [Fact]
    public async Task Ws_of_a_version_that_our_server_does_not_accept_is_answered_with_426()
    {
        await using var server = new WebSocketServer(new() { Port = 0 });
        server.Map("/", (socket, cancel) => EchoHost.ServeAsync(socket, null, cancel), new() { ProtocolVersions = [13] });
        await server.StartAsync();

        await using PeerProcess client = Peers.StartClient("ws", $"ws://{server.EndPoints[0]}/", version: 8);
        int exitCode = await client.WaitForExitAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("426", client.Output, StringComparison.Ordinal);
    }
}
