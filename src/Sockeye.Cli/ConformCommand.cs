using System.CommandLine;
using System.Diagnostics;
using Sockeye.Conformance;

namespace Sockeye.Cli;

/// <summary><c>sockeye conform</c>: plays the conformance cases against an echo server, and says which it passes.</summary>
internal static class ConformCommand
{
    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "The echo server to judge, such as ws://localhost:9001." };
        var cases = new Option<string?>("--cases") { Description = "The cases to play: '1.*,5.19'. All of them where it is not given." };
        var isShort = new Option<bool>("--short")
        {
            Description = $"Sends {CaseCatalog.ShortMessages} messages in each case of groups 12 and 13, instead of {CaseCatalog.FullMessages}.",
        };
        var parallel = new Option<int>("--parallel")
        {
            Description = "How many cases to play at a time.",
            DefaultValueFactory = _ => SuiteRunner.DefaultParallelism,
        };
        var json = new Option<FileInfo?>("--json") { Description = "Writes the report, with the events of each case, to this file." };
        var isStrict = new Option<bool>("--strict") { Description = "Takes what is only tolerated (NON-STRICT) as failed." };
        var patience = new Option<double>("--patience")
        {
            Description = "Stretches pauses and limits of time by this factor, for slow machines.",
            DefaultValueFactory = _ => 1,
        };
        var authorities = new Option<FileInfo?>("--cacert") { Description = "PEM certificates to trust instead of the system's." };
        var command = new Command("conform", "Judges an echo server by the 517 cases of the conformance suite.")
        {
            url, cases, isShort, parallel, json, isStrict, patience, authorities,
        };
        parallel.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--parallel must be at least 1.");
        });
        patience.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 1 and <= 1000))
                result.AddError("--patience is a factor of 1 to 1000.");
        });
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                IReadOnlyList<ConformanceCase> selected =
                    CaseSelection.Select(parsed.GetValue(isShort) ? CaseCatalog.Short : CaseCatalog.Full, parsed.GetValue(cases));
                var harness = new ServerHarness(parsed.GetValue(url)!)
                {
                    Patience = parsed.GetValue(patience),
                    Tls = parsed.GetValue(authorities) is { } file ? TrustedAuthorities.Load(file.FullName) : null,
                };
                await harness.ProbeAsync(cancel);
                SuiteReport report = await RunAsync(
                    harness, parsed.GetValue(url)!, selected, parsed.GetValue(parallel), parsed.GetValue(isShort), cancel);
                ConformSummary.Print(report);
                if (parsed.GetValue(json) is { } target)
                    await SaveAsync(report, target, cancel);
                int failed = report.Count(Outcome.Failed) + (parsed.GetValue(isStrict) ? report.Count(Outcome.NonStrict) : 0);
                return failed > 0 ? 1 : 0;
            }
            catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync(TerminalText.Escape(e.Message));
                return 2;
            }
            catch (OperationCanceledException)
            {
                return 130;
            }
        });
        return command;
    }

    private static async Task<SuiteReport> RunAsync(
        ServerHarness harness, string url, IReadOnlyList<ConformanceCase> cases, int parallelism, bool isShort, CancellationToken cancel)
    {
        DateTimeOffset started = DateTimeOffset.Now;
        var watch = Stopwatch.StartNew();
        IReadOnlyList<CaseResult> results = await ConformSummary.ShowProgressAsync(
            cases.Count, finished => SuiteRunner.RunAsync(harness, cases, parallelism, finished, cancel));
        return new SuiteReport
        {
            Subject = url,
            Role = "server",
            MessagesPerCase = isShort ? CaseCatalog.ShortMessages : CaseCatalog.FullMessages,
            Started = started,
            Seconds = Math.Round(watch.Elapsed.TotalSeconds, 3),
            Cases = results,
        };
    }

    private static async Task SaveAsync(SuiteReport report, FileInfo target, CancellationToken cancel)
    {
        await using FileStream file = target.Create();
        await ReportJson.WriteAsync(file, report, cancel);
    }
}
