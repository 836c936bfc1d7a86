using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <summary>The verb conform, as a user runs it: what it says of a real server that everybody knows, and of ours.</summary>
public sealed class ConformTests
{
    // What is judged is what comes, not how fast it comes on a busy machine.
    private const string Patience = "5";

    [Fact]
    public Task Npm_ws_is_rated_as_documented() => AssertRatedAsync(
        "ws", $"npm ws {Peers.LockedVersion("ws")}", "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.1.4,9.2.6,9.4.1,9.4.6,10.*,12.1.*,12.5.*,13.1.*,13.5.*,13.7.*",
        count: 246 + 4 + 1 + 5 * 18);

    [Fact]
    [Trait("Category", "Full")]
    public async Task Peers_are_rated_as_documented_in_all_517_cases()
    {
        foreach ((string peer, string name) in ((string, string)[])
            [("ws", $"npm ws {Peers.LockedVersion("ws")}"), ("deno", $"Deno {Peers.LockedVersion("deno")}"),
            ("python", "Python websockets 10.4"), ("kestrel", "System.Net.WebSockets")])
        {
            await AssertRatedAsync(peer, name, "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*,13.*", count: 517);
        }
    }

    [Fact]
    public async Task Exit_code_tells_whether_cases_failed_and_strict_takes_the_tolerated_ones_for_failed()
    {
        await using PeerProcess server = Peers.StartServer("ws", "ws");
        string url = $"ws://127.0.0.1:{server.WaitForLine("LISTENING ")}/";

        foreach ((string cases, string[] options, int code) in ((string, string[], int)[])
            [("6.4.1", [], 0), ("6.4.1", ["--strict"], 1), ("2.2", ["--strict"], 0), ("8.*", [], 2)])
        {
            await using PeerProcess conform = PeerProcess.StartTool(["conform", url, "--cases", cases, "--patience", Patience, .. options]);
            Assert.True(await conform.WaitForExitAsync() == code, $"{cases}: {conform.Output}");
        }

        await using PeerProcess nowhere = PeerProcess.StartTool("conform", "ws://127.0.0.1:1/", "--cases", "1.1.1");
        Assert.Equal(2, await nowhere.WaitForExitAsync());
    }

    [Fact]
    public async Task Our_echo_passes_over_TLS()
    {
        await using PeerProcess server = PeerProcess.StartTool("echo", "--port", "0", "--deflate", "--cert", Peers.Certificate("server.pfx"));
        string port = server.WaitForLine("Listening on wss://127.0.0.1:");
        await using PeerProcess conform = PeerProcess.StartTool(
            "conform", $"wss://localhost:{port}/", "--cacert", Peers.Certificate("ca.pem"), "--strict", "--short", "--patience", Patience,
            "--cases", "1.*,2.10,5.*,6.4.*,7.1.*,9.2.6,12.1.*,13.5.*");
        Assert.True(await conform.WaitForExitAsync() == 0, conform.Output);
        Assert.Contains(" 0 non-strict, 0 failed, 0 unimplemented", conform.Output, StringComparison.Ordinal);
    }

    /// <summary>Judges a peer, and compares what comes of it with docs/conformance.md.</summary>
    private static async Task AssertRatedAsync(string peer, string name, string cases, int count)
    {
        var documented = PeerRatings.Read(name);
        await using PeerProcess server = Peers.StartServer(peer, "ws");
        string url = $"ws://127.0.0.1:{server.WaitForLine("LISTENING ")}/";
        string file = Path.GetTempFileName();
        try
        {
            // Many at a time: the six cases that pause, with patience for longer than all others take, are to pause together.
            await using PeerProcess conform = PeerProcess.StartTool(
                "conform", url, "--short", "--patience", Patience, "--parallel", "8", "--json", file, "--cases", cases);
            Assert.True(await conform.WaitForExitAsync() < 2, conform.Output);

            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(file));
            JsonElement[] played = [.. report.RootElement.GetProperty("cases").EnumerateArray()];
            Assert.Equal(count, played.Length);
            string[] surprises = [.. played.Where(IsSurprise).Select(one => $"{one.GetProperty("id")} {one.GetProperty("outcome")}")];
            Assert.True(surprises is [], $"{name} is not rated as docs/conformance.md says: {string.Join(", ", surprises)}\n{conform.Output}");
        }
        finally
        {
            File.Delete(file);
        }

        bool IsSurprise(JsonElement one) =>
            !documented.OutcomesOf(one.GetProperty("id").GetString()!).Contains(one.GetProperty("outcome").GetString());
    }
}
