using System.Net;
using Sockeye.Tests.Server;

namespace Sockeye.Conformance.Tests;

/// <summary>Our own server, judged over loopback.</summary>
public sealed class ServerTests
{
    // The machine that runs the tests may be busy: what is judged is what comes, not how fast.
    private const double Patience = 5;

    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Our_server_passes_strictly(string scheme)
    {
        await using WebSocketServer server = await StartAsync(scheme);
        var harness = new ServerHarness($"{scheme}://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/")
        {
            Tls = scheme == "wss" ? TestCertificates.Trusting() : null,
            Patience = Patience,
        };
        IReadOnlyList<ConformanceCase> cases =
            CaseSelection.Select(CaseCatalog.Full, "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.1.4,9.2.6,9.3.2,9.4.5,9.5.1,9.6.6,9.7.3,9.8.6,10.*");
        await harness.ProbeAsync(CancellationToken.None);
        IReadOnlyList<CaseResult> results = await SuiteRunner.RunAsync(harness, cases, SuiteRunner.DefaultParallelism);

        Assert.Equal(cases.Select(one => one.Id), results.Select(result => result.Id));
        Assert.DoesNotContain(results, result => !result.IsStrict);
        Assert.All(results, result => Assert.True(result.BehaviorClose is CloseBehavior.Ok or CloseBehavior.Informational, result.ToString()));
    }

    [Fact]
    public async Task Our_server_passes_the_compressed_cases_strictly()
    {
        await using WebSocketServer server = await StartAsync("ws");
        var harness = new ServerHarness($"ws://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/") { Patience = Patience };
        IReadOnlyList<ConformanceCase> cases = CaseSelection.Select(CaseCatalog.Short, "12.*,13.*");
        IReadOnlyList<CaseResult> results = await SuiteRunner.RunAsync(harness, cases, SuiteRunner.DefaultParallelism);

        Assert.All(results, result => Assert.True(result is { IsStrict: true, Behavior: Behavior.Ok }, result.ToString()));
        Assert.All(results, result => Assert.StartsWith("permessage-deflate", result.Deflate, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Report_is_written_and_read_again()
    {
        await using WebSocketServer server = await StartAsync("ws");
        var harness = new ServerHarness($"ws://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/") { Patience = Patience };
        var report = new SuiteReport
        {
            Subject = "us",
            Role = "server",
            MessagesPerCase = CaseCatalog.FullMessages,
            Cases = await SuiteRunner.RunAsync(harness, CaseSelection.Select(CaseCatalog.Full, "1.1.2,5.6,7.9.1,7.13.1"), 1),
        };
        using var stream = new MemoryStream();
        await ReportJson.WriteAsync(stream, report, CancellationToken.None);
        string text = System.Text.Encoding.UTF8.GetString(stream.ToArray());
        stream.Position = 0;
        SuiteReport read = (await ReportJson.ReadAsync(stream, CancellationToken.None))!;

        Assert.Equal(report.Cases.Select(one => one.ToString()), read.Cases.Select(one => one.ToString()));
        Assert.Equal(report.Groups, read.Groups);
        Assert.Equal(report.Cases[1].Log, read.Cases[1].Log);
        Assert.Contains("\"behaviorClose\": \"OK\"", text, StringComparison.Ordinal);
        Assert.Contains("\"behavior\": \"INFORMATIONAL\"", text, StringComparison.Ordinal);
        Assert.Equal(
            ["text FIN=0, 9 bytes \"fragment1\"", "ping, 12 bytes \"ping payload\"", "continuation, 9 bytes \"fragment2\"", "close, 1000"],
            read.Cases[1].Log.Where(line => line.Kind == LogKind.Sent).Select(line => line.Text));
    }

    [Fact]
    public async Task Server_that_is_not_there_is_told_once_and_fails_every_case()
    {
        WebSocketServer server = await StartAsync("ws");
        var harness = new ServerHarness($"ws://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/");
        await server.DisposeAsync();

        await Assert.ThrowsAsync<IOException>(() => harness.ProbeAsync(CancellationToken.None));
        CaseResult result = await harness.PlayAsync(CaseCatalog.Full[0], CancellationToken.None);
        Assert.Equal((Outcome.Failed, Behavior.Failed, CloseBehavior.Failed), (result.Outcome, result.Behavior, result.BehaviorClose));
    }

    [Fact]
    public async Task Server_that_refuses_the_upgrade_fails_the_case_with_its_status()
    {
        await using WebSocketServer server = await StartAsync("ws");
        var harness = new ServerHarness($"ws://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/elsewhere");
        CaseResult result = await harness.PlayAsync(CaseCatalog.Full[0], CancellationToken.None);

        Assert.Equal(Behavior.Failed, result.Behavior);
        Assert.Contains("404", result.Explanation, StringComparison.Ordinal);
    }

    private static async Task<WebSocketServer> StartAsync(string scheme)
    {
        var server = new WebSocketServer(new()
        {
            Port = 0,
            Tls = scheme == "wss" ? TestCertificates.Serving(TestCertificates.Server) : null,
            Connection = new() { MaxMessageSize = 32 * 1024 * 1024 },
        });
        server.Map("/", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await socket.SendAsync(message, cancel);
        }, new() { PerMessageDeflate = PerMessageDeflateOptions.Default });
        await server.StartAsync();
        return server;
    }
}
