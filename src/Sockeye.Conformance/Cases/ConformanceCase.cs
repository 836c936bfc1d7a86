using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>One case: what is sent, what must come back, and how the connection must end.</summary>
/// <remarks>The endpoint that is judged echoes every message and keeps the protocol by itself.</remarks>
internal sealed record ConformanceCase
{
    /// <summary>Gets the number, such as <c>6.4.1</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Gets what the case does, in a few words.</summary>
    public required string Title { get; init; }

    /// <summary>Gets where the rule stands, such as <c>RFC 6455, section 5.4</c>.</summary>
    public required string Section { get; init; }

    /// <summary>Gets what the suite does, step by step; it may be made as it is read, and is read anew for each run.</summary>
    public required IEnumerable<CaseStep> Script { get; init; }

    /// <summary>Gets the events that are to be seen, in this order and none besides; those of <see cref="Expect"/> steps left out.</summary>
    public IReadOnlyList<PeerEvent> Expected { get; init; } = [];

    /// <summary>Gets the events that are tolerated instead (NON-STRICT); null for none.</summary>
    public IReadOnlyList<PeerEvent>? Tolerated { get; init; }

    /// <summary>Gets how the connection must end.</summary>
    public required CloseExpectation Close { get; init; }

    /// <summary>Gets how long the case may take from the moment of opening.</summary>
    public required CaseLimit Limit { get; init; }

    /// <summary>Gets whether any outcome is right: the case only shows what the endpoint does.</summary>
    public bool IsInformational { get; init; }

    /// <summary>Gets whether messages alone count: pings of the endpoint are answered and change nothing.</summary>
    public bool CountsMessagesAlone { get; init; }

    /// <summary>Gets what is negotiated for permessage-deflate; null for none. An endpoint that declines leaves the case
    /// UNIMPLEMENTED.</summary>
    public DeflateTerms? Deflate { get; init; }

    /// <summary>Gets how hard the suite itself compresses, 1–9.</summary>
    public int DeflateLevel { get; init; } = 2;

    /// <summary>Gets the role of the endpoints that it is for; null for both.</summary>
    public Role? EndpointRole { get; init; }

    /// <summary>Gets the head that the suite sends to open the connection: its request as a client, its response as a server; null sends
    /// what <see cref="Deflate"/> asks for.</summary>
    public HandshakeText? Handshake { get; init; }

    /// <summary>Gets the statuses with one of which a server must refuse <see cref="Handshake"/>; empty where it must accept it.</summary>
    public IReadOnlyList<int> RefusalStatuses { get; init; } = [];

    /// <summary>Gets whether a server must serve the next connection as if nothing had been.</summary>
    public bool IsSurvived { get; init; }

    /// <summary>Gets whether each compressed message of the endpoint is searched for distances beyond the window that was agreed on.</summary>
    public bool ChecksWindow { get; init; }

    /// <summary>Gets whether it is one of the 517 cases that everybody counts, and not one of the suite's own.</summary>
    public bool IsClassic => Group < CaseCatalog.FirstOwnGroup;

    /// <summary>Gets the number of the group: what stands before the first dot.</summary>
    public int Group => int.Parse(Id.AsSpan(0, Id.IndexOf('.', StringComparison.Ordinal)));

    /// <summary>Tells whether it is for endpoints of a role.</summary>
    public bool IsFor(Role role) => EndpointRole is null || EndpointRole == role;

    public override string ToString() => $"{Id} {Title}";
}

/// <summary>Names the two ends of a connection under test.</summary>
internal enum Side
{
    /// <summary>The suite.</summary>
    Suite,

    /// <summary>The endpoint that is judged.</summary>
    Peer,
}

/// <summary>Says how a connection must end.</summary>
/// <param name="By">The side that must close. Where it is the suite and the script does not close, the suite sends Close 1000 as soon as
/// the expected events have been seen.</param>
/// <param name="Codes">The codes of which one must be in the Close frame of the endpoint; one without a code, or no Close frame, is
/// right too.</param>
/// <param name="IsCleanRequired">Whether both sides must have sent a Close frame.</param>
internal sealed record CloseExpectation(Side By, IReadOnlyList<int> Codes, bool IsCleanRequired)
{
    /// <summary>The suite closes with 1000 and is answered so.</summary>
    public static CloseExpectation BySuite { get; } = new(Side.Suite, [1000], IsCleanRequired: true);

    /// <summary>Gets whether the wrong side having closed fails the behaviour as well.</summary>
    public bool IsWrongSideFatal { get; init; }

    /// <summary>Gets whether a wrong code fails the behaviour as well.</summary>
    public bool IsWrongCodeFatal { get; init; }

    /// <summary>Gets whether the endpoint must end TCP by itself.</summary>
    public bool IsEndRequired { get; init; }

    /// <summary>The endpoint must fail the connection.</summary>
    public static CloseExpectation ByPeer(int code) => new(Side.Peer, [code], IsCleanRequired: false);
}

/// <summary>Limits how long a case may take.</summary>
/// <param name="After">The time since the moment of opening.</param>
/// <param name="Fails">Whether the suite then fails the connection; otherwise it sends Close 1000.</param>
internal readonly record struct CaseLimit(TimeSpan After, bool Fails)
{
    public static CaseLimit FailAfter(double seconds) => new(TimeSpan.FromSeconds(seconds), Fails: true);

    public static CaseLimit CloseAfter(double seconds) => new(TimeSpan.FromSeconds(seconds), Fails: false);
}
