using System.Net;
using System.Text.Json;
using Sockeye.Protocol;
using Sockeye.Tests.Server;

namespace Sockeye.Conformance.Tests;

/// <summary>The side of the suite that judges clients, with the paths that clients of the usual suite ask for.</summary>
public sealed class ClientHostTests
{
    private const double Patience = 5;

    [Fact]
    public async Task Paths_answer_as_in_the_usual_suite()
    {
        await using ClientHost host = Start("1.1.2,2.2,7.7.1");

        Assert.Equal("3", await AskAsync(host, "/getCaseCount"));
        using var info = JsonDocument.Parse((await AskAsync(host, "/getCaseInfo?case=2"))!);
        Assert.Equal("2.2", info.RootElement.GetProperty("id").GetString());
        Assert.StartsWith(host.Cases[1].Title, info.RootElement.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.Equal("""{"behavior":"MISSING"}""", await AskAsync(host, "/getCaseStatus?case=1&agent=me"));
        await Driver(host, "me").RunCaseAsync(1, CancellationToken.None);
        Assert.Equal("""{"behavior":"OK","behaviorClose":"OK"}""", await AskAsync(host, "/getCaseStatus?case=1&agent=me"));
        Assert.Null(await AskAsync(host, "/updateReports?agent=me"));
        SuiteReport report = await host.NextReportAsync(CancellationToken.None);

        Assert.Equal(("me", "client", 1), (report.Subject, report.Role, report.Cases.Count));
        Assert.Equal(["2.2", "7.7.1"], report.Missing);
    }

    [Fact]
    public async Task Each_answer_ends_with_a_clean_close()
    {
        await using ClientHost host = Start("1.1.2");
        foreach (string path in (string[])["/getCaseCount", "/getCaseInfo?case=1", "/updateReports?agent=me"])
        {
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync($"ws://{host.EndPoint}{path}");
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                Assert.True(message.IsText);
            CloseResult end = await socket.Closed;
            Assert.Equal((true, 1000), (end.IsClean, (int)end.Code));
        }
    }

    [Theory]
    [InlineData("/", 404)]
    [InlineData("/elsewhere?case=1&agent=me", 404)]
    [InlineData("/runCase?case=1", 400)]
    [InlineData("/runCase?agent=me", 400)]
    [InlineData("/runCase?case=0&agent=me", 400)]
    [InlineData("/runCase?case=2&agent=me", 400)]
    [InlineData("/runCase?case=-1&agent=me", 400)]
    [InlineData("/getCaseStatus?case=1", 400)]
    [InlineData("/getCaseInfo", 400)]
    [InlineData("/updateReports", 400)]
    public async Task What_nobody_can_ask_for_is_refused(string path, int status)
    {
        await using ClientHost host = Start("1.1.2");
        WebSocketHandshakeException refused = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => AskAsync(host, path));

        Assert.Equal(status, refused.StatusCode);
    }

    [Fact]
    public async Task Request_that_is_no_upgrade_fails_the_case()
    {
        await using ClientHost host = Start("1.1.2");
        using var http = new HttpClient();
        using HttpResponseMessage response = await http.GetAsync($"http://{host.EndPoint}/runCase?case=1&agent=me");
        await Driver(host, "me").UpdateReportsAsync(CancellationToken.None);
        CaseResult result = (await host.NextReportAsync(CancellationToken.None)).Cases[0];

        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
        Assert.Equal((Outcome.Failed, Behavior.Failed), (result.Outcome, result.Behavior));
        Assert.Contains("opening handshake of the client", result.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_waits_for_the_cases_that_are_being_played()
    {
        // So long a limit is not reached: the case ends with the client that does not echo.
        await using ClientHost host = Start("1.1.2", patience: 1000);
        WebSocketConnection silent = await WebSocketClient.ConnectAsync($"ws://{host.EndPoint}/runCase?case=1&agent=me");
        Task update = Driver(host, "me").UpdateReportsAsync(CancellationToken.None);
        Task status = AskAsync(host, "/getCaseStatus?case=1&agent=me");
        Assert.Equal("1", await AskAsync(host, "/getCaseCount"));
        Assert.False(update.IsCompleted || status.IsCompleted);
        silent.Abort();

        await Task.WhenAll(update, status);
        Assert.Single((await host.NextReportAsync(CancellationToken.None)).Cases);
    }

    [Fact]
    public async Task Case_that_is_played_again_replaces_what_came_before_and_agents_stand_apart()
    {
        await using ClientHost host = Start("1.1.2");
        var bad = new FaultyEcho(Spoilers.OneBitFlipped);
        await bad.ConnectAsync($"ws://{host.EndPoint}/runCase?case=1&agent=me", CancellationToken.None);
        await bad.ConnectAsync($"ws://{host.EndPoint}/runCase?case=1&agent=other", CancellationToken.None);
        await Driver(host, "me").RunCaseAsync(1, CancellationToken.None);
        foreach (string agent in (string[])["me", "other"])
            await Driver(host, agent).UpdateReportsAsync(CancellationToken.None);

        Assert.Equal(Outcome.Passed, (await host.NextReportAsync(CancellationToken.None)).Cases.Single().Outcome);
        Assert.Equal(Outcome.Failed, (await host.NextReportAsync(CancellationToken.None)).Cases.Single().Outcome);
    }

    [Fact]
    public async Task Client_that_does_not_offer_compression_is_sent_home_cleanly()
    {
        await using ClientHost host = Start("12.1.2,13.3.2");
        var driver = new ClientDriver($"ws://{host.EndPoint}", "me", new() { PerMessageDeflate = null });
        await using (WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            $"ws://{host.EndPoint}/runCase?case=1&agent=me", new() { PerMessageDeflate = null }))
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                Assert.Fail($"The suite sent {message.Length} bytes.");
            Assert.Equal((true, 1000), ((await socket.Closed).IsClean, (int)(await socket.Closed).Code));
        }

        await driver.RunCaseAsync(2, CancellationToken.None);
        Assert.Equal("UNIMPLEMENTED", await driver.FindStatusAsync(2, CancellationToken.None));
        await driver.UpdateReportsAsync(CancellationToken.None);
        Assert.All((await host.NextReportAsync(CancellationToken.None)).Cases, result => Assert.Equal(Outcome.Unimplemented, result.Outcome));
    }

    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Our_client_passes_strictly(string scheme)
    {
        const string Cases = "1.*,2.*,3.*,4.*,5.*,6.2.*,6.3.*,6.4.*,6.12.*,6.22.1,7.*,9.1.4,9.2.6,9.3.2,9.5.1,9.6.6,9.7.3,9.8.6,10.*,12.1.2,12.2.14,12.5.18,13.1.1,"
            + "13.2.8,13.3.3,13.4.11,13.5.17,13.6.9,13.7.18";
        await AssertStrictAsync(scheme, CaseSelection.Select(CaseCatalog.Short, Cases), parallelism: SuiteRunner.DefaultParallelism);
    }

    [Fact]
    [Trait("Category", "Full")]
    public Task Our_client_passes_the_short_profile_strictly() => AssertStrictAsync("ws", [.. CaseCatalog.Short.Where(one => one.IsFor(Role.Client))], parallelism: 1);

    private static async Task AssertStrictAsync(string scheme, IReadOnlyList<ConformanceCase> cases, int parallelism)
    {
        int finished = 0;
        await using var host = new ClientHost(new IPEndPoint(IPAddress.Loopback, 0), cases)
        {
            Tls = scheme == "wss" ? TestCertificates.Serving(TestCertificates.Server) : null,
            Patience = Patience,
            Finished = _ => finished++,
        };
        host.Start();
        var driver = new ClientDriver(
            $"{scheme}://localhost:{((IPEndPoint)host.EndPoint).Port}", "us & <others>", new() { Tls = scheme == "wss" ? TestCertificates.Trusting() : null });
        int count = await driver.CountCasesAsync(CancellationToken.None);
        await Parallel.ForAsync(1, count + 1, new ParallelOptions { MaxDegreeOfParallelism = parallelism }, async (number, cancel) =>
            await driver.RunCaseAsync(number, cancel));
        await driver.UpdateReportsAsync(CancellationToken.None);
        SuiteReport report = await host.NextReportAsync(CancellationToken.None);

        Assert.Equal(("us & <others>", cases.Count), (report.Subject, finished));
        Assert.Equal(cases.Select(one => one.Id), report.Cases.Select(result => result.Id));
        Assert.All(report.Cases, result => Assert.True(result.IsStrict, result.ToString()));
        Assert.All(report.Cases.Where(result => result.Group is 12 or 13), result => Assert.NotNull(result.Deflate));
        Assert.Empty(report.Missing);
    }

    private static ClientHost Start(string cases, double patience = Patience)
    {
        var host = new ClientHost(new IPEndPoint(IPAddress.Loopback, 0), CaseSelection.Select(CaseCatalog.Short, cases)) { Patience = patience };
        host.Start();
        return host;
    }

    private static ClientDriver Driver(ClientHost host, string agent) => new($"ws://{host.EndPoint}", agent, WebSocketClientOptions.Default);

    private static async Task<string?> AskAsync(ClientHost host, string path)
    {
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync($"ws://{host.EndPoint}{path}");
        string? answer = null;
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
            answer ??= message.GetText();
        return answer;
    }
}
