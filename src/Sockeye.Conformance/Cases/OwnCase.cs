using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Makes cases of the suite's own groups.</summary>
internal static class OwnCase
{
    /// <summary>permessage-deflate as the endpoint likes it.</summary>
    public static DeflateTerms AnyDeflate { get; } = new(new DeflateWish());

    /// <summary>What a server must still do after a case that it must survive.</summary>
    public static ConformanceCase Next { get; } =
        Answered("0.1", "The next connection", "6455, section 5", [new SendFrame(Opcode.Text, Payload.Text("Hello"))], PeerEvent.Text("Hello"));

    /// <summary>Makes a case in which the endpoint answers, and the suite closes.</summary>
    public static ConformanceCase Answered(
        string id, string title, string section, IEnumerable<CaseStep> script, params IReadOnlyList<PeerEvent> expected) => new()
    {
        Id = id,
        Title = title,
        Section = $"RFC {section}",
        Script = script,
        Expected = expected,
        Close = CloseExpectation.BySuite,
        Limit = CaseLimit.FailAfter(2),
    };

    /// <summary>Makes a case in which the opening handshake of the suite is wrong, and no connection may come about.</summary>
    public static ConformanceCase Unopened(string id, string title, string section, Role endpoint, HandshakeText handshake) => new()
    {
        Id = id,
        Title = title,
        Section = $"RFC {section}",
        Script = [],
        Close = new CloseExpectation(Side.Peer, [], IsCleanRequired: false),
        Limit = CaseLimit.FailAfter(2),
        EndpointRole = endpoint,
        Handshake = handshake,
    };

    /// <summary>Makes a case in which the endpoint must fail the connection, having answered what was right before: where it drops that,
    /// it is NON-STRICT.</summary>
    public static ConformanceCase Refused(
        string id, string title, string section, IReadOnlyList<int> codes, IEnumerable<CaseStep> script, params IReadOnlyList<PeerEvent> expected) => new()
    {
        Id = id,
        Title = title,
        Section = $"RFC {section}",
        Script = script,
        Expected = expected,
        Tolerated = expected.Count > 0 ? [] : null,
        Close = new CloseExpectation(Side.Peer, codes, IsCleanRequired: false),
        Limit = CaseLimit.FailAfter(2),
    };
}
