using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The samples, run as programs; the README shows two of them.</summary>
public sealed partial class SampleTests
{
    [Fact]
    public void The_readme_shows_the_echo_samples()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        string[] shown = [.. CodeBlock.Matches(readme).Select(match => match.Groups["code"].Value)];
        Assert.Equal([Shown("Server"), Shown("Client")], shown);
    }

    [Fact]
    public void Samples_are_short()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "samples"), "*.cs", SearchOption.AllDirectories))
            Assert.True(File.ReadAllLines(file).Length < 60, $"{file} has 60 lines or more.");
    }

    [Fact]
    public async Task Echo_server_and_client_talk()
    {
        await using PeerProcess server = Start("EchoServer", "0");
        string url = "ws://" + server.WaitForLine("Listening on ws://");
        await using PeerProcess client = Start("EchoClient", url);
        Assert.Equal("hello", client.WaitForLine("Received: "));
        Assert.EndsWith(" ms", client.WaitForLine("Round trip: "), StringComparison.Ordinal);
        Assert.Equal("1000 done", client.WaitForLine("Closed: "));
        Assert.Equal(0, await client.WaitForExitAsync());
        server.Kill();
    }

    [Fact]
    public async Task NativeEcho_and_the_client_of_the_echo_talk()
    {
        await using PeerProcess server = Start("NativeEcho", "0");
        await using PeerProcess client = Start("EchoClient", server.WaitForLine("Listening on "));
        Assert.Equal("hello", client.WaitForLine("Received: "));
        Assert.Equal(0, await client.WaitForExitAsync());
        server.Kill();
    }

    [Fact]
    public async Task Events_prints_what_a_client_does()
    {
        await using PeerProcess server = Start("Events", "0");
        string address = server.WaitForLine("Listening on ws://");
        await using PeerProcess client = Peers.StartClient("ws", $"ws://{address}/", plain: true);
        Assert.Equal(0, await client.WaitForExitAsync());
        server.WaitForLine("text: ");
        server.WaitForLine("binary: 1048576 bytes");
        Assert.Equal("are you there? 🐟", server.WaitForLine("ping: "));
        // Two connections: which end is printed first is nobody's business.
        string[] ends = [server.WaitForLine("close: "), server.WaitForLine("close: ")];
        Assert.Contains("4001 bye from client (Peer)", ends);
        server.Kill();
    }

    [Fact]
    public async Task ArticleChat_server_and_client_talk()
    {
        await using PeerProcess server = Start("ArticleChat", "server", "0");
        string url = "ws://" + server.WaitForLine("Listening on ws://");
        await using PeerProcess client = Start("ArticleChat", "client", url);
        Assert.Equal("Hi, how can I help you today?", client.WaitForLine("SERVER >> "));
        await client.Input.WriteLineAsync("help me");
        Assert.Equal("help me", server.WaitForLine("CLIENT >> "));
        Assert.Equal("Sure, I am here to help. Can you briefly describe the problem.", client.WaitForLine("Client >> SERVER >> "));
        await client.Input.WriteLineAsync("exit");
        client.WaitForLine("Client >> Disconnected from server ...");
        Assert.Equal(0, await client.WaitForExitAsync());
        server.WaitForLine("Connection closed by client ...");
        server.Kill();
    }

    [Fact]
    public async Task Reconnect_tells_what_becomes_of_each_line()
    {
        await using PeerProcess first = Start("EchoServer", "0");
        string url = "ws://" + first.WaitForLine("Listening on ws://");
        await using PeerProcess client = Start("Reconnect", url);
        client.WaitForLine("state: Open");
        await client.Input.WriteLineAsync("one");
        string[] told = [client.WaitForLine(""), client.WaitForLine("")];
        Assert.Equal(["Confirmed: one", "received: one"], told.Order(StringComparer.Ordinal));
        first.Kill();
        client.WaitForLine("state: Waiting");
        await client.Input.WriteLineAsync("two");
        await using PeerProcess second = Start("EchoServer", new Uri(url).Port.ToString());
        Assert.Equal("two", client.WaitForLine("Confirmed: "));
        client.Input.Close();
        client.WaitForLine("state: Closed");
        Assert.Equal(0, await client.WaitForExitAsync());
        second.Kill();
    }

    [Fact]
    public async Task ForwardProxy_talks_through_a_real_proxy_and_tells_what_it_refuses()
    {
        await using PeerProcess server = Start("EchoServer", "0");
        string url = "ws://" + server.WaitForLine("Listening on ws://");
        await using ProxyProcess proxy = await ProxyProcess.StartAsync("tinyproxy");
        await using PeerProcess client = Start("ForwardProxy", url, proxy.Address);
        Assert.Equal("hello", client.WaitForLine("Received: "));
        Assert.Equal(0, await client.WaitForExitAsync());
        await using PeerProcess stranger = Start("ForwardProxy", url, proxy.AddressFor(ProxyProcess.UserName, "wrong"));
        Assert.StartsWith("401 ", stranger.WaitForLine("The proxy: "), StringComparison.Ordinal);
        Assert.Equal(1, await stranger.WaitForExitAsync());
        server.Kill();
    }

    [Fact]
    public async Task OwnTests_pass()
    {
        await using PeerProcess tests = Start("OwnTests");
        Assert.Equal("Auction_ends_a_minute_after_the_last_bid", tests.WaitForLine("Passed: "));
        Assert.Equal("Bidder_who_vanishes_ends_the_auction", tests.WaitForLine("Passed: "));
        Assert.Equal(0, await tests.WaitForExitAsync());
    }

    [Fact]
    public async Task UnixSocket_server_and_client_talk_and_leave_no_file()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye-{Guid.NewGuid():N}.sock");
        await using PeerProcess server = PeerProcess.Start(
            "env", "--default-signal=INT", "dotnet", Repository.Program("UnixSocket"), "server", path);
        Assert.Equal(path, server.WaitForLine("Listening on "));
        Assert.True(File.Exists(path));
        await using PeerProcess client = Start("UnixSocket", "client", path);
        client.WaitForLine("Connected");
        await client.Input.WriteLineAsync("hello");
        Assert.Equal("hello", client.WaitForLine("Received: "));
        client.Input.Close();
        Assert.Equal(0, await client.WaitForExitAsync());
        server.Interrupt();
        server.WaitForLine("Stopped");
        Assert.Equal(0, await server.WaitForExitAsync());
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task DuplexStream_carries_TCP_both_ways()
    {
        using var target = new TcpListener(IPAddress.Loopback, 0);
        target.Start();
        await using PeerProcess server = Start("DuplexStream", "server", "0", target.LocalEndpoint.ToString()!);
        await using PeerProcess client = Start("DuplexStream", "client", "0", server.WaitForLine("Listening on "));
        using var near = new TcpClient();
        await near.ConnectAsync(IPEndPoint.Parse(client.WaitForLine("Listening on ")));
        using TcpClient far = await target.AcceptTcpClientAsync();
        byte[] data = RandomNumberGenerator.GetBytes(3_000_000);
        byte[] there = new byte[data.Length];
        byte[] back = new byte[data.Length];

        await Task.WhenAll(
            near.GetStream().WriteAsync(data).AsTask(),
            far.GetStream().WriteAsync(data).AsTask(),
            far.GetStream().ReadExactlyAsync(there).AsTask(),
            near.GetStream().ReadExactlyAsync(back).AsTask()).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(data, there);
        Assert.Equal(data, back);
        await far.GetStream().WriteAsync("last"u8.ToArray());
        far.Close();
        using var rest = new StreamReader(near.GetStream());
        Assert.Equal("last", await rest.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60)));
        server.Kill();
        client.Kill();
    }

    [Fact]
    public async Task JsonMessages_answers_each_question_by_its_type()
    {
        await using PeerProcess server = Start("JsonMessages", "0");
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(server.WaitForLine("Listening on "));
        foreach ((string question, string answer) in new[]
            {
                ("""{"type":"greet","name":"Sockeye"}""", """{"text":"Hello Sockeye!"}"""),
                ("""{"words":["trout","salmon"],"type":"sort"}""", """{"words":["salmon","trout"]}"""),
                ("""{"type":"greet"}""", """{"problem":"Ask to greet a name, or to sort words."}"""),
                ("{}", """{"problem":"Ask to greet a name, or to sort words."}"""),
                ("null", """{"problem":"Ask to greet a name, or to sort words."}"""),
            })
        {
            await socket.SendTextAsync(question);
            Assert.Equal(answer, (await socket.ReceiveAsync()).GetText());
        }

        await socket.SendTextAsync("""{"type":""");
        Assert.True((await socket.ReceiveAsync()).IsEnd);
        Assert.Equal(CloseCode.InvalidPayload, (await socket.Closed).ReceivedCode);
        server.Kill();
    }

    [Fact]
    public async Task RoundTrip_tells_times_until_the_server_answers_no_more()
    {
        await using PeerProcess server = Start("EchoServer", "0");
        await using PeerProcess client = Start("RoundTrip", "ws://" + server.WaitForLine("Listening on ws://"), "2");
        foreach (int _ in Enumerable.Range(0, 2))
            Assert.Matches(@"^\d+\.\d{3} ms, smoothed \d+\.\d{3} ms$", client.WaitForLine("Round trip: "));
        server.Suspend();
        Assert.Equal("1001 No response from ping frame. (IdleTimeout)", client.WaitForLine("Closed: "));
        Assert.Equal(0, await client.WaitForExitAsync());
        server.Kill();
    }

    private static string Shown(string sample) =>
        File.ReadAllText(Path.Combine(Repository.Root, "samples", "Echo", sample, "Program.cs"))
            .Replace("args is [var port] ? int.Parse(port) : 8080", "8080", StringComparison.Ordinal)
            .Replace("args is [var url] ? url : \"ws://127.0.0.1:8080\"", "\"ws://127.0.0.1:8080\"", StringComparison.Ordinal);

    private static PeerProcess Start(string sample, params IEnumerable<string> arguments) =>
        PeerProcess.Start("dotnet", [Repository.Program(sample), .. arguments]);

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex CodeBlock { get; }
}
