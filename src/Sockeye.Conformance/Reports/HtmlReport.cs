using System.Text;

namespace Sockeye.Conformance;

/// <summary>Writes reports as one page of HTML that needs nothing besides: no script, no other file.</summary>
/// <remarks>Folding is that of <c>details</c>, and the filter is a choice that the style sheet looks at. The page forbids itself scripts,
/// should markup of a peer ever get in.</remarks>
internal sealed class HtmlReport
{
    private readonly HtmlWriter _html;
    private readonly SuiteReport _report;

    private HtmlReport(HtmlWriter html, SuiteReport report)
    {
        _html = html;
        _report = report;
    }

    /// <summary>Writes a report.</summary>
    public static void Write(Stream stream, SuiteReport report)
    {
        using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
        text.NewLine = "\n";
        var page = new HtmlReport(new HtmlWriter(text), report);
        text.WriteLine("""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="color-scheme" content="light dark">
            <style>
            """);
        text.WriteLine(StyleSheet());
        text.WriteLine("</style>");
        page._html.Write($"<title>{page.Verdict()} · {report.Subject}</title>");
        text.WriteLine("</head>\n<body>\n<a class=\"skip\" href=\"#cases\">Skip to the cases</a>");
        page.WriteHeader();
        text.WriteLine("<main>");
        page.WriteGroups();
        page.WriteCases();
        text.WriteLine("</main>");
        page.WriteFooter();
        text.WriteLine("</body>\n</html>");
    }

    private void WriteHeader()
    {
        _html.Write($"""
            <header><div class="page hero">
            <div>
            <p class="kicker">WebSocket conformance · {_report.Role}</p>
            <h1><bdi>{_report.Subject}</bdi></h1>
            <p class="verdict">{Verdict()}</p>
            <dl class="facts">
            <div><dt>Played</dt><dd>{_report.Cases.Count:#,0} cases</dd></div>
            <div><dt>Took</dt><dd>{_report.Seconds:#,0.0} s</dd></div>
            <div><dt>Began</dt><dd><time datetime="{_report.Started:O}">{_report.Started:yyyy-MM-dd HH:mm}</time></dd></div>
            <div><dt>Groups 12 and 13</dt><dd>{_report.MessagesPerCase:#,0} messages a case</dd></div>
            </dl>
            </div>
            """);
        WriteRing();
        _html.Write($"</div></header>");
    }

    /// <summary>Draws the shares of all outcomes as a ring.</summary>
    private void WriteRing()
    {
        const int Whole = 1000;
        int strict = Count(_report.Cases, Mark.Passed) + Count(_report.Cases, Mark.Informational);
        _html.Write($"""
            <svg class="ring" viewBox="0 0 120 120" role="img" aria-label="{strict} of {_report.Cases.Count} cases passed strictly">
            <circle class="track" cx="60" cy="60" r="50"/>
            """);
        double start = 0;
        foreach (Mark mark in Mark.All)
        {
            double share = (double)Whole * Count(_report.Cases, mark) / Math.Max(1, _report.Cases.Count);
            if (share > 0)
            {
                _html.Write($"""
                    <circle class="arc {mark.Name}" cx="60" cy="60" r="50" pathLength="{Whole}" stroke-dasharray="{share:0.##} {Whole}" stroke-dashoffset="{-start:0.##}"/>
                    """);
            }

            start += share;
        }

        _html.Write($"""<text x="60" y="62">{strict:#,0}</text><text class="of" x="60" y="80">of {_report.Cases.Count:#,0}</text></svg>""");
    }

    private void WriteGroups()
    {
        _html.Write($"""<section class="page" aria-labelledby="groups"><h2 id="groups">Groups</h2><div class="scroll"><table class="groups">""");
        _html.Write($"""<thead><tr><th scope="col">Group</th><td class="bars"></td>""");
        foreach (Mark mark in Mark.All)
            _html.Write($"""<th scope="col" class="number"><abbr title="{mark.Meaning}">{mark.Title}</abbr></th>""");
        _html.Write($"</tr></thead><tbody>");
        foreach (IGrouping<int, CaseResult> group in _report.Cases.GroupBy(one => one.Group))
            WriteGroup(group);
        _html.Write($"</tbody></table></div></section>");
    }

    private void WriteGroup(IGrouping<int, CaseResult> group)
    {
        // The numbers stand beside it: the bar is for the eye alone.
        _html.Write($"""
            <tr><th scope="row"><a href="#group-{group.Key}"><span class="id">{group.Key}</span> {CaseCatalog.GroupTitle(group.Key)}</a></th>
            <td class="bars"><div class="bar" aria-hidden="true">
            """);
        foreach (Mark mark in Mark.All)
        {
            if (Count(group, mark) is > 0 and int count)
                _html.Write($"""<span class="{mark.Name}" style="flex:{count}"></span>""");
        }

        _html.Write($"</div></td>");
        foreach (Mark mark in Mark.All)
        {
            int count = Count(group, mark);
            _html.Write($"""<td class="number {(count == 0 ? "none" : mark.Name)}">{count}</td>""");
        }

        _html.Write($"</tr>");
    }

    private void WriteCases()
    {
        _html.Write($"""
            <section aria-labelledby="cases"><div class="page"><h2 id="cases" tabindex="-1">Cases</h2></div>
            <div class="filter"><fieldset class="page"><legend>Show</legend>
            <label><input type="radio" name="show" id="show-all" checked><span>All <b>{_report.Cases.Count}</b></span></label>
            """);
        foreach (Mark mark in Mark.All)
        {
            _html.Write($"""
                <label class="{mark.Name}"><input type="radio" name="show" id="show-{mark.Name}"><span><i aria-hidden="true">{mark.Sign}</i>{mark.Title} <b>{Count(_report.Cases, mark)}</b></span></label>
                """);
        }

        _html.Write($"""</fieldset></div><div class="page">""");
        foreach (IGrouping<int, CaseResult> group in _report.Cases.GroupBy(one => one.Group))
        {
            _html.Write($"""<section class="group" aria-labelledby="group-{group.Key}"><h3 id="group-{group.Key}"><span class="id">{group.Key}</span> {CaseCatalog.GroupTitle(group.Key)}</h3>""");
            foreach (CaseResult result in group)
                HtmlCase.Write(_html, result);
            _html.Write($"</section>");
        }

        foreach (Mark mark in Mark.All)
        {
            if (Count(_report.Cases, mark) == 0)
                _html.Write($"""<p class="empty {mark.Name}">No case is {mark.Title.ToLowerInvariant()}.</p>""");
        }

        _html.Write($"</div></section>");
    }

    private void WriteFooter()
    {
        _html.Write($"""<footer class="page"><dl class="legend">""");
        foreach (Mark mark in Mark.All)
            _html.Write($"""<div class="{mark.Name}"><dt><i aria-hidden="true">{mark.Sign}</i>{mark.Title}</dt><dd>{mark.Meaning}</dd></div>""");
        _html.Write($"</dl>");
        if (_report.Missing.Count > 0)
            _html.Write($"<p>Not played: {string.Join(", ", _report.Missing)}.</p>");
        _html.Write($"<p>The data of groups 12 and 13 are {_report.Data}. Times count from the moment of opening. Written by <code>sockeye conform</code>.</p></footer>");
    }

    private string Verdict()
    {
        int failed = Count(_report.Cases, Mark.Failed);
        int tolerated = Count(_report.Cases, Mark.NonStrict);
        int unimplemented = Count(_report.Cases, Mark.Unimplemented);
        string more = unimplemented == 0 ? "" : $", {Cases(unimplemented)} unimplemented";
        return (failed, tolerated) switch
        {
            _ when _report.Cases.Count == 0 => "No case was played",
            (> 0, _) => $"{Cases(failed)} failed",
            (0, > 0) => $"No case failed, {Cases(tolerated)} non-strict{more}",
            _ => $"Strict in every case{more}",
        };
    }

    private static string Cases(int count) => count == 1 ? "1 case" : $"{count} cases";

    private static int Count(IEnumerable<CaseResult> cases, Mark mark) => cases.Count(one => Mark.Of(one) == mark);

    private static string StyleSheet()
    {
        using Stream resource = typeof(HtmlReport).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(resource);
        return reader.ReadToEnd();
    }
}
