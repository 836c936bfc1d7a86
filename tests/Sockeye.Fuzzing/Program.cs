using System.Diagnostics;
using System.Globalization;
using Sockeye.Fuzzing;

long seed = Environment.TickCount64;
int sessions = 100_000;
int enginePercent = 5;
bool isVerbose = false;
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--verbose":
            isVerbose = true;
            break;
        case "--seed" when i + 1 < args.Length && long.TryParse(args[i + 1], CultureInfo.InvariantCulture, out seed):
        case "--sessions" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out sessions):
        case "--engine" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out enginePercent):
            i++;
            break;
        default:
            Console.Error.WriteLine("""
                Plays random WebSocket sessions and compares what Sockeye makes of them with a model of the specification.

                usage: Sockeye.Fuzzing [--sessions N] [--seed S] [--engine PERCENT] [--verbose]

                  --sessions N      how many sessions; 100000 by default
                  --seed S          the seed of the first one, the next ones count up; by the clock by default
                  --engine PERCENT  how many sessions in a hundred go through a whole connection as well; 5 by default
                  --verbose         how often each end came up

                The exit code is 1 where something differs. A session is repeated with --seed S --sessions 1 --engine 100.
                """);
            return 64;
    }
}

Console.WriteLine($"Seed {seed}");
long start = Stopwatch.GetTimestamp();
var fuzzer = new Fuzzer(new AssemblerSubject(), enginePercent);
FuzzReport report = await fuzzer.RunAsync(seed, sessions);
Console.WriteLine(await fuzzer.DescribeAsync(report));
(IReadOnlyList<string> differences, IReadOnlyDictionary<int, int> answers) = HandshakeFuzzer.Run(seed, sessions);
Console.WriteLine($"As many requests to upgrade, {differences.Count} disagreements");
foreach (string difference in differences)
    Console.WriteLine(difference);
if (isVerbose)
{
    foreach ((string end, int count) in report.Ends.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        Console.WriteLine($"{count,10} {end}");
    Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
}

return report.Disagreements.IsEmpty && differences.Count == 0 ? 0 : 1;
