using Sockeye.AspNetCore.Tests;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>Our end points in ASP.NET Core, judged over loopback by each of Kestrel's roads.</summary>
public sealed class AspNetCoreTests
{
    // The machine that runs the tests may be busy: what is judged is what comes, not how fast.
    private const double Patience = 5;

    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public Task Our_end_point_passes_strictly(Road road) =>
        AssertStrictAsync(road, "1.*,2.*,3.*,4.*,5.*,6.4.*,7.*,9.1.4,9.2.6,9.5.1,10.*,12.1.*,13.3.*");

    [Theory]
    [MemberData(nameof(Roads))]
    [Trait("Category", "Full")]
    public Task Our_end_point_passes_all_517_cases_strictly(Road road) =>
        AssertStrictAsync(road, "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*,13.*", count: 517);

    /// <summary>The groups of our own are about HTTP/1.1 and the ends of TCP.</summary>
    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http11Tls)]
    [InlineData(Road.EventLoop)]
    [InlineData(Road.EventLoopTls)]
    [Trait("Category", "Full")]
    public Task Our_end_point_passes_the_groups_of_our_own(Road road) => AssertStrictAsync(road, "23.*,24.*,25.*,26.*,27.*,30.*,31.*");

    private static async Task AssertStrictAsync(Road road, string cases, int? count = null)
    {
        var options = new WebSocketAcceptOptions
        {
            PerMessageDeflate = PerMessageDeflateOptions.Default,
            Connection = new() { MaxMessageSize = 32 * 1024 * 1024 },
        };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync, options), road: road);
        bool isTls = WebHost.HasTls(road);
        var harness = new ServerHarness($"{(isTls ? "wss" : "ws")}://{host.Host}/")
        {
            Tls = isTls ? WebHost.Trusting() : null,
            IsHttp2 = WebHost.HasHttp2(road),
            Patience = Patience,
        };
        IReadOnlyList<ConformanceCase> chosen = CaseSelection.Select([.. CaseCatalog.Short.Where(one => one.IsFor(Role.Server))], cases);
        Assert.Equal(count ?? chosen.Count, chosen.Count);
        await harness.ProbeAsync(CancellationToken.None);
        IReadOnlyList<CaseResult> results = await SuiteRunner.RunAsync(harness, chosen, SuiteRunner.DefaultParallelism);

        string[] wrong = [.. results.Where(result => !result.IsStrict).Select(result => result.ToString())];
        Assert.True(wrong is [], string.Join('\n', wrong));
    }
}
