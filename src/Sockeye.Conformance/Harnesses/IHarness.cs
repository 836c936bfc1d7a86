namespace Sockeye.Conformance;

/// <summary>Plays cases against one endpoint.</summary>
internal interface IHarness
{
    /// <summary>Plays one case and rates it. Several may be played at a time.</summary>
    Task<CaseResult> PlayAsync(ConformanceCase testCase, CancellationToken cancel);
}
