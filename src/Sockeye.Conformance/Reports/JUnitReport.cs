using System.Globalization;
using System.Xml;

namespace Sockeye.Conformance;

/// <summary>Writes reports as JUnit XML, which build servers show: a suite for each group.</summary>
internal static class JUnitReport
{
    /// <summary>Writes a report.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="report">The report.</param>
    /// <param name="isStrict">Whether what is only tolerated has failed.</param>
    public static void Write(Stream stream, SuiteReport report, bool isStrict)
    {
        using var xml = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true });
        xml.WriteStartElement("testsuites");
        WriteSums(xml, $"{report.Role} {report.Subject}", report.Cases, report.Seconds, isStrict);
        foreach (IGrouping<int, CaseResult> group in report.Cases.GroupBy(one => one.Group))
        {
            xml.WriteStartElement("testsuite");
            WriteSums(xml, $"{group.Key} {CaseCatalog.GroupTitle(group.Key)}", [.. group], group.Sum(one => one.Milliseconds) / 1000, isStrict);
            xml.WriteAttributeString("timestamp", report.Started.UtcDateTime.ToString("s", CultureInfo.InvariantCulture));
            foreach (CaseResult result in group)
                WriteCase(xml, result, isStrict);
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void WriteSums(XmlWriter xml, string name, IReadOnlyList<CaseResult> cases, double seconds, bool isStrict)
    {
        xml.WriteAttributeString("name", VisibleText.Escape(name));
        xml.WriteAttributeString("tests", Text(cases.Count));
        xml.WriteAttributeString("failures", Text(cases.Count(one => HasFailed(one, isStrict))));
        xml.WriteAttributeString("errors", "0");
        xml.WriteAttributeString("skipped", Text(cases.Count(one => one.Outcome == Outcome.Unimplemented)));
        xml.WriteAttributeString("time", Text(seconds));
    }

    private static void WriteCase(XmlWriter xml, CaseResult result, bool isStrict)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("name", VisibleText.Escape($"{result.Id} {result.Title}"));
        xml.WriteAttributeString("classname", $"conform.{result.Group}");
        xml.WriteAttributeString("time", Text(result.Milliseconds / 1000));
        string why = VisibleText.Escape($"{result.Explanation} {result.CloseExplanation}");
        if (HasFailed(result, isStrict))
        {
            xml.WriteStartElement("failure");
            xml.WriteAttributeString("type", $"{ReportJson.NameOf(result.Behavior)}, {ReportJson.NameOf(result.BehaviorClose)}");
            xml.WriteAttributeString("message", why);
            xml.WriteString($"{result.Section}\n");
            foreach (LogEntry line in result.Log)
                xml.WriteString(string.Create(CultureInfo.InvariantCulture, $"{line.Milliseconds,10:0.0} ms {line.Kind,-10} {VisibleText.Escape(line.Text)}\n"));
            xml.WriteEndElement();
        }
        else if (result.Outcome == Outcome.Unimplemented)
        {
            xml.WriteStartElement("skipped");
            xml.WriteAttributeString("message", why);
            xml.WriteEndElement();
        }
        else if (result.Outcome == Outcome.NonStrict)
        {
            xml.WriteElementString("system-out", $"NON-STRICT: {why}");
        }

        xml.WriteEndElement();
    }

    private static bool HasFailed(CaseResult result, bool isStrict) =>
        result.Outcome == Outcome.Failed || (isStrict && result.Outcome == Outcome.NonStrict);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
