using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;

namespace Sockeye.Interop.Tests;

/// <summary>The conformance suite as a user runs it: real clients are judged, and the report is looked at in a browser.</summary>
public sealed class ConformClientTests
{
    private const string Hostile = "</bdi><script>alert(1)</script><img src=x onerror=alert(2)> \u202Eevil";

    private static string Artifacts => Path.Combine(Repository.Root, "artifacts", "conformance");

    [Fact]
    public async Task Conform_judges_npm_ws_as_a_client_and_the_report_is_good_to_read()
    {
        Directory.CreateDirectory(Artifacts);
        string html = Path.Combine(Artifacts, "report.html");
        string junit = Path.Combine(Artifacts, "report.xml");
        string json = Path.Combine(Artifacts, "report.json");
        await using PeerProcess suite = PeerProcess.StartTool(
            "conform", "--listen", "0", "--once", "--short", "--patience", "5", "--cases", "1.1.*,2.*,3.2,5.19,7.1.6,7.7.1,12.1.2,13.3.11",
            "--html", html, "--junit", junit, "--json", json);
        string port = suite.WaitForLine("Listening on ws://127.0.0.1:").Split(' ')[0];
        await using PeerProcess client = PeerProcess.Start(
            "node", "conform-client.mjs", $"ws://127.0.0.1:{port}", "--agent", $"npm ws {Hostile}", "--spoil", "3", "--reason", Hostile);

        Assert.True(await client.WaitForExitAsync() == 0, client.Output);
        Assert.Equal(1, await suite.WaitForExitAsync());
        Assert.Contains("FAILED     1.1.3", suite.Output, StringComparison.Ordinal);
        XElement suites = XDocument.Load(junit).Root!;
        Assert.Equal(("25", "1"), (suites.Attribute("tests")?.Value, suites.Attribute("failures")?.Value));
        using var report = JsonDocument.Parse(await File.ReadAllTextAsync(json));
        Assert.Equal($"npm ws {Hostile}", report.RootElement.GetProperty("subject").GetString());
        Assert.Equal(Hostile, report.RootElement.GetProperty("cases")[2].GetProperty("closeReason").GetString());

        await using PeerProcess browser = PeerProcess.Start("node", "report-page.mjs", html, Path.Combine(Artifacts, "screenshots"));
        Assert.True(await browser.WaitForExitAsync() == 0, browser.Output);
        using var page = JsonDocument.Parse("{" + browser.WaitForLine("{"));
        AssertPage(page.RootElement);
    }

    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Conform_drives_our_client_through_itself(string scheme)
    {
        string[] serving = scheme == "wss" ? ["--cert", Peers.Certificate("server.pfx")] : [];
        string[] trusting = scheme == "wss" ? ["--ca", Peers.Certificate("ca.pem")] : [];
        await using PeerProcess suite = PeerProcess.StartTool(
            ["conform", "--listen", "0", "--once", "--short", "--patience", "5", "--cases", "1.1.2,2.2,6.2.1,7.7.1,9.2.1,12.1.2", .. serving]);
        string port = suite.WaitForLine($"Listening on {scheme}://127.0.0.1:").Split(' ')[0];
        await using PeerProcess client = PeerProcess.StartTool(
            ["conform", "--drive", $"{scheme}://localhost:{port}", "--agent", "us", .. trusting]);

        Assert.Equal(0, await client.WaitForExitAsync());
        Assert.Equal(0, await suite.WaitForExitAsync());
        Assert.Contains("6 cases played. The server says: 6 OK.", client.Output, StringComparison.Ordinal);
        Assert.Contains("6 passed, 0 non-strict, 0 failed, 0 unimplemented", suite.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conform_trusts_any_certificate_only_where_it_is_told_to()
    {
        await using PeerProcess suite = PeerProcess.StartTool(
            "conform", "--listen", "0", "--once", "--cases", "1.1.2", "--cert", Peers.Certificate("server.pfx"));
        string url = $"wss://localhost:{suite.WaitForLine("Listening on wss://127.0.0.1:").Split(' ')[0]}";
        await using PeerProcess careful = PeerProcess.StartTool("conform", "--drive", url);
        Assert.Equal(2, await careful.WaitForExitAsync());
        await using PeerProcess careless = PeerProcess.StartTool("conform", "--drive", url, "--insecure");

        Assert.Equal(0, await careless.WaitForExitAsync());
        Assert.Equal(0, await suite.WaitForExitAsync());
    }

    [Theory]
    [InlineData("ws://localhost:1", "--listen", "0")]
    [InlineData("ws://localhost:1", "--drive", "ws://localhost:1")]
    [InlineData("--listen", "0", "--drive", "ws://localhost:1")]
    [InlineData("--short")]
    public async Task Conform_wants_to_know_who_is_judged(params string[] arguments)
    {
        await using PeerProcess tool = PeerProcess.StartTool(["conform", .. arguments]);

        Assert.Equal(1, await tool.WaitForExitAsync());
        Assert.Contains("Say who is judged", tool.Output, StringComparison.Ordinal);
    }

    private static void AssertPage(JsonElement page)
    {
        Assert.Equal("[]", page.GetProperty("problems").GetRawText());
        Assert.Equal("[]", page.GetProperty("requests").GetRawText());
        Assert.Equal(0, page.GetProperty("scripts").GetInt32());
        Assert.Equal(25, page.GetProperty("cases").GetInt32());
        Assert.Equal("1 case failed", page.GetProperty("verdict").GetString());

        int[] counts = [.. Enumerable.Select(["Passed", "Informational", "Non-strict", "Failed", "Unimplemented"], name =>
        {
            JsonElement filter = page.GetProperty("filters").GetProperty(name);
            int said = int.Parse(filter[0].GetString()!, CultureInfo.InvariantCulture);
            Assert.Equal(said, filter[1].GetInt32());
            return said;
        })];
        Assert.Equal((25, 1, 1), (counts.Sum(), counts[1], counts[3]));

        Assert.Equal("[false,true,false]", page.GetProperty("folds").GetRawText());
        Assert.Equal(Hostile.Replace("\u202E", "\\u202E", StringComparison.Ordinal), page.GetProperty("reason").GetString());
        Assert.True(page.GetProperty("log").GetInt32() >= 4);
        Assert.Matches("^81 7e 00 7e$", page.GetProperty("bytes").GetString()!);
        Assert.True(page.GetProperty("fitsPhone").GetBoolean());
        Assert.True(page.GetProperty("opensByLink").GetBoolean());
    }
}
