namespace Sockeye.Conformance;

/// <summary>What was seen of one case: all that the judge knows.</summary>
internal sealed record Transcript
{
    /// <summary>Gets the events that the script did not expect in passing, in the order in which they came.</summary>
    public IReadOnlyList<PeerEvent> Events { get; init; } = [];

    /// <summary>Gets whether the script was played to its end.</summary>
    public bool IsScriptOver { get; init; } = true;

    /// <summary>Gets which event came instead of one that the script expected in passing; null where none did.</summary>
    public string? Mismatch { get; init; }

    /// <summary>Gets which rule the endpoint broke in what it sent; null where it broke none.</summary>
    public string? Violation { get; init; }

    /// <summary>Gets why no connection came about; null where one did.</summary>
    public string? OpeningFailure { get; init; }

    /// <summary>Gets the status with which the server refused to open the connection, as it must; null where it must not.</summary>
    public int? RefusalStatus { get; init; }

    /// <summary>Gets whether the endpoint declined what the case is about.</summary>
    public bool IsDeclined { get; init; }

    /// <summary>Gets whether the suite was the first to close, or had to fail the connection.</summary>
    public bool IsClosedBySuite { get; init; }

    /// <summary>Gets whether both sides sent a Close frame.</summary>
    public bool IsClean { get; init; }

    /// <summary>Gets the code in the Close frame of the endpoint; null where it held none or did not come.</summary>
    public int? CloseCode { get; init; }

    /// <summary>Gets the reason in the Close frame of the endpoint.</summary>
    public string CloseReason { get; init; } = "";

    /// <summary>Gets whether the suite, a client, had to end TCP since the server did not.</summary>
    public bool IsDroppedBySuite { get; init; }

    /// <summary>Gets why the suite gave up, where it did.</summary>
    public string? GivenUp { get; init; }
}
