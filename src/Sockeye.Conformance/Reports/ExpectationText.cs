using System.Globalization;

namespace Sockeye.Conformance;

/// <summary>Puts into words what a case expects, for reports.</summary>
internal static class ExpectationText
{
    // Scripts are made as they are read: what they await shows in their first steps.
    private const int FirstSteps = 16;

    /// <summary>Says what the endpoint must do.</summary>
    public static string Describe(ConformanceCase testCase)
    {
        if (testCase.IsInformational)
            return "Anything: the case shows what the endpoint does.";
        if (testCase.RefusalStatuses.Count > 0)
            return $"The server refuses the request with {string.Join(" or ", testCase.RefusalStatuses)}. Tolerated: another status of an error.";
        if (testCase.Expected.Count == 0 && testCase.Script.Take(FirstSteps).Any(step => step is Expect))
            return "Every message comes back as it was, one after the other.";

        string tolerated = testCase.Tolerated is { } other ? $" Tolerated: {List(other)}." : "";
        return $"To be seen: {List(testCase.Expected)}.{tolerated}";
    }

    /// <summary>Says how the connection must end.</summary>
    public static string DescribeClose(ConformanceCase testCase)
    {
        if (testCase.IsInformational)
            return "However it does.";

        if (testCase.Handshake is not null && testCase.Close.By == Side.Peer)
            return "No connection comes about.";

        CloseExpectation close = testCase.Close;
        string codes = string.Create(CultureInfo.InvariantCulture, $"{string.Join(" or ", close.Codes)}, or no code");
        return (close.By, close.IsCleanRequired) switch
        {
            (Side.Suite, true) => $"The suite closes, and the endpoint answers Close with {codes}.",
            (Side.Suite, false) => $"The suite closes; the endpoint answers with {codes}, or drops the connection.",
            _ => $"The endpoint fails the connection: Close with {codes}, or a drop.",
        };
    }

    private static string List(IReadOnlyList<PeerEvent> events) => events.Count == 0 ? "nothing" : string.Join("; ", events);
}
