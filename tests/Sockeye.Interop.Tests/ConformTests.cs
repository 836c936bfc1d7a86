using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <summary>The verb conform, as a user runs it: what it says of a real server that everybody knows, and of ours.</summary>
public sealed class ConformTests
{
    // What is judged is what comes, not how fast it comes on a busy machine.
    private const string Patience = "5";

    [Fact]
    public async Task Npm_ws_passes_all_but_what_it_is_known_for()
    {
        await using PeerProcess server = Peers.StartServer("ws", "ws");
        string port = server.WaitForLine("LISTENING ");
        string file = Path.GetTempFileName();
        try
        {
            await using PeerProcess conform = PeerProcess.StartTool(
                "conform", $"ws://127.0.0.1:{port}/", "--short", "--patience", Patience, "--json", file,
                "--cases", "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.1.4,9.2.6,9.4.6,10.*,12.1.*,12.5.*,13.1.*,13.5.*,13.7.*");
            Assert.True(await conform.WaitForExitAsync() == 0, conform.Output);

            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(file));
            JsonElement[] cases = [.. report.RootElement.GetProperty("cases").EnumerateArray()];
            Assert.Equal(246 + 3 + 1 + 5 * 18, cases.Length);
            // It looks at text when the message is whole.
            Assert.Equal(
                ["6.4.1", "6.4.2", "6.4.3", "6.4.4"],
                cases.Where(one => one.GetProperty("outcome").GetString() == "NON-STRICT").Select(one => one.GetProperty("id").GetString()));
            Assert.Equal(cases.Length - 4, cases.Count(one => one.GetProperty("outcome").GetString() == "PASSED"));
        }
        finally
        {
            File.Delete(file);
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
}
