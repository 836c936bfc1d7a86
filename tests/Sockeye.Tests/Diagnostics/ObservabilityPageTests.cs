using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Sockeye.Tests.Diagnostics;

/// <summary>docs/observability.md lists what there is: every log line with its id, and every instrument.</summary>
public sealed partial class ObservabilityPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Testing.Checkout.Root, "docs", "observability.md"));

    [Fact]
    public void Page_lists_every_log_line()
    {
        string[] lines =
        [
            .. from type in typeof(WebSocketConnection).Assembly.GetTypes()
               from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
               let line = method.GetCustomAttribute<LoggerMessageAttribute>()
               where line is not null
               orderby line.EventId
               select $"| {line.EventId} | {line.Level} | {line.Message} |",
        ];
        Assert.NotEmpty(lines);
        Assert.Equal(lines.Length, lines.Select(line => line.Split('|')[1]).Distinct().Count());
        Assert.Equal(lines, LogLine.Matches(Page).Select(match => match.Value));
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

    [GeneratedRegex(@"^\| \d+ \| \w+ \| .* \|$", RegexOptions.Multiline)]
    private static partial Regex LogLine { get; }

    [GeneratedRegex(@"^\| `sockeye\.[a-z_.]+` \| \w+ \| `[^`]+` \|", RegexOptions.Multiline)]
    private static partial Regex InstrumentLine { get; }
}
