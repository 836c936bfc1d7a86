namespace Sockeye.Tests.Rules;

/// <summary>What an RFC demands ("MUST"), in our words, and the tests that show it.</summary>
/// <param name="Id">The RFC, the section and a name: <c>6455 5.1 client masks</c>.</param>
/// <param name="Who">Who must.</param>
/// <param name="What">What must be.</param>
/// <param name="Tests">The tests, each as <c>Class.Method</c>; none where an entry in docs/deviations.md says why.</param>
public sealed record Requirement(string Id, Side Who, string What, params string[] Tests)
{
    public static Requirement[] All { get; } =
        [.. HandshakeRequirements.All, .. FramingRequirements.All, .. ClosingRequirements.All, .. CompressionRequirements.All];

    public override string ToString() => Id;
}

/// <summary>Names who must do what an RFC demands.</summary>
public enum Side
{
    Client,
    Server,
    Both,
}
