using System.Text;
using System.Xml.Linq;

namespace Sockeye.Conformance.Tests;

/// <summary>The reports for people and for build servers. The page itself is looked at in a browser by the interop tests.</summary>
public sealed class ReportTests
{
    private const string Hostile = "</title><script>alert(1)</script>\u202E\0\uFFFE\uD800&\"'";
    private const string Shown = "</title><script>alert(1)</script>\\u202E\\u0000\\uFFFE\\uD800&\"'";

    [Fact]
    public void Page_shows_what_a_peer_said_as_text()
    {
        string page = Page(Report());

        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\u202E', page);
        Assert.DoesNotContain('\0', page);
        Assert.Contains(System.Net.WebUtility.HtmlEncode(Shown), page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_refers_to_nothing_outside_and_forbids_scripts()
    {
        string page = Page(Report());

        Assert.Contains("default-src 'none'; style-src 'unsafe-inline'", page, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain("url(", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http:", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https:", page, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_cuts_long_logs()
    {
        CaseResult result = Report().Cases[0] with
        {
            Log = [.. Enumerable.Range(0, 100).Select(i => new LogEntry(i, LogKind.Sent, $"line {i}."))],
        };
        string page = Page(Report() with { Cases = [result] });

        Assert.Contains("line 39.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("line 40.", page, StringComparison.Ordinal);
        Assert.Contains("50 lines are left out", page, StringComparison.Ordinal);
        Assert.DoesNotContain("line 89.", page, StringComparison.Ordinal);
        Assert.Contains("line 90.", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_shows_the_bytes_of_frames()
    {
        CaseResult result = new CoreHarness { EndpointRole = Sockeye.Protocol.Role.Client }.Play(CaseSelection.Select(CaseCatalog.Full, "2.2")[0]);
        string page = Page(Report() with { Cases = [result] });

        Assert.Matches("""<code class="head">89 0d</code>\s*<code>48 65 6c 6c 6f 2c 20 77 6f 72 6c 64 21</code>""", page);
        Assert.Matches("""<code class="head">8a 8d</code>\s*<code class="mask">b9 79 37 9e</code>\s*<code>48 65 6c 6c""", page);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void JUnit_counts_and_explains(bool isStrict, int failures)
    {
        using var stream = new MemoryStream();
        JUnitReport.Write(stream, Report(), isStrict);
        stream.Position = 0;
        XElement suites = XDocument.Load(stream).Root!;

        Assert.Equal(("testsuites", "4", $"{failures}", "1"), (suites.Name.LocalName, Value(suites, "tests"), Value(suites, "failures"), Value(suites, "skipped")));
        Assert.Equal(["1 Lengths", "3 Reserved bits", $"12 {CaseCatalog.GroupTitle(12)}"], suites.Elements("testsuite").Select(suite => Value(suite, "name")));
        Assert.Equal(4, suites.Descendants("testcase").Count());
        Assert.Equal(failures, suites.Descendants("failure").Count());
        XElement failure = suites.Descendants("failure").First();
        Assert.Equal("FAILED, FAILED", Value(failure, "type"));
        Assert.Contains(Shown, Value(failure, "message"), StringComparison.Ordinal);
        Assert.Single(suites.Descendants("skipped"));
        Assert.Equal(isStrict ? 0 : 1, suites.Descendants("system-out").Count());
    }

    [Fact]
    public void What_a_case_expects_is_put_into_words()
    {
        Assert.All(CaseCatalog.Short, one => Assert.NotEqual(("", ""), (ExpectationText.Describe(one), ExpectationText.DescribeClose(one))));
        ConformanceCase[] cases = [.. CaseSelection.Select(CaseCatalog.Short, "2.2,3.2,7.1.6,12.1.1")];

        Assert.Equal("To be seen: pong, 13 bytes \"Hello, world!\".", ExpectationText.Describe(cases[0]));
        Assert.Equal("To be seen: text, 13 bytes \"Hello, world!\". Tolerated: nothing.", ExpectationText.Describe(cases[1]));
        Assert.Equal("The endpoint fails the connection: Close with 1002, or no code, or a drop.", ExpectationText.DescribeClose(cases[1]));
        Assert.Equal("Anything: the case shows what the endpoint does.", ExpectationText.Describe(cases[2]));
        Assert.Equal("Every message comes back as it was, one after the other.", ExpectationText.Describe(cases[3]));
    }

    private static string? Value(XElement element, string name) => element.Attribute(name)?.Value;

    private static string Page(SuiteReport report)
    {
        using var stream = new MemoryStream();
        HtmlReport.Write(stream, report);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Makes a report with an outcome of each kind, of an endpoint that says hostile things.</summary>
    private static SuiteReport Report()
    {
        IReadOnlyList<ConformanceCase> cases = CaseSelection.Select(CaseCatalog.Short, "1.1.1,1.1.2,3.2,12.1.1");
        var refused = new Transcript { CloseCode = 1002, CloseReason = Hostile, IsClean = true };
        return new SuiteReport
        {
            Subject = Hostile,
            Role = "client",
            MessagesPerCase = CaseCatalog.ShortMessages,
            Cases =
            [
                CaseResult.Of(cases[0], new Transcript { Events = [PeerEvent.Text("")], IsClosedBySuite = true, IsClean = true, CloseCode = 1000 }),
                CaseResult.Of(cases[1], new Transcript { OpeningFailure = Hostile }, log: [new LogEntry(1, LogKind.Received, Hostile)]),
                CaseResult.Of(cases[2], refused),
                CaseResult.Of(cases[3], new Transcript { IsDeclined = true }),
            ],
        };
    }
}
