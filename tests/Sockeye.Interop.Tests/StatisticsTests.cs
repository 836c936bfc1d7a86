using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <summary>The sample of statistics: a real browser shows what its server does.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public async Task Page_draws_what_the_server_does()
    {
        await using PeerProcess server = PeerProcess.Start("dotnet", Repository.Program("Statistics"), "0");
        string screenshots = Path.Combine(Repository.Root, "artifacts", "statistics");
        await using PeerProcess page = PeerProcess.Start("node", "statistics-page.mjs", server.WaitForLine("Statistics at "), screenshots);

        JsonElement quiet = Step(page, "quiet");
        Assert.Equal(5, quiet.GetProperty("charts").GetInt32());
        Assert.All(Readouts(quiet), readout => Assert.Equal("–", readout));

        JsonElement load = Step(page, "load");
        Assert.Equal("4", load.GetProperty("shown").GetString());
        Assert.Equal(8, Readouts(load).Length);
        Assert.DoesNotContain("–", Readouts(load));

        JsonElement end = Step(page, "end");
        Assert.True(end.GetProperty("fitsPhone").GetBoolean());
        Assert.Equal(0, end.GetProperty("problems").GetArrayLength());
        Assert.Equal(0, await page.WaitForExitAsync());
        Assert.Equal(3, Directory.GetFiles(screenshots, "statistics-*.png").Length);
        server.Kill();
    }

    private static JsonElement Step(PeerProcess page, string name)
    {
        using var line = JsonDocument.Parse('{' + page.WaitForLine($$"""{"step":"{{name}}",""")); // without its name
        return line.RootElement.Clone();
    }

    private static string[] Readouts(JsonElement step) =>
        [.. step.GetProperty("readouts").EnumerateArray().Select(one => one.GetString()!)];
}
