using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Diagnostics;

/// <summary>docs/observability.md lists what there is: every log line with its id, and every instrument.</summary>
public sealed partial class ObservabilityPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Testing.Checkout.Root, "docs", "observability.md"));

    private static LoggerMessageAttribute[] Lines =>
    [
        .. from type in typeof(WebSocketConnection).Assembly.GetTypes()
           from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
           let line = method.GetCustomAttribute<LoggerMessageAttribute>()
           where line is not null
           orderby line.EventId
           select line,
    ];

    [Fact]
    public void Page_lists_every_log_line()
    {
        string[] lines = [.. Lines.Select(line => $"| {line.EventId} | {line.Level} | {line.Message} |")];
        Assert.NotEmpty(lines);
        Assert.Equal(lines.Length, lines.Select(line => line.Split('|')[1]).Distinct().Count());
        Assert.Equal(lines, LogLine.Matches(Page).Select(match => match.Value));
    }

    /// <summary>An id says nothing of what it stands for, but a sentence that names one speaks of the same thing as the line.</summary>
    [Fact]
    public void Log_ids_in_guides_are_those_of_their_lines()
    {
        int named = 0;
        foreach (string guide in Directory.GetFiles(Path.Combine(Testing.Checkout.Root, "docs"), "*.md"))
        {
            string[] sentences = Code.Replace(File.ReadAllText(guide), "").ReplaceLineEndings(" ").Split(". ");
            foreach (string sentence in sentences.Where(sentence => Log.IsMatch(sentence)))
            {
                foreach (Match id in LogId.Matches(sentence))
                {
                    named++;
                    LoggerMessageAttribute? line = Lines.SingleOrDefault(line => $"{line.EventId}" == id.Groups["id"].Value);
                    Assert.True(
                        line is not null && Words(sentence).Intersect(Words(line.Message)).Any(),
                        $"{Path.GetFileName(guide)} names the log line {id.Value}, which is '{line?.Message}', in: {sentence}");
                }
            }
        }

        Assert.True(named >= 3, $"{named} ids were found: has the way of writing changed?");

        static IEnumerable<string> Words(string text) =>
            LongWord.Matches(Placeholder.Replace(text, "")).Select(match => match.Value.ToLowerInvariant());
    }

    [Fact]
    public void Page_lists_every_instrument()
    {
        using var measurements = new Measurements("none");
        _ = Sockeye.Diagnostics.Telemetry.CountsTraffic; // that makes them
        string[] instruments =
        [
            .. from instrument in measurements.Instruments
               orderby instrument.Name
               select $"| `{instrument.Name}` | {Kind(instrument.GetType().Name)} | `{instrument.Unit}` |",
        ];
        Assert.NotEmpty(instruments);
        Assert.Equal(instruments, InstrumentLine.Matches(Page).Select(match => match.Value).Order(StringComparer.Ordinal));

        static string Kind(string type) => type[..type.IndexOf('`', StringComparison.Ordinal)].Replace("Observable", "", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\((event )?(?<id>\d{1,3})\)", RegexOptions.ExplicitCapture)]
    private static partial Regex LogId { get; }

    [GeneratedRegex(@"\blog(s|ged)?\b")]
    private static partial Regex Log { get; }

    [GeneratedRegex("```.*?```", RegexOptions.Singleline)]
    private static partial Regex Code { get; }

    [GeneratedRegex(@"\p{L}{6,}")]
    private static partial Regex LongWord { get; }

    [GeneratedRegex(@"\{\w+\}")]
    private static partial Regex Placeholder { get; }

    [GeneratedRegex(@"^\| \d+ \| \w+ \| .* \|$", RegexOptions.Multiline)]
    private static partial Regex LogLine { get; }

    [GeneratedRegex(@"^\| `sockeye\.[a-z_.]+` \| \w+ \| `[^`]+` \|", RegexOptions.Multiline)]
    private static partial Regex InstrumentLine { get; }
}
