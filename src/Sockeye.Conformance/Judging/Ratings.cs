using System.Text.Json.Serialization;

namespace Sockeye.Conformance;

/// <summary>Rates what an endpoint did in a case.</summary>
internal enum Behavior
{
    /// <summary>Exactly what is expected.</summary>
    [JsonStringEnumMemberName("OK")]
    Ok,

    /// <summary>Not what is expected, but tolerable.</summary>
    [JsonStringEnumMemberName("NON-STRICT")]
    NonStrict,

    /// <summary>Wrong.</summary>
    [JsonStringEnumMemberName("FAILED")]
    Failed,

    /// <summary>Neither right nor wrong.</summary>
    [JsonStringEnumMemberName("INFORMATIONAL")]
    Informational,

    /// <summary>The endpoint does not have what the case is about.</summary>
    [JsonStringEnumMemberName("UNIMPLEMENTED")]
    Unimplemented,
}

/// <summary>Rates how a connection ended.</summary>
internal enum CloseBehavior
{
    /// <summary>As it must.</summary>
    [JsonStringEnumMemberName("OK")]
    Ok,

    /// <summary>The wrong side closed, or there was no connection.</summary>
    [JsonStringEnumMemberName("FAILED")]
    Failed,

    /// <summary>Not by a closing handshake, where there must be one.</summary>
    [JsonStringEnumMemberName("UNCLEAN")]
    Unclean,

    /// <summary>The endpoint sent another code than it must.</summary>
    [JsonStringEnumMemberName("WRONG CODE")]
    WrongCode,

    /// <summary>The suite, a client, had to end TCP since the server did not.</summary>
    [JsonStringEnumMemberName("FAILED BY CLIENT")]
    FailedByClient,

    /// <summary>Neither right nor wrong.</summary>
    [JsonStringEnumMemberName("INFORMATIONAL")]
    Informational,

    /// <summary>The endpoint does not have what the case is about.</summary>
    [JsonStringEnumMemberName("UNIMPLEMENTED")]
    Unimplemented,
}

/// <summary>Sums both ratings up.</summary>
internal enum Outcome
{
    /// <summary>All as it must be, or the case is informational.</summary>
    [JsonStringEnumMemberName("PASSED")]
    Passed,

    /// <summary>Tolerable: the behaviour is NON-STRICT, or the server left it to the client to end TCP.</summary>
    [JsonStringEnumMemberName("NON-STRICT")]
    NonStrict,

    /// <summary>The behaviour or the end of the connection is wrong.</summary>
    [JsonStringEnumMemberName("FAILED")]
    Failed,

    /// <summary>The endpoint does not have what the case is about.</summary>
    [JsonStringEnumMemberName("UNIMPLEMENTED")]
    Unimplemented,
}

/// <summary>What the judge says about a case.</summary>
/// <param name="Behavior">The rating of what the endpoint did.</param>
/// <param name="Explanation">Why.</param>
/// <param name="Close">The rating of the end of the connection.</param>
/// <param name="CloseExplanation">Why.</param>
internal sealed record Verdict(Behavior Behavior, string Explanation, CloseBehavior Close, string CloseExplanation)
{
    /// <summary>Gets the sum of both.</summary>
    public Outcome Outcome => (Behavior, Close) switch
    {
        (Behavior.Unimplemented, _) => Outcome.Unimplemented,
        (Behavior.Failed, _) or (_, CloseBehavior.Failed or CloseBehavior.Unclean or CloseBehavior.WrongCode) => Outcome.Failed,
        (Behavior.NonStrict, _) or (_, CloseBehavior.FailedByClient) => Outcome.NonStrict,
        _ => Outcome.Passed,
    };
}
