using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The verb bench, as a user runs it. What is judged is that it counts right, never how fast anything is.</summary>
public sealed class BenchTests
{
    public static TheoryData<string, string, string> Runs => new()
    {
        { "/", "echo", "" },
        { "/", "echo", "--depth 32" },
        { "/", "echo", "--binary --size 1024 --depth 8" },
        { "/", "echo", "--binary --size 65536 --depth 4" },
        { "/", "echo", "--binary --size 1048576" },
        { "/", "echo", "--size 1 --depth 3" },
        { "/", "echo", "--size 4096 --depth 4 --compress" },
        { "/fragments", "echo", "--size 300 --depth 3" },
        { "/pings", "echo", "--depth 3" },
        { "/", "echo", "--depth 4 --client sockeye" },
        { "/", "echo", "--depth 4 --client ClientWebSocket --binary --size 65536" },
        { "/", "echo", "--size 4096 --compress --client sockeye" },
        { "/", "fanout", "--fanout --depth 4" },
        { "/", "handshakes", "--handshakes" },
        { "/", "handshakes", "--handshakes --client sockeye" },
        { "/", "handshakes", "--handshakes --client ClientWebSocket" },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task Scenario_is_counted_without_errors(string path, string scenario, string options)
    {
        await using WebSocketServer server = await StartServerAsync();
        await using PeerProcess bench = Start($"ws://{server.EndPoints[0]}{path}", $"{options} --pid {Environment.ProcessId}");
        Assert.True(await bench.WaitForExitAsync() == 0, bench.Output);
        using var json = JsonDocument.Parse(bench.Output);
        JsonElement result = json.RootElement;

        Assert.Equal(scenario, result.GetProperty("scenario").GetString());
        Assert.Equal(4, result.GetProperty("connections").GetInt32());
        Assert.Equal(0, result.GetProperty("errors").GetInt64());
        long messages = result.GetProperty("messages").GetInt64();
        double seconds = result.GetProperty("seconds").GetDouble();
        Assert.True(messages > 0 && seconds > 0, bench.Output);
        Assert.Equal(messages, result.GetProperty("messagesPerSecond").GetDouble() * seconds, tolerance: 1e-3);
        long bytes = (long)Math.Round(result.GetProperty("megabytesPerSecond").GetDouble() * seconds * 1e6);
        Assert.Equal(scenario == "handshakes" ? 0 : messages * result.GetProperty("size").GetInt32(), bytes);

        JsonElement latency = result.GetProperty("latencyMicroseconds");
        double[] percentiles = [.. ((string[])["p50", "p99", "p999", "max"]).Select(name => latency.GetProperty(name).GetDouble())];
        Assert.True(percentiles[0] > 0);
        Assert.Equal(percentiles.Order(), percentiles);

        JsonElement process = result.GetProperty("server");
        Assert.Equal(Environment.ProcessId, process.GetProperty("pid").GetInt32());
        double cpu = process.GetProperty("cpuSeconds").GetDouble();
        Assert.True(cpu > 0);
        Assert.Equal(cpu * 1e6, process.GetProperty("cpuSecondsPerMillionMessages").GetDouble() * messages, tolerance: 1e-3);
        Assert.True(process.GetProperty("residentKiB").GetInt64() > 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("--client sockeye")]
    [InlineData("--client ClientWebSocket")]
    public async Task Idle_connections_are_all_open_at_a_time_after_one_echo_each(string options)
    {
        int open = 0;
        int most = 0;
        var sync = new Lock();
        await using WebSocketServer server = await StartServerAsync(change =>
        {
            lock (sync)
                most = Math.Max(most, open += change);
        });
        await using PeerProcess bench = Start($"ws://{server.EndPoints[0]}/", $"--idle 250 {options} --pid {Environment.ProcessId}");
        Assert.True(await bench.WaitForExitAsync() == 0, bench.Output);
        using var json = JsonDocument.Parse(bench.Output);
        Assert.Equal("idle", json.RootElement.GetProperty("scenario").GetString());
        Assert.Equal(250, json.RootElement.GetProperty("connections").GetInt32());
        Assert.Equal(250, json.RootElement.GetProperty("messages").GetInt64());
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt64());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("latencyMicroseconds").ValueKind);
        Assert.True(json.RootElement.GetProperty("server").GetProperty("residentKiBPerConnection").GetDouble() >= 0);
        Assert.InRange(most, 250, 450); // a few of the 200 that warm up may still be counted
    }

    [Fact]
    public async Task Json_has_the_agreed_names_in_their_order_and_nothing_else_is_printed()
    {
        await using WebSocketServer server = await StartServerAsync();
        await using PeerProcess bench = Start($"ws://{server.EndPoints[0]}/", "--compress --size 200");
        Assert.True(await bench.WaitForExitAsync() == 0, bench.Output);
        using var json = JsonDocument.Parse(bench.Output);
        Assert.Equal(
            [
                "scenario", "url", "connections", "size", "depth", "binary", "compress", "client", "seconds", "messages", "messagesPerSecond",
                "megabytesPerSecond", "compressionRatio", "latencyMicroseconds", "clientCpuSeconds", "clientCpuMicrosecondsPerMessage", "server",
                "isClientTheLimit", "errors",
            ],
            json.RootElement.EnumerateObject().Select(one => one.Name));
        Assert.Equal("sockeye-bench", json.RootElement.GetProperty("client").GetString());
        Assert.True(json.RootElement.GetProperty("compress").GetBoolean());
        Assert.True(json.RootElement.GetProperty("compressionRatio").GetDouble() > 1);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("server").ValueKind);
    }

    [Fact]
    public async Task Report_for_people_names_what_was_done()
    {
        await using WebSocketServer server = await StartServerAsync();
        await using PeerProcess bench = PeerProcess.StartTool(
            "bench", $"ws://{server.EndPoints[0]}/", "--seconds", "0.3", "--warmup", "0.1", "--connections", "3", "--depth", "2");
        Assert.True(await bench.WaitForExitAsync() == 0, bench.Output);
        Assert.Contains("echo on 3 connections, 64 B text, 2 in flight", bench.Output, StringComparison.Ordinal);
        Assert.Contains("latency, 99.9 %", bench.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--depth 4")]
    [InlineData("--idle 5")]
    [InlineData("--handshakes")]
    public async Task Tls_runs_over_streams(string options)
    {
        await using WebSocketServer server = await EchoHost.StartAsync("wss");
        await using PeerProcess bench = Start(EchoHost.UrlOf(server, "wss"), $"{options} --cacert {Peers.Certificate("ca.pem")}");
        Assert.True(await bench.WaitForExitAsync() == 0, bench.Output);
        using var json = JsonDocument.Parse(bench.Output);
        Assert.True(json.RootElement.GetProperty("messages").GetInt64() > 0);
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt64());
    }

    [Theory]
    [InlineData("/wrong", "", "4 errors; the first one: the server sent other bytes than were sent to it.")]
    [InlineData("/wrong", "--client sockeye", "4 errors; the first one: the server sent other bytes than were sent to it.")]
    [InlineData("/wrong", "--idle 4", "the first one: the server sent other bytes than were sent to it.")]
    [InlineData("/closing", "", "4 errors; the first one: the server closed the connection with code 1001.")]
    [InlineData("/closing", "--client ClientWebSocket", "4 errors; the first one: the server closed the connection with code 1001.")]
    [InlineData("/twice", "", "the server sent more messages than were sent to it.")]
    [InlineData("/lossy", "", "4 errors; the first one: the server was silent for 10 s, and did not send all that it must.")]
    public async Task Server_that_does_not_echo_makes_errors_and_exit_code_1(string path, string options, string expected)
    {
        await using WebSocketServer server = await StartServerAsync();
        await using PeerProcess bench = Start($"ws://{server.EndPoints[0]}{path}", options);
        Assert.Equal(1, await bench.WaitForExitAsync());
        Assert.Contains("\"errors\": ", bench.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\"errors\": 0", bench.Output, StringComparison.Ordinal);
        Assert.Contains(expected, bench.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--connections 0", "--connections is a number of connections, 1 to")]
    [InlineData("--size 0", "--size is a number of bytes, 1 to")]
    [InlineData("--depth 70000", "--depth is a number of messages, 1 to")]
    [InlineData("--seconds 0", "--seconds is a number of seconds, 0.1 to")]
    [InlineData("--idle 0", "--idle is a number of connections of at least 1")]
    [InlineData("--idle 5 --fanout", "scenarios of their own")]
    [InlineData("--fanout --client sockeye", "leave --client away")]
    [InlineData("--client curl", "'curl'")]
    public async Task Wrong_option_is_named_and_nothing_is_connected(string options, string expected)
    {
        await using PeerProcess bench = Start("ws://127.0.0.1:1/", options);
        Assert.Equal(1, await bench.WaitForExitAsync());
        Assert.Contains(expected, bench.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/", "", "'http://127.0.0.1:1/' is no address of a WebSocket server: use ws://host:port/path or wss://.")]
    [InlineData("ws://127.0.0.1:1/", "", "Connection 1 of 4 could not be opened: Connection refused.")]
    [InlineData("ws://127.0.0.1:1/", "--client sockeye", "127.0.0.1 port 1")]
    [InlineData("/", "--pid 2147483647", "There is no process 2147483647: give --pid the process of the server.")]
    [InlineData("/none", "", "the server did not switch protocols")]
    [InlineData("/plain", "--compress", "switch permessage-deflate on there, or leave --compress away")]
    [InlineData("/plain", "--fanout", "The server does not send to all at /subscribe what comes at /publish")]
    public async Task Run_that_cannot_begin_says_why_and_ends_with_2(string url, string options, string expected)
    {
        await using var server = new WebSocketServer(new() { Port = 0 });
        foreach (string path in (string[])["/", "/plain", "/subscribe", "/publish"])
            server.Map(path, EchoAsync);
        await server.StartAsync();
        await using PeerProcess bench = Start(url[0] == '/' ? $"ws://{server.EndPoints[0]}{url}" : url, options);
        Assert.Equal(2, await bench.WaitForExitAsync());
        Assert.Contains(expected, bench.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Response_in_pieces_with_the_first_bytes_of_a_message_behind_it_is_read()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using PeerProcess bench = Start($"ws://{listener.LocalEndpoint}/", "--connections 1 --size 5");
        using (Socket socket = await listener.AcceptSocketAsync())
        {
            socket.NoDelay = true;
            byte[] received = new byte[4096];
            int size = 0;
            while (!received.AsSpan(0, size).EndsWith("\r\n\r\n"u8))
                size += await socket.ReceiveAsync(received.AsMemory(size));
            string request = Encoding.ASCII.GetString(received, 0, size);
            string key = request.Split("Sec-WebSocket-Key: ")[1].Split('\r')[0];
            string response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + $"Sec-WebSocket-Accept: {HandshakeKey.ComputeAccept(key)}\r\n\r\n";
            foreach (char c in response[..^1])
                await socket.SendAsync(Encoding.ASCII.GetBytes([c]));

            // A ping stands behind the response; the Close that follows it makes the run end with an error.
            await socket.SendAsync(Encoding.ASCII.GetBytes(response[^1..]).Concat<byte>([0x89, 1, 0x42]).ToArray());
            size = 0;
            while (size < 11 + 7)
                size += await socket.ReceiveAsync(received.AsMemory(size));
            byte[] pong = received.AsSpan(0, size).IndexOf((byte)0x8A) is var at and >= 0 ? received[at..(at + 7)] : [];
            Assert.Equal(0x81, pong[1]);
            Assert.Equal(0x42, pong[6] ^ pong[2]);
            await socket.SendAsync(new byte[] { 0x88, 2, 0x0F, 0xA1 });
            Assert.Equal(1, await bench.WaitForExitAsync());
        }

        Assert.Contains("the server closed the connection with code 4001", bench.Output, StringComparison.Ordinal);
    }

    private static PeerProcess Start(string url, string options)
    {
        string[] given = options.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] few = given.Contains("--connections") || given.Contains("--idle") ? [] : ["--connections", "4"];
        string[] brief = given.Contains("--seconds") ? [] : ["--seconds", "0.3"];
        return PeerProcess.StartTool(["bench", url, "--json", "--warmup", "0.1", .. few, .. brief, .. given]);
    }

    private static async Task<WebSocketServer> StartServerAsync(Action<int>? count = null)
    {
        var server = new WebSocketServer(new() { Port = 0 });
        var subscribers = new ConcurrentDictionary<WebSocketConnection, bool>();
        var compressed = new WebSocketAcceptOptions { PerMessageDeflate = PerMessageDeflateOptions.Default };
        server.Map("/", Counted, compressed);
        server.Map("/fragments", (socket, _) => ForEachAsync(socket, async message =>
        {
            byte[] bytes = message.ToArray();
            await using StreamedMessage reply = socket.OpenMessage(message.Kind);
            await reply.WriteAsync(bytes.AsMemory(0, bytes.Length / 3));
            await reply.WriteAsync(bytes.AsMemory(bytes.Length / 3, bytes.Length / 3));
            await reply.CompleteAsync(bytes.AsMemory(bytes.Length / 3 * 2));
        }));
        server.Map("/pings", (socket, _) => ForEachAsync(socket, async message =>
        {
            byte[] bytes = message.ToArray();
            await socket.PingAsync(); // comes back only where the client answers
            await socket.SendAsync(bytes, message.Kind);
        }));
        server.Map("/wrong", (socket, _) => ForEachAsync(socket, async message =>
        {
            byte[] bytes = message.ToArray();
            bytes[^1] = (byte)'~';
            await socket.SendAsync(bytes, message.Kind);
        }));
        server.Map("/twice", (socket, _) => ForEachAsync(socket, async message =>
        {
            byte[] bytes = message.ToArray();
            await socket.SendAsync(bytes, message.Kind);
            await socket.SendAsync(bytes, message.Kind);
        }));
        server.Map("/lossy", async (socket, cancel) =>
        {
            for (int i = 0; i < 3; i++)
                await socket.SendAsync(await socket.ReceiveAsync(cancel), cancel);
            await ForEachAsync(socket, static _ => Task.CompletedTask);
        });
        server.Map("/closing", async (socket, cancel) =>
        {
            for (int i = 0; i < 3; i++)
                await socket.SendAsync(await socket.ReceiveAsync(cancel), cancel);
            await socket.CloseAsync(CloseCode.GoingAway, "", cancel);
        });
        server.Map("/subscribe", async (socket, cancel) =>
        {
            subscribers.TryAdd(socket, true);
            await foreach (WebSocketMessage _ in socket.ReadAllAsync(cancel))
            {
            }

            subscribers.TryRemove(socket, out _);
        });
        server.Map("/publish", (socket, _) => ForEachAsync(socket, async message =>
        {
            byte[] bytes = message.ToArray();
            WebSocketMessageKind kind = message.Kind;
            foreach (WebSocketConnection subscriber in subscribers.Keys)
                await subscriber.SendAsync(bytes, kind);
        }));
        await server.StartAsync();
        return server;

        async Task Counted(WebSocketConnection socket, CancellationToken cancel)
        {
            count?.Invoke(1);
            await EchoAsync(socket, cancel);
            count?.Invoke(-1);
        }
    }

    private static Task EchoAsync(WebSocketConnection socket, CancellationToken cancel) =>
        ForEachAsync(socket, async message => await socket.SendAsync(message, cancel));

    private static async Task ForEachAsync(WebSocketConnection socket, Func<WebSocketMessage, Task> answer)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
            await answer(message);
    }
}
