using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Guides;

/// <summary>The examples of docs/coming-from-fleck.md, which port those of its README: each stands here between two marks, and is
/// run.</summary>
public sealed class ComingFromFleckTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("coming-from-fleck.md", Path.Combine("Guides", nameof(ComingFromFleckTests) + ".cs"), count: 6);

    [Fact]
    public async Task Echo()
    {
        await RunExampleAsync(port: 0, new ExampleConsole());

        static async Task RunExampleAsync(int port, ExampleConsole Console)
        {
            // <example>
            await using var server = new WebSocketServer(new() { Address = IPAddress.Any, Port = port });
            server.Map("/*", new WebSocketHandler
            {
                Opened = _ => Console.WriteLine("Open!"),
                Closed = (_, _) => Console.WriteLine("Close!"),
                Message = (socket, message) => socket.SendAsync(message),
            });
            await server.StartAsync();
            // </example>
            var uri = $"ws://127.0.0.1:{((IPEndPoint)server.EndPoints[0]).Port}";
            await using (WebSocketConnection client = await WebSocketClient.ConnectAsync(uri).Soon())
            {
                await client.SendTextAsync("echo");
                Assert.Equal("echo", (await client.ReceiveAsync().Soon()).GetText());
            }

            Assert.Equal("Open!", await Console.ReadAsync());
            Assert.Equal("Close!", await Console.ReadAsync());
        }
    }

    [Fact]
    public async Task Tls()
    {
        const int port = 0;
        DirectoryInfo directory = Directory.CreateTempSubdirectory("sockeye");
        string certificate = Path.Combine(directory.FullName, "MyCert.pfx");
        await File.WriteAllBytesAsync(certificate, TestCertificates.Server.Export(X509ContentType.Pkcs12));
        // <example>
        await using var server = new WebSocketServer(new() { Port = port, Tls = ServerCertificate.FromFile(certificate) });
        // </example>
        server.Map("/", ServerTest.EchoAsync);
        await server.StartAsync();
        var uri = $"wss://localhost:{((IPEndPoint)server.EndPoints[0]).Port}";
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(uri, new() { Tls = TestCertificates.Trusting() }).Soon();
        Assert.True(client.IsSecure);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Subprotocols()
    {
        await using var test = new ServerTest();
        MapExample(test.Server);
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri, new() { Subprotocols = ["other", "chat"] }).Soon();
        Assert.Equal("We speak chat.", (await client.ReceiveAsync().Soon()).GetText());
        string refused = await RawClient.AskAsync(
            test.Server, RawClient.Request(test.Server, "/", "Sec-WebSocket-Protocol: other\r\n"));
        Assert.StartsWith("HTTP/1.1 400 ", refused, StringComparison.Ordinal);

        static void MapExample(WebSocketServer server)
        {
            // <example>
            server.Map("/*", async (socket, cancel) => await socket.SendTextAsync($"We speak {socket.Subprotocol}.", cancel), new()
            {
                Subprotocols = ["superchat", "chat"],
                RequireSubprotocol = true, // as Fleck refuses; false by default: then a client is accepted without one
            });
            // </example>
        }
    }

    [Fact]
    public async Task Logging()
    {
        const int port = 0;
        var loggerFactory = new RecordedLogs();
        // <example>
        await using var server = new WebSocketServer(new()
        {
            Port = port,
            Connection = new() { LoggerFactory = loggerFactory },
        });
        // </example>
        await server.StartAsync();
        Assert.Contains(loggerFactory.Lines, line => line.Level == LogLevel.Information);
    }

    [Fact]
    public async Task Everybody()
    {
        await using var test = new ServerTest();
        MapExample(test.Server);
        await test.Server.StartAsync();
        using RawClient one = await RawClient.OpenAsync(test.Server);
        using RawClient other = await RawClient.OpenAsync(test.Server);
        await Settle.UntilAsync(() => test.Server.Connections.Count == 2);

        await one.SendFrameAsync(Opcode.Text, "hello");
        Assert.Equal("Echo: hello", await one.ReadTextAsync());
        Assert.Equal("Echo: hello", await other.ReadTextAsync());

        static void MapExample(WebSocketServer server)
        {
            // <example>
            server.Map("/*", async (socket, cancel) =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    server.Broadcast(new PreparedMessage($"Echo: {message.GetText()}"));
            });
            // </example>
        }
    }

    [Fact]
    public async Task Looking_at_the_request()
    {
        await using var test = new ServerTest();
        MapExample(test.Server);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server, "/a?name=Ada", "User-Agent: test\r\n");
        Assert.Equal("Ada at /a by test, from 127.0.0.1", await client.ReadTextAsync());

        static void MapExample(WebSocketServer server)
        {
            // <example>
            server.Map("/*", async (socket, cancel) =>
            {
                RequestHead info = socket.Request!;
                string text = $"{info.GetQueryValue("name")} at {info.Path} by {info.Headers["User-Agent"]}, from {socket.ClientAddress}";
                await socket.SendTextAsync(text, cancel);
            });
            // </example>
        }
    }
}
