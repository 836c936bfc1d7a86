using System.Text.Json.Serialization;

namespace Sockeye.Conformance;

/// <summary>Holds what came of one case.</summary>
internal sealed record CaseResult
{
    /// <summary>Gets the number of the case.</summary>
    public required string Id { get; init; }

    /// <summary>Gets the number of its group.</summary>
    public required int Group { get; init; }

    /// <summary>Gets what the case does.</summary>
    public required string Title { get; init; }

    /// <summary>Gets where the rule stands.</summary>
    public required string Section { get; init; }

    /// <summary>Gets what the endpoint must do.</summary>
    public string Expected { get; init; } = "";

    /// <summary>Gets how the connection must end.</summary>
    public string ExpectedClose { get; init; } = "";

    /// <summary>Gets the sum of both ratings.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>Gets the rating of what the endpoint did.</summary>
    public required Behavior Behavior { get; init; }

    /// <summary>Gets why.</summary>
    public required string Explanation { get; init; }

    /// <summary>Gets the rating of the end of the connection.</summary>
    public required CloseBehavior BehaviorClose { get; init; }

    /// <summary>Gets why.</summary>
    public required string CloseExplanation { get; init; }

    /// <summary>Gets the code in the Close frame of the endpoint; null for none.</summary>
    public int? CloseCode { get; init; }

    /// <summary>Gets the reason in the Close frame of the endpoint.</summary>
    public string CloseReason { get; init; } = "";

    /// <summary>Gets how long the case took, the opening handshake left out.</summary>
    public double Milliseconds { get; init; }

    /// <summary>Gets the parameters of permessage-deflate that were agreed on; null for none.</summary>
    public string? Deflate { get; init; }

    /// <summary>Gets what happened, in order.</summary>
    public IReadOnlyList<LogEntry> Log { get; init; } = [];

    /// <summary>Gets whether it is one of the 517 cases that everybody counts.</summary>
    [JsonIgnore]
    public bool IsClassic => Group < CaseCatalog.FirstOwnGroup;

    /// <summary>Gets whether nothing is left to be desired: passed, and not just tolerated.</summary>
    [JsonIgnore]
    public bool IsStrict => Outcome == Outcome.Passed;

    /// <summary>Makes the result of a case.</summary>
    public static CaseResult Of(
        ConformanceCase testCase, Transcript seen, TimeSpan duration = default, IReadOnlyList<LogEntry>? log = null, string? deflate = null)
    {
        Verdict verdict = Judge.Rate(testCase, seen);
        return new CaseResult
        {
            Id = testCase.Id,
            Group = testCase.Group,
            Title = testCase.Title,
            Section = testCase.Section,
            Expected = ExpectationText.Describe(testCase),
            ExpectedClose = ExpectationText.DescribeClose(testCase),
            Outcome = verdict.Outcome,
            Behavior = verdict.Behavior,
            Explanation = verdict.Explanation,
            BehaviorClose = verdict.Close,
            CloseExplanation = verdict.CloseExplanation,
            CloseCode = seen.CloseCode,
            CloseReason = seen.CloseReason,
            Milliseconds = Math.Round(duration.TotalMilliseconds, 3),
            Deflate = deflate,
            Log = log ?? [],
        };
    }

    public override string ToString() => $"{Id} {Outcome}: {Explanation} {CloseExplanation}";
}
