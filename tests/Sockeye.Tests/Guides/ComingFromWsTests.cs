using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Guides;

/// <summary>The examples of docs/coming-from-ws.md, which port those of the README of ws: each stands here between two marks, and is
/// run.</summary>
public sealed class ComingFromWsTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("coming-from-ws.md", Path.Combine("Guides", nameof(ComingFromWsTests) + ".cs"), count: 13);

    [Fact]
    public async Task Text_by_events()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var console = new ExampleConsole();
        RunExample(test.Uri, console);
        Assert.Equal("received: something", await console.ReadAsync());

        static void RunExample(string url, ExampleConsole Console)
        {
            // <example>
            var ws = new EventWebSocket(url);
            ws.Error += (_, e) => Console.Error.WriteLine(e.Message);
            ws.Opened += (_, _) => ws.Send("something");
            ws.Message += (_, e) => Console.WriteLine($"received: {e.Text}");
            // </example>
        }
    }

    [Fact]
    public async Task Text()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var console = new ExampleConsole();
        using var stop = new CancellationTokenSource();
        Task running = RunExampleAsync(test.Uri, console, stop.Token);
        Assert.Equal("received: something", await console.ReadAsync());
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.Soon());

        static async Task RunExampleAsync(string url, ExampleConsole Console, CancellationToken cancel)
        {
            // <example>
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url, cancellationToken: cancel);
            await socket.SendTextAsync("something", cancel);
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                Console.WriteLine($"received: {message.GetText()}");
            // </example>
        }
    }

    [Fact]
    public async Task Binary()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        // <example>
        float[] array = [0, 0.5f, 1, 1.5f, 2];
        await socket.SendSpanAsync<float>(array);
        // </example>
        WebSocketMessage echoed = await socket.ReceiveAsync().Soon();
        Assert.True(echoed.IsBinary);
        Assert.Equal(array, MemoryMarshal.Cast<byte, float>(echoed.Span).ToArray());
    }

    [Fact]
    public async Task Server()
    {
        var console = new ExampleConsole();
        await RunExampleAsync(port: 0, console);

        static async Task RunExampleAsync(int port, ExampleConsole Console)
        {
            // <example>
            await using var server = new WebSocketServer(new() { Port = port });
            server.Map("/*", async (socket, cancel) =>
            {
                await socket.SendTextAsync("something", cancel);
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    Console.WriteLine($"received: {message.GetText()}");
            });
            await server.StartAsync(); // or RunAsync, which returns once the server has stopped
            // </example>
            await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws://{server.EndPoints[0]}").Soon();
            Assert.Equal("something", (await client.ReceiveAsync().Soon()).GetText());
            await client.SendTextAsync("else");
            Assert.Equal("received: else", await Console.ReadAsync());
        }
    }

    [Fact]
    public async Task Tls()
    {
        const int port = 0;
        DirectoryInfo directory = Directory.CreateTempSubdirectory("sockeye");
        string certificate = Path.Combine(directory.FullName, "cert.pem");
        string key = Path.Combine(directory.FullName, "key.pem");
        await File.WriteAllTextAsync(certificate, TestCertificates.Server.ExportCertificatePem());
        await File.WriteAllTextAsync(key, TestCertificates.Server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        // <example>
        await using var server = new WebSocketServer(new()
        {
            Port = port,
            Tls = ServerCertificate.FromPemFile(certificate, key),
        });
        server.MapGet("/", _ => new HttpAnswer("This server speaks WebSocket.\n"));
        // </example>
        server.Map("/echo", ServerTest.EchoAsync);
        await server.StartAsync();
        string uri = $"wss://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/echo";
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(uri, new() { Tls = TestCertificates.Trusting() }).Soon();
        Assert.True(client.IsSecure);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Several_servers_on_one_port()
    {
        await using ServerTest fronts = new(), foos = new(), bars = new();
        foos.Server.Map("/*", (socket, cancel) => socket.SendTextAsync("foo", cancel).AsTask());
        bars.Server.Map("/*", (socket, cancel) => socket.SendTextAsync("bar", cancel).AsTask());
        using var stop = new CancellationTokenSource();
        Task running = RunExampleAsync(fronts.Server, foos.Server, bars.Server, stop.Token);
        await fronts.Server.Listening;

        foreach (string name in (string[])["foo", "bar"])
        {
            using RawClient client = await RawClient.OpenAsync(fronts.Server, "/" + name);
            Assert.Equal(name, await client.ReadTextAsync());
        }

        string refused = await RawClient.AskAsync(fronts.Server, RawClient.Request(fronts.Server, "/else"));
        Assert.StartsWith("HTTP/1.1 404 ", refused, StringComparison.Ordinal);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.Soon());

        static async Task RunExampleAsync(WebSocketServer server, WebSocketServer foo, WebSocketServer bar, CancellationToken cancel)
        {
            // <example>
            await foreach (UpgradeRequest request in server.UpgradeRequestsAsync(cancel))
            {
                if (request.Path == "/foo")
                    _ = foo.HandleAsync(request);
                else if (request.Path == "/bar")
                    _ = bar.HandleAsync(request);
                else
                    await request.RejectAsync(404);
            }
            // </example>
        }
    }

    [Fact]
    public async Task Authentication()
    {
        await using var test = new ServerTest();
        var console = new ExampleConsole();
        MapExample(test.Server, console);
        await test.Server.StartAsync();

        string refused = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 401 ", refused, StringComparison.Ordinal);
        using RawClient client = await RawClient.OpenAsync(test.Server, "/", "Authorization: Ada\r\n");
        await client.SendFrameAsync(Opcode.Text, "hello");
        Assert.Equal("Received message hello from user Ada", await console.ReadAsync());

        static Task<string?> AuthenticateAsync(UpgradeRequest request) => Task.FromResult(request.Headers["Authorization"]);

        static void MapExample(WebSocketServer server, ExampleConsole Console)
        {
            // <example>
            server.Map(
                "/*",
                async (socket, cancel) =>
                {
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        Console.WriteLine($"Received message {message.GetText()} from user {socket.UserData}");
                },
                new()
                {
                    Authorize = async request =>
                    {
                        request.UserData = await AuthenticateAsync(request); // your own logic
                        return request.UserData is null ? new HandshakeRefusal(401) : null;
                    },
                });
            // </example>
        }
    }

    [Fact]
    public async Task Broadcasting()
    {
        await using var test = new ServerTest();
        MapExample(test.Server);
        await test.Server.StartAsync();
        using RawClient one = await RawClient.OpenAsync(test.Server);
        using RawClient other = await RawClient.OpenAsync(test.Server);
        await Settle.UntilAsync(() => test.Server.Connections.Count == 2);

        await one.SendFrameAsync(Opcode.Text, "from one");
        Assert.Equal("from one", await other.ReadTextAsync());
        await other.SendFrameAsync(Opcode.Text, "from the other");
        Assert.Equal("from the other", await one.ReadTextAsync());

        static void MapExample(WebSocketServer server)
        {
            // <example>
            server.Map("/*", async (socket, cancel) =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    server.Broadcast(new PreparedMessage(message.Span, message.Kind), except: socket); // without `except` to all
            });
            // </example>
        }
    }

    [Fact]
    public async Task Round_trip()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        var console = new ExampleConsole();
        await RunExampleAsync(socket, console).Soon();
        Assert.StartsWith("Round-trip time: ", await console.ReadAsync(), StringComparison.Ordinal);

        static async Task RunExampleAsync(WebSocketConnection socket, ExampleConsole Console)
        {
            // <example>
            TimeSpan roundTrip = await socket.PingAsync();
            Console.WriteLine($"Round-trip time: {roundTrip.TotalMilliseconds} ms");
            // </example>
        }
    }

    [Fact]
    public async Task Streams()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
            await socket.SendTextAsync((await socket.ReceiveAsync(cancel)).GetText().ToUpperInvariant(), cancel));
        await test.Server.StartAsync();
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        using var input = new MemoryStream("piped"u8.ToArray());
        using var output = new MemoryStream();
        await RunExampleAsync(socket, input, output).Soon();
        Assert.Equal("PIPED", Encoding.UTF8.GetString(output.ToArray()));

        static async Task RunExampleAsync(WebSocketConnection socket, Stream input, Stream output)
        {
            // <example>
            await using Stream duplex = socket.AsStream(new() { MessageKind = WebSocketMessageKind.Text });
            await Task.WhenAll(input.CopyToAsync(duplex), duplex.CopyToAsync(output)); // until the server closes
            // </example>
        }
    }

    [Fact]
    public async Task Address_of_the_client()
    {
        await RunExampleAsync(port: 0);

        static async Task RunExampleAsync(int port)
        {
            // <example>
            await using var server = new WebSocketServer(new() { Port = port, TrustedProxies = ["127.0.0.1"] });
            server.Map("/*", async (socket, cancel) => await socket.SendTextAsync($"You are {socket.ClientAddress}.", cancel));
            // </example>
            await server.StartAsync();
            using RawClient client = await RawClient.OpenAsync(server, "/", "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n");
            Assert.Equal("You are 203.0.113.7.", await client.ReadTextAsync());
        }
    }

    [Fact]
    public async Task Broken_connections()
    {
        const int port = 0;
        // <example>
        await using var server = new WebSocketServer(new()
        {
            Port = port,
            Connection = new() { IdleTimeout = TimeSpan.FromSeconds(60) }, // a ping after 30 s of silence, the end after 30 s more
        });
        // </example>
        server.Map("/", ServerTest.EchoAsync);
        await server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws://{server.EndPoints[0]}").Soon();
        Assert.True(client.IsOpen);
    }

    [Fact]
    public async Task Compression()
    {
        await using var test = new ServerTest();
        MapExample(test.Server);
        await test.Server.StartAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(test.Uri).Soon();
        Assert.Equal(
            new DeflateParameters { ClientNoContextTakeover = true, ServerNoContextTakeover = true, ServerMaxWindowBits = 10 },
            client.PerMessageDeflate);

        static Task EchoAsync(WebSocketConnection socket, CancellationToken cancel) => ServerTest.EchoAsync(socket, cancel);

        static void MapExample(WebSocketServer server)
        {
            // <example>
            server.Map("/*", EchoAsync, new()
            {
                PerMessageDeflate = new()
                {
                    Level = 3,
                    MemoryLevel = 7,
                    ClientNoContextTakeover = true,
                    ServerNoContextTakeover = true,
                    ServerMaxWindowBits = 10,
                    ConcurrencyLimit = 10, // no limit by default
                    Threshold = 1024, // the default
                },
            });
            // </example>
        }
    }
}
