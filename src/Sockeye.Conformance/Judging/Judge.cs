using System.Globalization;

namespace Sockeye.Conformance;

/// <summary>Rates what was seen of a case. Pure: the same transcript has the same verdict.</summary>
internal static class Judge
{
    /// <summary>Rates a case.</summary>
    public static Verdict Rate(ConformanceCase testCase, Transcript seen)
    {
        if (seen.IsDeclined)
        {
            const string Why = "The endpoint did not agree to what the case is about.";
            return new Verdict(Behavior.Unimplemented, Why, CloseBehavior.Unimplemented, Why);
        }

        if (seen.OpeningFailure is { } failure)
            return new Verdict(Behavior.Failed, failure, CloseBehavior.Failed, "There was no connection to close.");

        if (seen.RefusalStatus is { } status)
            return RateRefusal(testCase, status);

        (CloseBehavior close, string closeExplanation) = RateClose(testCase.Close, seen);
        if (testCase.IsInformational)
        {
            string shown = $"The endpoint did this: {List(seen.Events)}.";
            return new Verdict(Behavior.Informational, shown, CloseBehavior.Informational, closeExplanation);
        }

        (Behavior behavior, string explanation) = RateBehavior(testCase, seen);
        bool isFatal = (close == CloseBehavior.Failed && testCase.Close.IsWrongSideFatal)
            || (close == CloseBehavior.WrongCode && testCase.Close.IsWrongCodeFatal);
        return isFatal && behavior != Behavior.Failed
            ? new Verdict(Behavior.Failed, closeExplanation, close, closeExplanation)
            : new Verdict(behavior, explanation, close, closeExplanation);
    }

    /// <summary>Tells whether all events that a case expects or tolerates are there.</summary>
    public static bool IsComplete(ConformanceCase testCase, IReadOnlyList<PeerEvent> events) =>
        AreSame(testCase.Expected, events) || (testCase.Tolerated is { } tolerated && AreSame(tolerated, events));

    /// <summary>Rates the answer to an opening handshake that is wrong: any error will do (RFC 6455, section 4.2.1), and some say why.</summary>
    private static Verdict RateRefusal(ConformanceCase testCase, int status)
    {
        const string Unopened = "No connection came about, as it must be.";
        string right = string.Join(" or ", testCase.RefusalStatuses);
        if (testCase.RefusalStatuses.Contains(status))
            return new Verdict(Behavior.Ok, $"The server refused with {status}.", CloseBehavior.Ok, Unopened);
        return status is >= 400 and <= 599
            ? new Verdict(Behavior.NonStrict, $"The server refused with {status}; better: {right}.", CloseBehavior.Ok, Unopened)
            : new Verdict(Behavior.Failed, $"The server answered {status} to a request that it must refuse with {right}.", CloseBehavior.Ok, Unopened);
    }

    private static (Behavior Behavior, string Explanation) RateBehavior(ConformanceCase testCase, Transcript seen)
    {
        if (seen.Violation is { } violation)
            return (Behavior.Failed, $"The endpoint itself broke a rule: {violation}.");
        if (seen.Mismatch is { } mismatch)
            return (Behavior.Failed, $"What came is not what was expected: {mismatch}.");
        if (!seen.IsScriptOver && testCase.Close.By == Side.Suite)
            return (Behavior.Failed, $"The connection or the time ended before the script did; seen besides: {List(seen.Events)}.");
        if (AreSame(testCase.Expected, seen.Events))
            return (Behavior.Ok, $"Seen as expected: {List(seen.Events)}.");
        if (testCase.Tolerated is { } tolerated && AreSame(tolerated, seen.Events))
            return (Behavior.NonStrict, $"Tolerated: {List(seen.Events)}; better: {List(testCase.Expected)}.");
        return (Behavior.Failed, $"Expected: {List(testCase.Expected)}; seen: {List(seen.Events)}.");
    }

    private static (CloseBehavior Close, string Explanation) RateClose(CloseExpectation expected, Transcript seen)
    {
        if (expected.By == Side.Suite != seen.IsClosedBySuite)
        {
            return (CloseBehavior.Failed, seen.IsClosedBySuite
                ? $"The endpoint had to fail the connection and did not. {seen.GivenUp}".TrimEnd()
                : "The endpoint closed or dropped the connection, which was for the suite to close.");
        }

        if (expected.IsEndRequired && seen.GivenUp is { } gaveUp)
            return (CloseBehavior.Unclean, gaveUp);
        if (expected.IsCleanRequired && !seen.IsClean)
            return (CloseBehavior.Unclean, $"The connection did not end with a closing handshake. {seen.GivenUp}".TrimEnd());
        if (seen.CloseCode is { } code && !expected.Codes.Contains(code))
        {
            return (CloseBehavior.WrongCode, string.Create(CultureInfo.InvariantCulture,
                $"The endpoint closed with {code}; {string.Join(" or ", expected.Codes)}, or no code, is right."));
        }

        if (seen.IsDroppedBySuite)
            return (CloseBehavior.FailedByClient, "The suite had to end TCP after the closing handshake: a server should.");
        return (CloseBehavior.Ok, seen switch
        {
            { CloseCode: { } sent } => string.Create(CultureInfo.InvariantCulture, $"The endpoint closed with {sent}."),
            { IsClean: true } => "The endpoint closed without a code.",
            { GivenUp: { } why } => $"The suite ended the connection. {why}",
            _ => "The endpoint dropped the connection.",
        });
    }

    private static bool AreSame(IReadOnlyList<PeerEvent> expected, IReadOnlyList<PeerEvent> seen)
    {
        if (expected.Count != seen.Count)
            return false;
        for (int i = 0; i < expected.Count; i++)
        {
            if (!expected[i].IsSameAs(seen[i]))
                return false;
        }

        return true;
    }

    private static string List(IReadOnlyList<PeerEvent> events) => events.Count == 0 ? "nothing" : string.Join("; ", events);
}
