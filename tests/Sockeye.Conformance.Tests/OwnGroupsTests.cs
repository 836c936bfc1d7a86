using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Tests.Server;

namespace Sockeye.Conformance.Tests;

/// <summary>The suite's own groups: the core, our server and our client pass them all, strictly.</summary>
public sealed class OwnGroupsTests
{
    // The machine that runs the tests may be busy: what is judged is what comes, not how fast.
    private const double Patience = 5;
    private const int Limit = 1024 * 1024;

    private static readonly WebSocketConnectionOptions Limited = new() { MaxMessageSize = Limit };

    [Theory]
    [InlineData(Role.Server, 0)]
    [InlineData(Role.Server, 1)]
    [InlineData(Role.Client, 0)]
    [InlineData(Role.Client, 1)]
    public void Core_passes_strictly(Role role, int segmentSize)
    {
        // It has no head to send, no socket to reset, and the limit of the minimal echo is another one.
        var harness = new CoreHarness { EndpointRole = role, SegmentSize = segmentSize, Deflate = PerMessageDeflateOptions.Default };
        AssertStrict([.. Own(role).Where(one => one is { Handshake: null, IsSurvived: false }).Select(harness.Play)]);
    }

    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Our_server_passes_strictly(string scheme)
    {
        await using var server = new WebSocketServer(new()
        {
            Port = 0,
            Tls = scheme == "wss" ? TestCertificates.Serving(TestCertificates.Server) : null,
        });
        server.Map("/*", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await socket.SendAsync(message, cancel);
        }, new() { PerMessageDeflate = PerMessageDeflateOptions.Default, Connection = Limited });
        await server.StartAsync();
        var harness = new ServerHarness($"{scheme}://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/")
        {
            Tls = scheme == "wss" ? TestCertificates.Trusting() : null,
            Patience = Patience,
        };

        AssertStrict(await SuiteRunner.RunAsync(harness, Own(Role.Server), SuiteRunner.DefaultParallelism));
    }

    [Theory]
    [InlineData("ws")]
    [InlineData("wss")]
    public async Task Our_client_passes_strictly(string scheme)
    {
        await using var host = new ClientHost(new IPEndPoint(IPAddress.Loopback, 0), Own(Role.Client))
        {
            Tls = scheme == "wss" ? TestCertificates.Serving(TestCertificates.Server) : null,
            Patience = Patience,
        };
        host.Start();
        var driver = new ClientDriver($"{scheme}://localhost:{((IPEndPoint)host.EndPoint).Port}", "us", new()
        {
            Connection = Limited,
            Tls = scheme == "wss" ? TestCertificates.Trusting() : null,
        });
        var options = new ParallelOptions { MaxDegreeOfParallelism = SuiteRunner.DefaultParallelism };
        await Parallel.ForAsync(1, host.Cases.Count + 1, options, async (number, cancel) => await driver.RunCaseAsync(number, cancel));
        await driver.UpdateReportsAsync(CancellationToken.None);
        SuiteReport report = await host.NextReportAsync(CancellationToken.None);

        Assert.Empty(report.Missing);
        AssertStrict(report.Cases);
    }

    [Fact]
    public async Task Reset_reaches_the_endpoint_as_one()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        Socket socket = await listener.AcceptSocketAsync();
        await using var link = new Link(new NetworkStream(socket, ownsSocket: false), socket);
        using var play = new CasePlay(CaseSelection.Select(CaseCatalog.Full, "29.3.1")[0], new PlaySettings { Role = Role.Server });
        await LinkPlayer.PlayAsync(link, default, play, TimeProvider.System, CancellationToken.None);

        IOException broken = await Assert.ThrowsAsync<IOException>(() => client.GetStream().ReadExactlyAsync(new byte[1]).AsTask());
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(broken.InnerException).SocketErrorCode);
    }

    [Fact]
    public void Cases_for_one_role_are_left_out_for_the_other()
    {
        Assert.Contains(Own(Role.Server), one => one.Id == "23.1.1");
        Assert.DoesNotContain(Own(Role.Client), one => one.Id == "23.1.1");
        Assert.Contains(Own(Role.Client), one => one.Id == "23.2.1");
        Assert.DoesNotContain(Own(Role.Server), one => one.Id == "23.2.1");
        Assert.All(CaseCatalog.Full.Where(one => one.IsClassic), one => Assert.True(one.IsFor(Role.Server) && one.IsFor(Role.Client)));
    }

    private static IReadOnlyList<ConformanceCase> Own(Role role) => [.. CaseCatalog.Create(CaseCatalog.ShortMessages, Limit).Where(one => !one.IsClassic && one.IsFor(role))];

    private static void AssertStrict(IReadOnlyList<CaseResult> results)
    {
        Assert.NotEmpty(results);
        Assert.True(results.All(result => result.IsStrict), string.Join('\n', results.Where(result => !result.IsStrict)));
    }
}
