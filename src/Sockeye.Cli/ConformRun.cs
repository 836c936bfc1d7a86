using System.Diagnostics;
using Sockeye.Conformance;

namespace Sockeye.Cli;

/// <summary>What is played, and where the reports go.</summary>
internal sealed record ConformRun
{
    public required IReadOnlyList<ConformanceCase> Cases { get; init; }

    /// <summary>Gets how many messages each case of the groups 12 and 13 sends.</summary>
    public required int MessagesPerCase { get; init; }

    /// <summary>Gets whether what is only tolerated counts as failed.</summary>
    public bool IsStrict { get; init; }

    /// <summary>Gets by how much pauses and limits are stretched.</summary>
    public double Patience { get; init; } = 1;

    public FileInfo? Json { get; init; }

    public FileInfo? Html { get; init; }

    public FileInfo? JUnit { get; init; }

    /// <summary>Judges a server.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> JudgeServerAsync(ServerHarness harness, string url, int parallelism, CancellationToken cancel)
    {
        await harness.ProbeAsync(cancel);
        DateTimeOffset started = DateTimeOffset.Now;
        var watch = Stopwatch.StartNew();
        IReadOnlyList<CaseResult> results = await ConformSummary.ShowProgressAsync(
            Cases.Count, finished => SuiteRunner.RunAsync(harness, Cases, parallelism, finished, cancel));
        return await FinishAsync(new SuiteReport
        {
            Subject = url,
            Role = "server",
            MessagesPerCase = MessagesPerCase,
            Started = started,
            Seconds = Math.Round(watch.Elapsed.TotalSeconds, 3),
            Cases = results,
        });
    }

    /// <summary>Prints and writes a report.</summary>
    /// <returns>The exit code: 1 where a case has failed, or none was played.</returns>
    public async Task<int> FinishAsync(SuiteReport report)
    {
        ConformSummary.Print(report);
        if (Json is not null)
        {
            await using FileStream file = Json.Create();
            await ReportJson.WriteAsync(file, report, CancellationToken.None);
        }

        if (Html is not null)
        {
            await using FileStream file = Html.Create();
            HtmlReport.Write(file, report);
        }

        if (JUnit is not null)
        {
            await using FileStream file = JUnit.Create();
            JUnitReport.Write(file, report, IsStrict);
        }

        bool hasFailed = report.Count(Outcome.Failed) > 0 || (IsStrict && report.Count(Outcome.NonStrict) > 0);
        return hasFailed || report.Cases.Count == 0 ? 1 : 0;
    }
}
