namespace Sockeye.Conformance.Tests;

/// <summary>The suite's own groups catch what they are for.</summary>
public sealed class OwnFaultTests
{
    [Theory]
    [InlineData("23.1.*", "")]
    [InlineData("23.3.*", "23.3.1 23.3.2 23.3.3")]
    [InlineData("24.*", "24.3.2 24.4.1 24.4.2 24.4.3 24.4.4 24.4.5 24.4.6")]
    [InlineData("25.*", "25.3.1")]
    [InlineData("26.*", "")]
    [InlineData("31.*", "")]
    public void Server_that_checks_nothing_is_caught(string cases, string passed)
    {
        var harness = new CoreHarness(_ => new LaxEcho()) { Deflate = PerMessageDeflateOptions.Default };
        CaseResult[] results = [.. CaseSelection.Select(CaseCatalog.Full, cases).Select(harness.Play)];

        Assert.Equal(passed, string.Join(' ', results.Where(result => result.IsStrict).Select(result => result.Id)));
    }
}
