using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Sockeye.Interop.Tests;

/// <summary><c>sockeye connect</c>: its options are those of the client.</summary>
public sealed partial class CliConnectTests
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

    [Fact]
    public async Task Connect_at_a_terminal_edits_lines_recalls_them_and_shows_messages_above()
    {
        using var half = new SemaphoreSlim(0);
        await using WebSocketServer server = await StartAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                await socket.SendTextAsync($"({message.GetText()})", cancel);
                if (message.GetText() != "last")
                    continue;
                await half.WaitAsync(cancel);
                await socket.SendTextAsync("(news)", cancel);
            }
        });
        // script gives the tool a terminal, and types there what comes from here.
        await using PeerProcess connect = PeerProcess.Start(
            "env", "TERM=xterm", "script", "-qec", $"dotnet '{Repository.Tool}' connect {UriOf(server)}", "/dev/null");
        const string Cleared = "\u001B[K";
        foreach ((string keys, string line) in ((string, string)[])
        [
            ("hallo\u0001\u001B[C\u001B[3~e\r", "hello"), // Ctrl-A, Right, Delete
            ("\u001B[A!\r", "hello!"), // Up
            ("\u001B[A\u001B[A\u001B[B\u001B[B none of it\r", " none of it"), // Up, Up, Down, Down
            ("one two\u0017three\r", "one three"), // Ctrl-W
            ("1 2 3\u001B[D\u001B[D\u0015\u0005.\r", " 3."), // Left, Left, Ctrl-U, Ctrl-E
            ("zwölf 🎉\u007F?\r", "zwölf ?"), // Backspace
            ("last\r", "last"),
        ])
        {
            await connect.Input.WriteAsync(keys);
            await connect.Input.FlushAsync(TestContext.Current.CancellationToken);
            Assert.Equal("", connect.WaitForLine($"{Cleared}({line})"));
        }

        await connect.Input.WriteAsync("half");
        await connect.Input.FlushAsync(TestContext.Current.CancellationToken);
        connect.WaitForLine("> half");
        half.Release();
        Assert.Equal("", connect.WaitForLine($"{Cleared}(news)"));
        Assert.Equal(Cleared, connect.WaitForLine("> half"));
        await connect.Input.WriteAsync("way\r\u0004");
        await connect.Input.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", connect.WaitForLine($"{Cleared}(halfway)"));
        Assert.Equal(0, await connect.WaitForExitAsync());
    }

    [Theory]
    [InlineData("--cert", "missing.pem")]
    [InlineData("--proxy", "nonsense")]
    [InlineData("--proxy", "ftp://localhost")]
    [InlineData("-H", "nonsense")]
    [InlineData("--binary", "missing.png")]
    [InlineData("--ping", "0")]
    [InlineData("--wait", "-2")]
    [InlineData("--wait", "soon")]
    [InlineData("--user", "nobody")]
    public async Task Connect_with_an_argument_that_cannot_be_used_fails_with_1(string option, string value)
    {
        await using PeerProcess connect = PeerProcess.StartTool("connect", "ws://127.0.0.1:1/", option, value);
        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.DoesNotContain("   at ", connect.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_sends_texts_and_files_and_ends_when_they_have_been_answered()
    {
        byte[][] files = [[], [.. Enumerable.Range(0, 200_000).Select(i => (byte)(i * 7))]];
        string[] names = [.. files.Select(_ => Path.GetTempFileName())];
        for (int i = 0; i < files.Length; i++)
            await File.WriteAllBytesAsync(names[i], files[i]);
        await using WebSocketServer server = await StartAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                string what = message.IsText ? message.GetText() : $"{message.Length} {files.Any(file => message.Span.SequenceEqual(file))}";
                await socket.SendTextAsync($"{message.Kind} {what}", cancel);
            }
        });
        await using PeerProcess connect = PeerProcess.StartTool(
            "connect", UriOf(server), "-x", "one", "--binary", names[0], "--execute", "zwölf", "--binary", names[1]);
        Assert.Equal(0, await connect.WaitForExitAsync());
        foreach (string answer in (string[])["Text one", "Text zwölf", "Binary 0 True", "Binary 200000 True"])
            Assert.Equal("", connect.WaitForLine(answer));
        Assert.Equal(5, Lines(connect).Length);
        Assert.Contains("closed 1000", Lines(connect));
        foreach (string name in names)
            File.Delete(name);
    }

    [Fact]
    public async Task Connect_with_wait_listens_on_until_the_server_closes()
    {
        await using WebSocketServer server = await StartAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
            {
                // With it the tool makes sure that it was heard; when it has its answer it would close, if it did not wait.
                if (e.Kind != WebSocketEventKind.Ping)
                    continue;
                await socket.ConfirmAsync(cancel);
                await socket.SendTextAsync("late", cancel);
                await socket.CloseAsync((Protocol.CloseCode)4000, "enough", cancel);
            }
        });
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "-x", "go", "--wait", "-1");
        Assert.Equal("", connect.WaitForLine("late"));
        Assert.Equal(0, await connect.WaitForExitAsync());
        Assert.Contains("closed 4000 enough", Lines(connect));
    }

    [Fact]
    public async Task Connect_with_json_prints_each_event_as_a_line()
    {
        await using WebSocketServer server = await StartAsync(
            async (socket, cancel) =>
            {
                await socket.SendTextAsync("\"ä\u001B\"", cancel);
                await socket.SendAsync(new byte[] { 0, 255 }, cancellationToken: cancel);
                await socket.PingAsync("p"u8.ToArray(), cancel);
                await socket.CloseAsync((Protocol.CloseCode)4001, "bye", cancel);
            },
            new() { Subprotocols = ["v1"] });
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "--json", "--verbose", "-s", "v1");
        Assert.Equal(0, await connect.WaitForExitAsync());
        JsonElement[] lines =
        [
            .. Lines(connect).Select(line => JsonDocument.Parse(line).RootElement),
        ];
        Assert.Equal(
            ["connecting", "request", "response", "open", "text", "binary", "ping", "close"], lines.Select(line => line.GetProperty("type").GetString()));
        Assert.Equal(
            (UriOf(server), "GET", 101, "v1"),
            (lines[0].GetProperty("url").GetString(), lines[1].GetProperty("method").GetString(), lines[2].GetProperty("status").GetInt32(),
                lines[3].GetProperty("subprotocol").GetString()));
        Assert.Equal("\"ä\u001B\"", lines[4].GetProperty("text").GetString());
        Assert.Equal([0, 255], lines[5].GetProperty("data").GetBytesFromBase64());
        Assert.Equal("p"u8.ToArray(), lines[6].GetProperty("data").GetBytesFromBase64());
        Assert.Equal(
            (4001, "bye", true),
            (lines[7].GetProperty("code").GetInt32(), lines[7].GetProperty("reason").GetString(), lines[7].GetProperty("clean").GetBoolean()));
    }

    [Fact]
    public async Task Connect_with_json_prints_what_went_wrong_as_a_line_too()
    {
        await using PeerProcess connect = PeerProcess.StartTool("connect", "ws://127.0.0.1:1/", "--json");
        Assert.Equal(1, await connect.WaitForExitAsync());
        JsonElement error = JsonDocument.Parse(connect.Output).RootElement;
        Assert.Equal("error", error.GetProperty("type").GetString());
        Assert.Contains("127.0.0.1 port 1", error.GetProperty("message").GetString()!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_with_verbose_shows_the_handshake_and_with_ping_the_round_trips_and_colours_nothing_in_a_pipe()
    {
        const int Pings = 3;
        await using WebSocketServer server = await StartAsync(async (socket, cancel) =>
        {
            int pings = 0;
            await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
            {
                if (e.Kind == WebSocketEventKind.Ping && ++pings == Pings)
                    await socket.CloseAsync(cancellationToken: cancel);
            }
        });
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "-v", "--ping", "0.01", "-H", "X-Own: 1");
        Assert.Equal(0, await connect.WaitForExitAsync());
        string[] lines = Lines(connect);
        Assert.Equal($"* connecting to {UriOf(server)}", lines[0]);
        int response = Array.IndexOf(lines, "< HTTP/1.1 101 Switching Protocols");
        int request = Array.IndexOf(lines, "> GET / HTTP/1.1");
        int open = Array.FindIndex(lines, line => line.StartsWith("* open with 127.0.0.1:", StringComparison.Ordinal));
        Assert.Equal((1, true, true), (request, response > request, open > response));
        Assert.Contains("> Sec-WebSocket-Version: 13", lines[request..response]);
        Assert.Contains("> X-Own: 1", lines[request..response]);
        Assert.Contains(lines[response..open], line => line.StartsWith("< Sec-WebSocket-Accept: ", StringComparison.Ordinal));
        // The last of them may have been answered by the Close.
        Assert.InRange(
            lines.Count(line => line.StartsWith("round trip ", StringComparison.Ordinal) && line.EndsWith(" ms", StringComparison.Ordinal)),
            Pings - 1,
            int.MaxValue);
        Assert.DoesNotContain('\u001B', connect.Output);
    }

    [Fact]
    public async Task Connect_with_reconnect_sends_each_line_once_over_all_connections()
    {
        int connections = 0;
        await using WebSocketServer server = await StartAsync(async (socket, cancel) =>
        {
            int number = Interlocked.Increment(ref connections);
            await foreach (WebSocketEvent e in socket.ReadEventsAsync(cancel))
            {
                if (e.Kind == WebSocketEventKind.Text)
                    await socket.SendTextAsync($"{number}: {e.Text}", cancel);
                else
                    break; // the ping behind the line, whose pong goes out before the one that follows here
            }

            await socket.ConfirmAsync(cancel);
            if (number < 3)
                socket.Abort();
            else
                await ServeUntilClosedAsync(socket, cancel);
        });
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server), "--reconnect");
        for (int i = 1; i <= 3; i++)
        {
            await connect.Input.WriteLineAsync($"line {i}");
            Assert.Equal("", connect.WaitForLine($"{i}: line {i}"));
            // A line that comes before the loss is seen would be lost with the connection.
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
            while (Lines(connect).Count(line => line == "closed 1006") < Math.Min(i, 2))
                await Task.Delay(20, limit.Token);
        }

        connect.Input.Close();
        Assert.Equal(0, await connect.WaitForExitAsync());
        Assert.Equal(3, connections);
    }

    [Fact]
    public async Task Connect_with_reconnect_gives_up_where_that_is_pointless()
    {
        await using WebSocketServer server = await StartAsync(ServeUntilClosedAsync);
        await using PeerProcess connect = PeerProcess.StartTool("connect", UriOf(server) + "nowhere", "--reconnect");
        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.Contains("404", connect.Output, StringComparison.Ordinal);
    }

    private static async Task<WebSocketServer> StartAsync(
        Func<WebSocketConnection, CancellationToken, Task> handler, WebSocketAcceptOptions? options = null)
    {
        var server = new WebSocketServer(new() { Port = 0 });
        server.Map("/", handler, options);
        await server.StartAsync();
        return server;
    }

    private static async Task ServeUntilClosedAsync(WebSocketConnection socket, CancellationToken cancel)
    {
        await foreach (WebSocketMessage _ in socket.ReadAllAsync(cancel))
        {
            // Nothing is expected.
        }
    }

    private static string[] Lines(PeerProcess process) => process.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private static string UriOf(WebSocketServer server) => $"ws://{server.EndPoints[0]}/";

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
        await using PeerProcess connect = PeerProcess.StartTool(["connect", $"wss://localhost:{port}/", "--http2", "-v", .. trusted]);
        await connect.Input.WriteLineAsync("hello");
        connect.Input.Close();

        Assert.Equal("", connect.WaitForLine("HTTP/2 hello"));
        Assert.Equal(0, await connect.WaitForExitAsync());
        Assert.Contains("> CONNECT / HTTP/2", Lines(connect));
        Assert.Contains("< HTTP/2 200", Lines(connect));
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
