using System.Net;
using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Guides;

/// <summary>The examples of docs/coming-from-deno.md, which port those of Deno and of <c>std/ws</c>: each stands here between two marks,
/// and is run.</summary>
public sealed class ComingFromDenoTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("coming-from-deno.md", Path.Combine("Guides", nameof(ComingFromDenoTests) + ".cs"), count: 7);

    [Fact]
    public async Task Serving()
    {
        await RunExampleAsync(port: 0, new ExampleConsole());

        static async Task RunExampleAsync(int port, ExampleConsole Console)
        {
            // <example>
            await using var server = new WebSocketServer(new() { Port = port });
            server.Map("/*", async (socket, cancel) =>
            {
                Console.WriteLine("a client connected!");
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                {
                    if (message.GetText() == "ping")
                        await socket.SendTextAsync("pong", cancel);
                }
            });
            await server.StartAsync();
            // </example>
            await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws://{server.EndPoints[0]}").Soon();
            await client.SendTextAsync("ping");
            Assert.Equal("pong", (await client.ReceiveAsync().Soon()).GetText());
            Assert.Equal("a client connected!", await Console.ReadAsync());
        }
    }

    [Fact]
    public async Task Upgrading_request_by_request()
    {
        await using var test = new ServerTest();
        using var stop = new CancellationTokenSource();
        Task running = RunExampleAsync(test.Server, stop.Token);
        await test.Server.Listening;

        string refused = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 400 ", refused, StringComparison.Ordinal);
        await using (WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri, new() { Subprotocols = ["soap", "wamp"] }).Soon())
            Assert.Equal("wamp", (await client.ReceiveAsync().Soon()).GetText());
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.Soon());

        static async Task RunExampleAsync(WebSocketServer server, CancellationToken cancel)
        {
            // <example>
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync(cancel))
                _ = ServeAsync(request);

            async Task ServeAsync(UpgradeRequest request)
            {
                var options = new WebSocketAcceptOptions { Subprotocol = "wamp", RequireSubprotocol = true };
                await using WebSocketConnection socket = await request.AcceptAsync(options, cancel); // throws where the client does not offer it
                await socket.SendTextAsync(socket.Subprotocol!, cancel);
            }
            // </example>
        }
    }

    [Fact]
    public async Task Socket_and_head()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using RawClient client = await RawClient.ConnectAsync(listener.LocalEndpoint);
        Socket socket = await listener.AcceptSocketAsync().Soon();
        byte[] text = Encoding.Latin1.GetBytes(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                + $"Sec-WebSocket-Key: {RawClient.Key}\r\n\r\n");
        Assert.True(RequestHead.TryParse(text, out RequestHead? request, out _));
        byte[] head = RawClient.Frame(Opcode.Text, "early"u8.ToArray());
        // <example>
        await using WebSocketConnection upgraded = await WebSocketUpgrade.AcceptAsync(socket, request, head);
        // </example>
        Assert.Equal("early", (await upgraded.ReceiveAsync().Soon()).GetText());
        upgraded.Abort();
    }

    [Fact]
    public async Task Client()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var console = new ExampleConsole();
        RunExample(test.Uri, console);
        Assert.Equal("Connected to server", await console.ReadAsync());
        Assert.Equal("Received message: Hello server!", await console.ReadAsync());
        Assert.Equal("Disconnected: 1000 bye", await console.ReadAsync());

        static void RunExample(string url, ExampleConsole Console)
        {
            // <example>
            var socket = new EventWebSocket(url);
            socket.Opened += (_, _) =>
            {
                Console.WriteLine("Connected to server");
                socket.Send("Hello server!");
            };
            socket.Message += (_, e) =>
            {
                Console.WriteLine($"Received message: {e.Text}");
                socket.Close(1000, "bye");
            };
            socket.Error += (_, e) => Console.Error.WriteLine(e.Message);
            socket.Closed += (_, e) => Console.WriteLine($"Disconnected: {(int)e.Code} {e.Reason}");
            // </example>
        }
    }

    [Fact]
    public async Task Stream()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            await socket.SendAsync(await socket.ReceiveAsync(cancel), cancel);
            _ = socket.CloseAsync((CloseCode)4000, "enough", cancel);
        });
        await test.Server.StartAsync();
        var console = new ExampleConsole();
        await RunExampleAsync(test.Uri, console, CancellationToken.None).Soon();
        Assert.Equal("RX: ping", await console.ReadAsync());
        Assert.Equal("closed: 4000 enough", await console.ReadAsync());

        static async Task RunExampleAsync(string url, ExampleConsole Console, CancellationToken cancel)
        {
            // <example>
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url, cancellationToken: cancel); // opened
            await socket.SendTextAsync("ping", cancel); // writer.write
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel)) // reader.read
                Console.WriteLine($"RX: {message.GetText()}");
            CloseResult end = await socket.Closed; // closed
            Console.WriteLine($"closed: {(int)end.Code} {end.Reason}");
            // </example>
        }
    }

    [Fact]
    public async Task Events_of_std_ws()
    {
        await using var test = new ServerTest();
        var console = new ExampleConsole();
        MapExample(test.Server, console);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server);
        await client.SendFrameAsync(Opcode.Ping, "p");
        await client.SendFrameAsync(Opcode.Text, "t");
        await client.SendFrameAsync(Opcode.Binary, "bb");
        await client.SendAsync(RawClient.Frame(Opcode.Close, [0x03, 0xF3, (byte)'4', (byte)'2']));
        await client.ReadToEndAsync();
        client.Dispose(); // the manual clock stands still: nobody else would end TCP

        foreach (string line in (string[])["socket connected!", "ws:Ping p", "ws:Text t", "ws:Binary 2 bytes", "ws:Close 1011 42"])
            Assert.Equal(line, await console.ReadAsync());

        static void MapExample(WebSocketServer server, ExampleConsole Console)
        {
            // <example>
            server.Map("/*", async (socket, cancel) =>
            {
                Console.WriteLine("socket connected!");
                await foreach (WebSocketEvent ev in socket.ReadEventsAsync(cancel))
                {
                    switch (ev.Kind)
                    {
                        case WebSocketEventKind.Text:
                            Console.WriteLine($"ws:Text {ev.Text}");
                            await socket.SendTextAsync(ev.Text, cancel);
                            break;
                        case WebSocketEventKind.Binary:
                            Console.WriteLine($"ws:Binary {ev.Data.Length} bytes");
                            break;
                        case WebSocketEventKind.Ping: // answered already
                            Console.WriteLine($"ws:Ping {ev.Text}");
                            break;
                        case WebSocketEventKind.Close: // answered already, the last event
                            Console.WriteLine($"ws:Close {(int)ev.CloseCode} {ev.CloseReason}");
                            break;
                    }
                }
            });
            // </example>
        }
    }

    [Fact]
    public async Task Client_of_std_ws()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var console = new ExampleConsole();
        using var input = new StringReader("hello\nping\nclose\nnever sent");
        await RunExampleAsync(test.Uri, input, console).Soon();

        string[] lines = [await console.ReadAsync(), await console.ReadAsync()];
        Assert.Contains("< hello", lines);
        Assert.Contains(lines, line => line.StartsWith("pong after ", StringComparison.Ordinal));

        static async Task RunExampleAsync(string url, TextReader input, ExampleConsole Console)
        {
            // <example>
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url);
            Task printing = PrintAsync();
            while (await input.ReadLineAsync() is { } line && line != "close")
            {
                if (line == "ping")
                    Console.WriteLine($"pong after {(await socket.PingAsync()).TotalMilliseconds} ms");
                else
                    await socket.SendTextAsync(line);
            }

            await socket.CloseAsync();
            await printing;

            async Task PrintAsync()
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync())
                    Console.WriteLine($"< {message.GetText()}");
            }
            // </example>
        }
    }
}
