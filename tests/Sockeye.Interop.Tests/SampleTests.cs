using System.Text.RegularExpressions;

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

    private static string Shown(string sample) =>
        File.ReadAllText(Path.Combine(Repository.Root, "samples", "Echo", sample, "Program.cs"))
            .Replace("args is [var port] ? int.Parse(port) : 8080", "8080", StringComparison.Ordinal)
            .Replace("args is [var url] ? url : \"ws://127.0.0.1:8080\"", "\"ws://127.0.0.1:8080\"", StringComparison.Ordinal);

    private static PeerProcess Start(string sample, params IEnumerable<string> arguments) =>
        PeerProcess.Start("dotnet", [Repository.Program(sample), .. arguments]);

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex CodeBlock { get; }
}
