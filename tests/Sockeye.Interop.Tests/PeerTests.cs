using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>Sessions with real peers, in both directions, plain and TLS, compressed where the peer knows permessage-deflate.</summary>
public sealed partial class PeerTests
{
    public static TheoryData<string, string> Servers => Peers.Servers;

    public static TheoryData<string, string> Clients => Peers.Clients;

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Our_client_and_a_real_server_agree(string peer, string scheme)
    {
        await using PeerProcess server = Peers.StartServer(peer, scheme);
        string port = server.WaitForLine("LISTENING ");
        try
        {
            await ClientSession.RunAsync($"{scheme}://localhost:{port}/", compresses: peer != "deno");
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"The session with {peer} failed. The peer printed:\n{server.Output}", e);
        }

        // The peer's own account: three connections, closed cleanly with these codes, and no error.
        foreach (string code in (string[])["4001", "4002", "1000"])
            Assert.Matches($"\"code\":{code}\\b.*\"clean\":true", server.WaitForLine("{\"event\":\"close\""));
        Assert.DoesNotContain("\"event\":\"error\"", server.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_real_client_and_our_server_agree(string peer, string scheme)
    {
        List<CloseResult> ends = [];
        ConcurrentQueue<DeflateParameters?> agreed = [];
        await using WebSocketServer server = await EchoHost.StartAsync(scheme, ends, PerMessageDeflateOptions.Default, agreed);
        await using PeerProcess client = Peers.StartClient(peer, EchoHost.UrlOf(server, scheme));
        int exitCode = await client.WaitForExitAsync();

        Assert.True(exitCode == 0, $"{peer} failed:\n{client.Output}");
        Assert.Equal(21, StepPassed.Count(client.Output));
        await server.StopAsync();
        Assert.All(ends, end => Assert.True(end.IsClean, end.ToString()));
        Assert.All(agreed, deflate => Assert.Equal(peer != "deno", deflate is not null));
        Assert.Equal([1000, 4001, 4002], ends.Select(end => (int)end.Code).Order());
    }

    [GeneratedRegex("\"ok\":true")]
    private static partial Regex StepPassed { get; }
}
