namespace Sockeye.Conformance;

/// <summary>How reports for people show an outcome: informational cases, which pass whatever happens, stand apart.</summary>
/// <param name="Name">The class in the style sheet.</param>
/// <param name="Title">What people read.</param>
/// <param name="Sign">One character, for those who look quickly.</param>
/// <param name="Meaning">What it means.</param>
internal sealed record Mark(string Name, string Title, string Sign, string Meaning)
{
    public static Mark Passed { get; } = new("passed", "Passed", "✓", "Exactly what is expected.");

    public static Mark Informational { get; } = new("informational", "Informational", "i", "No outcome is wrong; the case shows what happens.");

    public static Mark NonStrict { get; } = new("non-strict", "Non-strict", "!", "Not what is expected, but tolerable.");

    public static Mark Failed { get; } = new("failed", "Failed", "✗", "Wrong.");

    public static Mark Unimplemented { get; } = new("unimplemented", "Unimplemented", "–", "The endpoint does not have what the case is about.");

    /// <summary>Gets all, in the order in which they are shown.</summary>
    public static IReadOnlyList<Mark> All { get; } = [Passed, Informational, NonStrict, Failed, Unimplemented];

    public static Mark Of(CaseResult result) => result.Outcome switch
    {
        Outcome.Failed => Failed,
        Outcome.NonStrict => NonStrict,
        Outcome.Unimplemented => Unimplemented,
        _ => result.Behavior == Behavior.Informational ? Informational : Passed,
    };
}
