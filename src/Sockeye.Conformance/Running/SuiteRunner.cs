namespace Sockeye.Conformance;

/// <summary>Plays many cases, several at a time.</summary>
internal static class SuiteRunner
{
    /// <summary>How many cases are played at a time where nothing else is said: most wait, and few compute.</summary>
    public static int DefaultParallelism => 2 * Environment.ProcessorCount;

    /// <summary>Plays cases.</summary>
    /// <param name="harness">What plays them.</param>
    /// <param name="cases">The cases.</param>
    /// <param name="parallelism">How many are played at a time.</param>
    /// <param name="finished">Is told each result as it comes, one at a time.</param>
    /// <param name="cancel">Ends the run.</param>
    /// <returns>The results, in the order of the cases.</returns>
    public static async Task<IReadOnlyList<CaseResult>> RunAsync(
        IHarness harness,
        IReadOnlyList<ConformanceCase> cases,
        int parallelism,
        Action<CaseResult>? finished = null,
        CancellationToken cancel = default)
    {
        var results = new CaseResult[cases.Count];
        var sync = new Lock();
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancel };
        await Parallel.ForAsync(0, cases.Count, options, async (i, token) =>
        {
            CaseResult result = await harness.PlayAsync(cases[i], token).ConfigureAwait(false);
            results[i] = result;
            lock (sync)
                finished?.Invoke(result);
        }).ConfigureAwait(false);
        return results;
    }
}
