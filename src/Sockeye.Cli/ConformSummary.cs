using System.Globalization;
using Sockeye.Conformance;
using Spectre.Console;

namespace Sockeye.Cli;

/// <summary>Shows a conformance run in the terminal: a bar while it lasts, and the sums at its end.</summary>
internal static class ConformSummary
{
    /// <summary>Runs something that tells each result as it comes, and shows how far it is.</summary>
    public static Task<T> ShowProgressAsync<T>(int cases, Func<Action<CaseResult>, Task<T>> run) =>
        ShowProgressAsync(cases, show => run(result => show(result.Outcome == Outcome.Failed)));

    /// <summary>Runs something that tells of each case that is finished whether it has failed, and shows how far it is.</summary>
    public static async Task<T> ShowProgressAsync<T>(int cases, Func<Action<bool>, Task<T>> run)
    {
        // Where nobody looks, a bar is noise.
        if (Console.IsOutputRedirected)
            return await run(static _ => { });

        return await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask("Cases", maxValue: cases);
                int failed = 0;
                return await run(hasFailed =>
                {
                    failed += hasFailed ? 1 : 0;
                    bar.Increment(1);
                    bar.Description = $"{bar.Value:0}/{cases}, {failed} failed";
                });
            });
    }

    /// <summary>Prints what did not pass strictly, and the sums of each group.</summary>
    public static void Print(SuiteReport report)
    {
        foreach (CaseResult result in report.Cases.Where(one => one.Outcome is Outcome.Failed or Outcome.NonStrict))
        {
            string what = result.Outcome == Outcome.Failed ? "FAILED    " : "NON-STRICT";
            Console.WriteLine($"{what} {result.Id} {result.Title}");
            Console.WriteLine($"           {TerminalText.Escape(result.Explanation)}");
            if (result.CloseExplanation != result.Explanation)
                Console.WriteLine($"           {TerminalText.Escape(result.CloseExplanation)}");
        }

        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("Group");
        foreach (string column in (string[])["Cases", "Passed", "Non-strict", "Failed", "Unimplemented"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (GroupSummary group in report.Groups)
        {
            table.AddRow([
                $"{group.Group} {group.Title}",
                .. new[] { group.Cases, group.Passed, group.NonStrict, group.Failed, group.Unimplemented }.Select(Number)]);
        }

        AnsiConsole.Write(table);
        int classic = report.Cases.Count(one => one.IsClassic);
        if (classic > 0 && classic < report.Cases.Count)
            Console.WriteLine($"{Sum("classic", one => one.IsClassic)}; {Sum("of the suite's own", one => !one.IsClassic)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Cases.Count} cases in {report.Seconds:0.0} s: {report.Count(Outcome.Passed)} passed, {report.Count(Outcome.NonStrict)} non-strict, "
                + $"{report.Count(Outcome.Failed)} failed, {report.Count(Outcome.Unimplemented)} unimplemented"));
        if (report.Missing.Count > 0)
            Console.WriteLine($"{report.Missing.Count} cases were not played: {string.Join(", ", report.Missing)}");

        string Sum(string name, Func<CaseResult, bool> isOne) =>
            $"{report.Cases.Count(one => isOne(one) && one.Outcome == Outcome.Passed)} of {report.Cases.Count(isOne)} {name} passed";
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
