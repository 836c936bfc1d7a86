using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 31: control frames between the fragments of compressed messages (RFC 6455, section 5.4; RFC 7692, section 6).</summary>
internal static class Group31
{
    private const string Section = "7692, section 6.1";

    public static IEnumerable<ConformanceCase> All
    {
        get
        {
            Payload message = Payload.Text("Fragments of this are compressed, and the pings between them are not.");
            SendFrame ping = new(Opcode.Ping, Payload.Text("ping"));
            SendMessage cut = new(Opcode.Text, message, FragmentSize: 40) { Between = ping };
            PeerEvent echo = PeerEvent.Text(message);
            SendFrame start = new(Opcode.Text, Payload.Hex("f2 48 cd")) { IsFinal = false, Rsv = 4 };
            SendFrame end = new(Opcode.Continuation, Payload.Hex("c9 c9 07 00"));
            PeerEvent pong = PeerEvent.Pong("ping");
            PeerEvent hello = PeerEvent.Text("Hello");

            yield return Of("31.1", "Ping between two fragments", [start, ping, end], pong, hello);
            yield return Of("31.2", "Empty ping between two fragments", [start, ping with { Payload = Payload.Empty }, end], PeerEvent.Pong(""), hello);
            yield return Of("31.3", "Ping of 125 bytes between two fragments",
                [start, ping with { Payload = Payload.Repeat('*', 125) }, end], PeerEvent.Pong(Payload.Repeat('*', 125)), hello);
            yield return Of("31.4", "Ping between two fragments, byte by byte",
                [start with { Chop = 1 }, ping with { Chop = 1 }, end with { Chop = 1 }], pong, hello);
            yield return Of("31.5", "Ping between two fragments, each in a segment of its own",
                [start with { Sync = true }, ping with { Sync = true }, end with { Sync = true }], pong, hello);
            yield return Of("31.6", "Pong between two fragments", [start, ping with { Opcode = Opcode.Pong }, end], hello);
            yield return Of("31.7", "Pings and pongs around empty fragments",
                [start, ping, new SendFrame(Opcode.Continuation, Payload.Empty) { IsFinal = false }, ping with { Opcode = Opcode.Pong }, end],
                pong, hello);
            yield return Of("31.8", "Ping between the fragments of a message, then one that shares its window",
                [cut, new Expect(pong), new Expect(echo), cut with { FragmentSize = 0 }], echo);
            yield return Of("31.9", "Close between two fragments", [start, new SendClose(Closing.Body(1000)), end]);
            yield return OwnCase.Refused("31.10", "Compressed message within a compressed message", "6455, section 5.4", [1002],
                [start, ping, start with { IsFinal = true }], pong) with { Deflate = OwnCase.AnyDeflate };
        }
    }

    private static ConformanceCase Of(string id, string title, IReadOnlyList<CaseStep> script, params IReadOnlyList<PeerEvent> expected) =>
        OwnCase.Answered(id, title, Section, script, expected) with { Deflate = OwnCase.AnyDeflate };
}
