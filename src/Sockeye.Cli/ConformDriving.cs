using Sockeye.Conformance;

namespace Sockeye.Cli;

/// <summary><c>sockeye conform --drive</c>: puts the client of the library through a server that judges clients.</summary>
internal static class ConformDriving
{
    /// <summary>Plays all cases that the server has, and asks it for its reports.</summary>
    /// <returns>The exit code: 1 where the server says that a case has failed, as far as it says so.</returns>
    public static async Task<int> RunAsync(ClientDriver driver, int parallelism, CancellationToken cancel)
    {
        int count = await driver.CountCasesAsync(cancel);
        string?[] told = await ConformSummary.ShowProgressAsync(count, async show =>
        {
            string?[] statuses = new string?[count];
            var options = new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancel };
            await Parallel.ForAsync(1, count + 1, options, async (number, token) =>
            {
                await driver.RunCaseAsync(number, token);
                statuses[number - 1] = await driver.FindStatusAsync(number, token);
                lock (statuses)
                    show(statuses[number - 1] == "FAILED");
            });
            return statuses;
        });
        await driver.UpdateReportsAsync(cancel);
        Console.WriteLine($"{count} cases played. The server says: {Sums(told)}. Its report tells more.");
        return told.Contains("FAILED") ? 1 : 0;
    }

    private static string Sums(string?[] told) => string.Join(", ", told
        .GroupBy(status => status ?? "nothing")
        .OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group => $"{group.Count()} {TerminalText.Escape(group.Key)}"));
}
