namespace Sockeye.Conformance;

/// <summary>Holds what came of a run.</summary>
internal sealed record SuiteReport
{
    /// <summary>Gets the version of this format; it grows when a reader must know.</summary>
    public int Format { get; init; } = 1;

    /// <summary>Gets who was judged: a URL, or the name of a client.</summary>
    public required string Subject { get; init; }

    /// <summary>Gets the role of the endpoint that was judged: <c>server</c> or <c>client</c>.</summary>
    public required string Role { get; init; }

    /// <summary>Gets how many messages each case of the groups 12 and 13 sent.</summary>
    public required int MessagesPerCase { get; init; }

    /// <summary>Gets where the data of groups 12 and 13 came from.</summary>
    public string Data { get; init; } = "generated: the same kinds and sizes as the files that these cases are usually played with";

    /// <summary>Gets when the run began.</summary>
    public DateTimeOffset Started { get; init; }

    /// <summary>Gets how long the run took, in seconds.</summary>
    public double Seconds { get; init; }

    /// <summary>Gets the sums of each group.</summary>
    public IReadOnlyList<GroupSummary> Groups => [.. Cases.GroupBy(one => one.Group).Select(GroupSummary.Of)];

    /// <summary>Gets the results, in the order of the cases.</summary>
    public required IReadOnlyList<CaseResult> Cases { get; init; }

    /// <summary>Gets the numbers of the cases that a client could have asked for and did not.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>Counts the cases that ended so.</summary>
    public int Count(Outcome outcome) => Cases.Count(one => one.Outcome == outcome);
}

/// <summary>Counts how the cases of one group ended.</summary>
/// <param name="Group">The number of the group.</param>
/// <param name="Title">What it is about.</param>
/// <param name="Cases">How many cases were played.</param>
/// <param name="Passed">How many of them passed strictly; the informational ones are among them.</param>
/// <param name="NonStrict">How many are tolerated.</param>
/// <param name="Failed">How many failed.</param>
/// <param name="Unimplemented">How many are about what the endpoint does not have.</param>
/// <param name="Informational">How many had no wrong outcome.</param>
internal sealed record GroupSummary(
    int Group, string Title, int Cases, int Passed, int NonStrict, int Failed, int Unimplemented, int Informational)
{
    public static GroupSummary Of(IGrouping<int, CaseResult> group) => new(
        group.Key,
        CaseCatalog.GroupTitle(group.Key),
        group.Count(),
        group.Count(one => one.Outcome == Outcome.Passed),
        group.Count(one => one.Outcome == Outcome.NonStrict),
        group.Count(one => one.Outcome == Outcome.Failed),
        group.Count(one => one.Outcome == Outcome.Unimplemented),
        group.Count(one => one.Behavior == Behavior.Informational));
}
