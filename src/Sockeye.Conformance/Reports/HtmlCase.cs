using System.Globalization;

namespace Sockeye.Conformance;

/// <summary>Writes one case of a report as HTML: a line that folds out.</summary>
internal static class HtmlCase
{
    private const int FirstLines = 40;
    private const int LastLines = 10;
    private const int MostBytes = 32;

    public static void Write(HtmlWriter html, CaseResult result)
    {
        Mark mark = Mark.Of(result);
        html.Write($"""
            <details class="case {mark.Name}"><summary><i aria-hidden="true">{mark.Sign}</i><span class="id">{result.Id}</span>
            <span class="what"><span class="title">{result.Title}</span>
            """);
        if (mark == Mark.Passed)
            html.Write($"""<span class="unseen">{mark.Title}</span></span>""");
        else
            html.Write($"""<span class="why"><b>{mark.Title}.</b> {Why(result)}</span></span>""");
        html.Write($"""<span class="time">{Duration(result.Milliseconds)}</span></summary><div class="inside" id="case-{result.Id}">""");
        WriteFacts(html, result);
        if (result.Log.Count > 0)
            WriteLog(html, result.Log);
        html.Write($"</div></details>");
    }

    private static string Why(CaseResult result) =>
        result.Outcome == Outcome.Failed && result.Behavior is Behavior.Ok or Behavior.Informational ? result.CloseExplanation : result.Explanation;

    private static void WriteFacts(HtmlWriter html, CaseResult result)
    {
        html.Write($"""
            <dl>
            <div><dt>Rule</dt><dd>{result.Section}</dd></div>
            <div><dt>Expected</dt><dd>{result.Expected}</dd></div>
            <div><dt>Behaviour</dt><dd><b class="rating">{ReportJson.NameOf(result.Behavior)}</b> {result.Explanation}</dd></div>
            <div><dt>Expected end</dt><dd>{result.ExpectedClose}</dd></div>
            <div><dt>End</dt><dd><b class="rating">{ReportJson.NameOf(result.BehaviorClose)}</b> {result.CloseExplanation}</dd></div>
            """);
        if (result.CloseCode is { } code)
            html.Write($"""<div><dt>Close frame</dt><dd>{code} <q class="peer"><bdi>{result.CloseReason}</bdi></q></dd></div>""");
        if (result.Deflate is { } deflate)
            html.Write($"""<div><dt>Extension</dt><dd><code>{deflate}</code></dd></div>""");
        html.Write($"</dl>");
    }

    private static void WriteLog(HtmlWriter html, IReadOnlyList<LogEntry> log)
    {
        html.Write($"""
            <div class="scroll" tabindex="0" role="region" aria-label="What happened"><table class="log">
            <caption>What happened <span class="key">Bytes: <code class="head">header</code> <code class="mask">mask key</code> <code>payload, unmasked</code></span></caption>
            <thead><tr><th scope="col" class="number">ms</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Bytes</th></tr></thead><tbody>
            """);
        bool isCut = log.Count > FirstLines + LastLines + 1;
        for (int i = 0; i < log.Count; i++)
        {
            if (isCut && i == FirstLines)
            {
                int last = log.Count - LastLines;
                html.Write($"""<tr class="cut"><td></td><td colspan="3">{last - i} lines are left out here; the JSON report has them.</td></tr>""");
                i = last;
            }

            WriteLine(html, log[i]);
        }

        html.Write($"</tbody></table></div>");
    }

    private static void WriteLine(HtmlWriter html, LogEntry line)
    {
        (string name, string who) = line.Kind switch
        {
            LogKind.Sent => ("sent", "→ suite"),
            LogKind.Received => ("received", "← endpoint"),
            LogKind.Timer => ("timer", "clock"),
            _ => ("connection", "connection"),
        };
        html.Write($"""<tr class="{name}"><td class="number">{line.Milliseconds:0.0}</td><td class="who">{who}</td><td>{Text(line)}</td><td class="bytes">""");
        if (line.Header is { } header)
        {
            int mask = IsMasked(header) ? 8 : 0;
            html.Write($"""<code class="head">{Spaced(header[..^mask])}</code>""");
            if (mask > 0)
                html.Write($""" <code class="mask">{Spaced(header[^mask..])}</code>""");
        }

        if (line.Payload is { } payload)
        {
            bool isCut = line.Length is not null || payload.Length > 2 * MostBytes;
            html.Write($""" <code>{Spaced(payload[..Math.Min(payload.Length, 2 * MostBytes)])}{(isCut ? " …" : "")}</code>""");
        }

        html.Write($"</td></tr>");
    }

    // Payloads that are no text stand there in digits: the last column has them.
    private static string Text(LogEntry line) => line.Payload is { Length: > 0 } payload
        ? line.Text.Replace($" {payload}…", "", StringComparison.Ordinal).Replace($" {payload}", "", StringComparison.Ordinal)
        : line.Text;

    // The second byte of a header says whether its last four are a mask key.
    private static bool IsMasked(string header) => header.Length >= 12 && header[2] >= '8';

    private static string Spaced(string digits) => string.Join(' ', digits.Chunk(2).Select(pair => new string(pair)));

    private static string Duration(double milliseconds) => milliseconds < 1000
        ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.0} s");
}
