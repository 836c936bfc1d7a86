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
        AssertStrictAsync(road, "1.*,2.*,3.*,4.*,5.*,6.4.*,7.*,9.1.4,9.2.6,9.5.1,10.*,12.1.*,13.3.*,23.*,25.*,31.*");

    [Theory]
    [MemberData(nameof(Roads))]
    [Trait("Category", "Full")]
    public Task Our_end_point_passes_all_517_cases_strictly(Road road) =>
        AssertStrictAsync(road, "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*,13.*", count: 517);

    /// <summary>Whoever ends its direction together with its Close (29.2.1, 29.2.2) gets none back where Kestrel gives the connection up
    /// at once: by sockets, over TLS now and then, and by HTTP/2, where it is streams that end. Requests (21, parts of 27) are bytes
    /// of HTTP/1.1.</summary>
    [Theory]
    [InlineData(Road.Http11, "21.*", 197)]
    [InlineData(Road.Http11Tls, "21.*", 197)]
    [InlineData(Road.EventLoop, "21.*,29.2.*", 199)]
    [InlineData(Road.EventLoopTls, "21.*,29.2.*", 199)]
    [InlineData(Road.Http2, "", 141)]
    [InlineData(Road.Http2Tls, "", 141)]
    [InlineData(Road.EventLoopHttp2, "", 141)]
    [Trait("Category", "Full")]
    public Task Our_end_point_passes_the_groups_of_our_own(Road road, string more, int count) => AssertStrictAsync(
        road,
        $"{more},23.*,24.*,25.*,26.*,27.*,28.*,29.1.*,29.2.3,29.2.4,29.2.5,29.2.6,29.2.7,29.3.*,30.*,31.*",
        count,
        maxMessageSize: 1024 * 1024);

    private static async Task AssertStrictAsync(Road road, string cases, int? count = null, int maxMessageSize = 32 * 1024 * 1024)
    {
        var options = new WebSocketAcceptOptions
        {
            PerMessageDeflate = PerMessageDeflateOptions.Default,
            Connection = new() { MaxMessageSize = maxMessageSize },
        };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync, options), road: road);
        bool isTls = WebHost.HasTls(road);
        var harness = new ServerHarness($"{(isTls ? "wss" : "ws")}://{host.Host}/")
        {
            Tls = isTls ? WebHost.Trusting() : null,
            IsHttp2 = WebHost.HasHttp2(road),
            Patience = Patience,
        };
        IEnumerable<ConformanceCase> all = CaseCatalog.Create(CaseCatalog.ShortMessages, maxMessageSize)
            .Where(one => one.IsFor(Role.Server) && (one.Handshake is null || !WebHost.HasHttp2(road)));
        IReadOnlyList<ConformanceCase> chosen = CaseSelection.Select([.. all], cases);
        Assert.Equal(count ?? chosen.Count, chosen.Count);
        await harness.ProbeAsync(CancellationToken.None);
        IReadOnlyList<CaseResult> results = await SuiteRunner.RunAsync(harness, chosen, SuiteRunner.DefaultParallelism);

        string[] wrong = [.. results.Where(result => !result.IsStrict).Select(result => result.ToString())];
        Assert.True(wrong is [], string.Join('\n', wrong));
    }
}
