using System.Net;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>The suite's own groups catch what they are for.</summary>
public sealed class OwnFaultTests
{
    private const string Deflate = "permessage-deflate";

    [Theory]
    [InlineData(Role.Server, "23.1.*", "")]
    [InlineData(Role.Client, "23.2.*", "")]
    [InlineData(Role.Server, "23.3.*", "23.3.1 23.3.2 23.3.3")]
    [InlineData(Role.Server, "24.*", "24.3.2 24.4.1 24.4.2 24.4.3 24.4.4 24.4.5 24.4.6")]
    [InlineData(Role.Client, "24.*", "24.3.2 24.4.1 24.4.2 24.4.3 24.4.4 24.4.5 24.4.6")]
    [InlineData(Role.Server, "25.*", "25.3.1")]
    [InlineData(Role.Client, "25.*", "25.3.1")]
    [InlineData(Role.Server, "26.*", "")]
    [InlineData(Role.Client, "26.*", "")]
    [InlineData(Role.Server, "29.1.*", "29.1.4 29.1.5")]
    [InlineData(Role.Server, "30.1.1,30.1.3,30.1.4", "30.1.1")]
    [InlineData(Role.Server, "31.*", "")]
    public void Endpoint_that_checks_nothing_is_caught(Role role, string cases, string passed)
    {
        var harness = new CoreHarness(own => new LaxEcho(own)) { EndpointRole = role, Deflate = PerMessageDeflateOptions.Default };
        CaseResult[] results = [.. CaseSelection.Select(CaseCatalog.Full, cases).Where(one => one.IsFor(role)).Select(harness.Play)];

        Assert.NotEmpty(results);
        Assert.Equal(passed, string.Join(' ', results.Where(result => result.IsStrict).Select(result => result.Id)));
    }

    [Fact]
    public async Task Server_that_takes_any_request_is_caught()
    {
        Assert.Equal(["21.1.1", "21.1.2"], await PassedAsync("21.1.1,21.1.2,21.2.1,21.2.2,21.3.*,21.4.*,21.5.*,21.6.*"));
    }

    [Fact]
    public async Task Server_that_answers_the_request_wrongly_is_caught()
    {
        Assert.Empty(await PassedAsync("21.1.*", spoilsAccept: true));
        Assert.Empty(await PassedAsync("21.1.*", extensions: "x-unknown"));
    }

    [Fact]
    public async Task Server_that_accepts_any_offer_of_compression_is_caught()
    {
        Assert.Equal(16, CaseSelection.Select(CaseCatalog.Full, "27.1.*").Count);
        Assert.Empty(await PassedAsync("27.1.*", extensions: Deflate));
        Assert.Empty(await PassedAsync("27.2.*", extensions: $"{Deflate}; x-unknown"));
    }

    [Fact]
    public async Task Server_that_does_not_end_its_direction_is_caught()
    {
        Assert.Empty(await PassedAsync("29.2.3,29.2.4,29.2.5,29.2.6,29.2.7", endsWithPeer: false));
        Assert.Equal(5, (await PassedAsync("29.2.3,29.2.4,29.2.5,29.2.6,29.2.7")).Count);
    }

    [Fact]
    public async Task Server_that_a_reset_ends_is_caught()
    {
        (string url, Task serving) = LaxPeer.Listen(connections: 1);
        CaseResult result = await new ServerHarness(url).PlayAsync(CaseSelection.Select(CaseCatalog.Full, "29.3.2")[0], CancellationToken.None);
        await serving;

        Assert.Equal(Outcome.Failed, result.Outcome);
        Assert.Contains("did not serve the next connection", result.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_that_drops_slow_readers_is_caught()
    {
        using var stop = new CancellationTokenSource();
        (string url, Task serving) = new FaultyEcho(Spoilers.DroppedInsteadOfEcho).Listen(stop.Token);
        IReadOnlyList<CaseResult> results = await SuiteRunner.RunAsync(new ServerHarness(url), CaseSelection.Select(CaseCatalog.Full, "30.2.*"), 1);
        await stop.CancelAsync();
        await serving;

        Assert.All(results, result => Assert.Equal(Outcome.Failed, result.Outcome));
    }

    [Fact]
    public async Task Client_that_takes_any_response_is_caught()
    {
        ConformanceCase[] cases =
            [.. CaseSelection.Select(CaseCatalog.Full, "22.1.1,22.2.*,22.3.*,22.4.*,22.5.*,23.2.1,27.3.*").Where(one => one.IsFor(Role.Client))];
        await using var host = new ClientHost(new IPEndPoint(IPAddress.Loopback, 0), cases);
        host.Start();
        await Parallel.ForAsync(1, cases.Length + 1, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (number, cancel) =>
            await LaxPeer.ConnectAsync($"ws://{host.EndPoint}/runCase?case={number}&agent=me", cancel));
        await new ClientDriver($"ws://{host.EndPoint}", "me", WebSocketClientOptions.Default).UpdateReportsAsync(CancellationToken.None);
        SuiteReport report = await host.NextReportAsync(CancellationToken.None);

        Assert.Equal(cases.Length, report.Cases.Count);
        Assert.Equal(["22.1.1", "23.2.1"], Passed(report.Cases));
    }

    [Theory]
    [InlineData("27.4.*", "27.4.8")]
    [InlineData("13.3.2,13.3.6,13.4.6,13.5.4,13.5.6,13.7.4,13.7.6", "13.4.6")]
    public void Endpoint_that_compresses_with_a_larger_window_than_agreed_on_is_caught(string cases, string passed)
    {
        // It agreed to any window, and keeps to the largest one.
        DeflateAgreement Agree() => DeflateAgreement.Accept([new ExtensionOffer(Deflate, [])], PerMessageDeflateOptions.Default, out _)!;
        var harness = new CoreHarness(role => new CoreEcho(role, Agree())) { Deflate = PerMessageDeflateOptions.Default };
        CaseResult[] results = [.. CaseSelection.Select(CaseCatalog.Short, cases).Select(harness.Play)];

        Assert.Equal(passed, string.Join(' ', Passed(results)));
        Assert.All(results.Where(result => !result.IsStrict), result =>
            Assert.Contains("bytes back, with a window of", result.Explanation, StringComparison.Ordinal));
    }

    [Fact]
    public void Endpoint_that_takes_more_than_its_limit_is_caught()
    {
        const int Limit = 1024 * 1024;
        ConformanceCase[] cases = [.. CaseCatalog.Create(CaseCatalog.ShortMessages, Limit).Where(one => one.Group == 28)];
        var harness = new CoreHarness { Deflate = PerMessageDeflateOptions.Default };

        // Its own limit is 64 MiB, so that only what is larger than that is refused.
        Assert.Equal(["28.1.1", "28.1.2", "28.2.2", "28.2.4"], Passed([.. cases.Select(harness.Play)]));
    }

    [Fact]
    public void Limits_are_informational_where_nobody_says_what_they_are()
    {
        Assert.All(CaseCatalog.Full.Where(one => one.Group == 28), one => Assert.True(one.IsInformational));
        Assert.All(CaseCatalog.Create(CaseCatalog.ShortMessages, 4096).Where(one => one.Group == 28), one => Assert.False(one.IsInformational));
    }

    private static async Task<IReadOnlyList<string>> PassedAsync(
        string cases, string? extensions = null, bool spoilsAccept = false, bool endsWithPeer = true)
    {
        using var stop = new CancellationTokenSource();
        (string url, Task serving) = LaxPeer.Listen(extensions, spoilsAccept, endsWithPeer, cancel: stop.Token);
        IReadOnlyList<CaseResult> results = await SuiteRunner.RunAsync(new ServerHarness(url), CaseSelection.Select(CaseCatalog.Full, cases), 16);
        await stop.CancelAsync();
        await serving;
        return Passed(results);
    }

    private static IReadOnlyList<string> Passed(IReadOnlyList<CaseResult> results) =>
        [.. results.Where(result => result.IsStrict).Select(result => result.Id)];
}
