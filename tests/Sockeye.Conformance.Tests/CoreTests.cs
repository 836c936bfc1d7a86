using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>The protocol core passes every case strictly, however what it gets is cut.</summary>
public sealed class CoreTests
{
    public static TheoryData<int, Role, int> Runs
    {
        get
        {
            var runs = new TheoryData<int, Role, int>();
            foreach (int group in (int[])[1, 2, 3, 4, 5, 6, 7, 9, 10])
            {
                foreach (Role role in (Role[])[Role.Server, Role.Client])
                {
                    runs.Add(group, role, 0);
                    // 150 MB byte by byte take seconds: once is enough.
                    if (group != 9 || role == Role.Server)
                        runs.Add(group, role, 1);
                }
            }

            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Core_passes_strictly(int group, Role role, int segmentSize)
    {
        var harness = new CoreHarness { EndpointRole = role, SegmentSize = segmentSize };
        CaseResult[] results = [.. CaseCatalog.Full.Where(one => one.Group == group).Select(harness.Play)];

        Assert.NotEmpty(results);
        Assert.All(results, result =>
        {
            Assert.True(result.IsStrict, result.ToString());
            bool isInformational = result.Id is "7.1.6" or "7.13.1" or "7.13.2";
            Assert.Equal(isInformational ? Behavior.Informational : Behavior.Ok, result.Behavior);
            Assert.Equal(isInformational ? CloseBehavior.Informational : CloseBehavior.Ok, result.BehaviorClose);
        });
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public void Core_passes_the_compressed_cases_strictly(Role role) => AssertCompressed(role, segmentSize: 0);

    [Fact]
    [Trait("Category", "Full")]
    public void Core_passes_the_compressed_cases_strictly_byte_by_byte() => AssertCompressed(Role.Server, segmentSize: 1);

    private static void AssertCompressed(Role role, int segmentSize)
    {
        var harness = new CoreHarness { EndpointRole = role, SegmentSize = segmentSize, Deflate = PerMessageDeflateOptions.Default };
        CaseResult[] results = [.. CaseCatalog.Short.Where(one => one.IsClassic && one.Deflate is not null).Select(harness.Play)];

        Assert.Equal(216, results.Length);
        Assert.All(results, result => Assert.True(result is { IsStrict: true, Behavior: Behavior.Ok, BehaviorClose: CloseBehavior.Ok }, result.ToString()));
    }

    [Fact]
    public void Case_over_the_core_is_the_same_at_every_run()
    {
        var harness = new CoreHarness { SegmentSize = 3 };
        foreach (ConformanceCase one in CaseSelection.Select(CaseCatalog.Full, "2.*,5.*,6.4.*,7.1.*"))
            Assert.Equal(harness.Play(one).Log, harness.Play(one).Log);
    }

    [Fact]
    public void Pause_takes_its_time_on_the_clock_of_the_case()
    {
        CaseResult result = new CoreHarness().Play(CaseSelection.Select(CaseCatalog.Full, "5.19")[0]);

        Assert.Equal(1000, result.Milliseconds);
        Assert.Equal("the timer pause has run out, and the connection is open", result.Log.Single(line => line.Kind == LogKind.Timer).Text);
    }

    [Fact]
    public void Compressed_messages_are_left_out_where_they_were_not_agreed_on()
    {
        CaseResult result = new CoreHarness().Play(CaseSelection.Select(CaseCatalog.Full, "12.1.1")[0]);

        Assert.Equal((Behavior.Unimplemented, CloseBehavior.Unimplemented, Outcome.Unimplemented), (result.Behavior, result.BehaviorClose, result.Outcome));
    }
}
