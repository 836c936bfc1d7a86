namespace Sockeye.Testing;

/// <summary>Says how often tests that race repeat: seldom in an ordinary run, often in <c>./test.sh --full</c>.</summary>
/// <remarks>Such tests have the trait Category=Repeated, by which the full run finds them.</remarks>
internal static class Repeat
{
    private const string Variable = "SOCKEYE_FULL";

    /// <summary>Gets whether this is the full run.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable(Variable) == "1";

    /// <summary>Chooses the number of repetitions.</summary>
    /// <param name="ordinary">How many in an ordinary run.</param>
    /// <param name="full">How many in the full run.</param>
    public static int Times(int ordinary, int full) => IsFull ? full : ordinary;
}
