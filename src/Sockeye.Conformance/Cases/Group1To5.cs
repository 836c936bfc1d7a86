using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Groups 1–5: lengths, pings and pongs, reserved bits, reserved opcodes, fragmentation.</summary>
internal static class Group1To5
{
    private const string Hello = "Hello, world!";

    private static readonly Payload Octets = Payload.Hex("00 ff fe fd fc fb 00 ff");
    private static readonly CloseExpectation PeerFails = CloseExpectation.ByPeer(1002);

    public static IEnumerable<ConformanceCase> All => [.. Lengths(), .. PingsAndPongs(), .. ReservedBits(), .. ReservedOpcodes(), .. Fragmentation()];

    private static IEnumerable<ConformanceCase> Lengths()
    {
        int[] lengths = [0, 125, 126, 127, 128, 65535, 65536];
        foreach ((int family, Opcode opcode, byte filling) in ((int, Opcode, byte)[])[(1, Opcode.Text, (byte)'*'), (2, Opcode.Binary, 0xFE)])
        {
            for (int i = 0; i <= lengths.Length; i++)
            {
                bool isChopped = i == lengths.Length;
                int length = isChopped ? 65536 : lengths[i];
                Payload payload = Payload.Repeat(new[] { filling }, length);
                yield return new ConformanceCase
                {
                    Id = $"1.{family}.{i + 1}",
                    Title = $"{opcode} message of {length} bytes{(isChopped ? " in chops of 997" : "")}",
                    Section = "RFC 6455, section 5.2",
                    Script = [new SendFrame(opcode, payload) { Chop = isChopped ? 997 : 0 }],
                    Expected = [opcode == Opcode.Text ? PeerEvent.Text(payload) : PeerEvent.Binary(payload)],
                    Close = CloseExpectation.BySuite,
                    Limit = CaseLimit.FailAfter(length >= 65535 ? 10 : 1),
                };
            }
        }
    }

    private static IEnumerable<ConformanceCase> PingsAndPongs()
    {
        Payload longest = Payload.Repeat(new byte[] { 0xFE }, 125);
        Payload unsolicited = Payload.Text("unsolicited pong payload");
        SendClose close = new(Closing.Body(1000));

        yield return Answered("2.1", "Ping without payload", [Ping(Payload.Empty)]);
        yield return Answered("2.2", "Ping with text", [Ping(Payload.Text(Hello))]);
        yield return Answered("2.3", "Ping with bytes that are no text", [Ping(Octets)]);
        yield return Answered("2.4", "Ping of 125 bytes", [Ping(longest)]);
        yield return Refused("2.5", "Ping of 126 bytes", "5.5", [Ping(Payload.Repeat(new byte[] { 0xFE }, 126))]);
        yield return Answered("2.6", "Ping of 125 bytes, byte by byte", [Ping(longest) with { Chop = 1 }], 2);
        yield return Answered("2.7", "Unsolicited pong without payload", [Pong(Payload.Empty), close]);
        yield return Answered("2.8", "Unsolicited pong", [Pong(unsolicited), close]);
        yield return Answered("2.9", "Unsolicited pong, then a ping", [Pong(unsolicited), Ping(Payload.Text("ping payload"))]);
        SendFrame[] ten = [.. Enumerable.Range(0, 10).Select(i => Ping(Payload.Text($"payload-{i}")))];
        yield return Answered("2.10", "Ten pings", ten, 3);
        yield return Answered("2.11", "Ten pings, byte by byte", [.. ten.Select(ping => ping with { Chop = 1 })], 3);
    }

    private static IEnumerable<ConformanceCase> ReservedBits()
    {
        SendFrame hello = Text(Hello);
        yield return Refused("3.1", "Text with RSV3", "5.2", [hello with { Rsv = 1 }]);
        yield return RefusedLater("3.2", "Text, text with RSV2, ping", "5.2", [hello, hello with { Rsv = 2 }, Ping(Payload.Empty)]);
        yield return RefusedLater("3.3", "Text, text with RSV2 and RSV3, ping, frame by frame", "5.2",
            Synced(hello, hello with { Rsv = 3 }, Ping(Payload.Empty)));
        yield return RefusedLater("3.4", "Text, text with RSV1, ping, byte by byte", "5.2",
            Chopped(hello, hello with { Rsv = 4 }, Ping(Payload.Empty)));
        yield return Refused("3.5", "Binary with RSV1 and RSV3", "5.2", [new SendFrame(Opcode.Binary, Octets) { Rsv = 5 }]);
        yield return Refused("3.6", "Binary with RSV1 and RSV2", "5.2", [new SendFrame(Opcode.Binary, Octets) { Rsv = 6 }]);
        yield return Refused("3.7", "Close with all reserved bits", "5.2", [new SendFrame(Opcode.Close, Closing.Body(1000)) { Rsv = 7 }]);
    }

    private static IEnumerable<ConformanceCase> ReservedOpcodes()
    {
        foreach ((int family, int first) in ((int, int)[])[(1, 3), (2, 11)])
        {
            SendFrame Reserved(int offset, string payload) => new((Opcode)(first + offset), Payload.Text(payload));
            const string Content = "reserved opcode payload";
            SendFrame hello = Text(Hello);
            SendFrame ping = Ping(Payload.Empty);
            yield return Refused($"4.{family}.1", $"Opcode {first}, empty", "5.2", [Reserved(0, "")]);
            yield return Refused($"4.{family}.2", $"Opcode {first + 1}", "5.2", [Reserved(1, Content)]);
            yield return RefusedLater($"4.{family}.3", $"Text, opcode {first + 2}, empty, ping", "5.2", [hello, Reserved(2, ""), ping]);
            yield return RefusedLater($"4.{family}.4", $"Text, opcode {first + 3}, ping", "5.2", [hello, Reserved(3, Content), ping]);
            yield return RefusedLater($"4.{family}.5", $"Text, opcode {first + 4}, ping, byte by byte", "5.2",
                Chopped(hello, Reserved(4, Content), ping));
        }
    }

    private static IEnumerable<ConformanceCase> Fragmentation()
    {
        SendFrame[] two = [First("fragment1"), Last("fragment2")];
        SendFrame[] withPing = [First("fragment1"), Ping(Payload.Text("ping payload")), Last("fragment2")];
        PeerEvent whole = PeerEvent.Text("fragment1fragment2");
        PeerEvent pong = PeerEvent.Pong("ping payload");
        SendFrame[] strayLast = [Last("non-continuation payload"), Text(Hello)];
        SendFrame[] stray = [Next("non-continuation payload"), Text(Hello)];

        yield return Refused("5.1", "Ping in two fragments", "5.4", [Ping(Payload.Text("fragment1")) with { IsFinal = false }, Last("fragment2")]);
        yield return Refused("5.2", "Pong in two fragments", "5.4", [Pong(Payload.Text("fragment1")) with { IsFinal = false }, Last("fragment2")]);
        yield return Joined("5.3", "Text in two fragments", two, whole);
        yield return Joined("5.4", "Text in two fragments, frame by frame", Synced(two), whole);
        yield return Joined("5.5", "Text in two fragments, byte by byte", Chopped(two), whole);
        yield return Joined("5.6", "Ping between two fragments", withPing, pong, whole);
        yield return Joined("5.7", "Ping between two fragments, frame by frame", Synced(withPing), pong, whole);
        yield return Joined("5.8", "Ping between two fragments, byte by byte", Chopped(withPing), pong, whole);
        yield return Refused("5.9", "Final continuation of nothing, text", "5.4", strayLast);
        yield return Refused("5.10", "Final continuation of nothing, text, frame by frame", "5.4", Synced(strayLast));
        yield return Refused("5.11", "Final continuation of nothing, text, byte by byte", "5.4", Chopped(strayLast));
        yield return Refused("5.12", "Continuation of nothing, text", "5.4", stray);
        yield return Refused("5.13", "Continuation of nothing, text, frame by frame", "5.4", Synced(stray));
        yield return Refused("5.14", "Continuation of nothing, text, byte by byte", "5.4", Chopped(stray));
        yield return RefusedLater("5.15", "Text in two fragments, continuation of nothing, text", "5.4",
            [.. two, Next("fragment3"), Text("fragment4")], whole);
        SendFrame[] strayAndText = [Next("fragment1"), First("fragment2"), Last("fragment3")];
        yield return Refused("5.16", "Twice: continuation of nothing, text in two fragments", "5.4", [.. strayAndText, .. strayAndText]);
        SendFrame[] finalAndText = [Last("fragment1"), First("fragment2"), Last("fragment3")];
        yield return Refused("5.17", "Twice: final continuation of nothing, text in two fragments", "5.4", [.. finalAndText, .. finalAndText]);
        yield return Refused("5.18", "Text begins within a fragmented text", "5.4", [First("fragment1"), Text("fragment2")]);
        yield return Paused("5.19", "Text in five fragments with two pings and a pause", isSynced: false);
        yield return Paused("5.20", "Text in five fragments with two pings and a pause, frame by frame", isSynced: true);
    }

    /// <summary>The first ping is to be answered while the message is still open.</summary>
    private static ConformanceCase Paused(string id, string title, bool isSynced)
    {
        SendFrame Of(SendFrame frame) => frame with { Sync = isSynced };
        PeerEvent first = PeerEvent.Pong("pongme 1!");
        PeerEvent pause = PeerEvent.Timeout("pause");
        PeerEvent second = PeerEvent.Pong("pongme 2!");
        PeerEvent whole = PeerEvent.Text("fragment1fragment2fragment3fragment4fragment5");
        return Joined(id, title,
        [
            Of(First("fragment1")), Of(Next("fragment2")), Of(Ping(Payload.Text("pongme 1!"))),
            new Wait(TimeSpan.FromSeconds(1), "pause"),
            Of(Next("fragment3")), Of(Next("fragment4")), Of(Ping(Payload.Text("pongme 2!"))), Of(Last("fragment5")),
        ], first, pause, second, whole) with
        {
            Tolerated = [pause, first, second, whole],
            Limit = CaseLimit.CloseAfter(2),
        };
    }

    /// <summary>A case of pings: each is answered with its payload.</summary>
    private static ConformanceCase Answered(string id, string title, IReadOnlyList<CaseStep> script, double seconds = 1) => new()
    {
        Id = id,
        Title = title,
        Section = "RFC 6455, section 5.5.2",
        Script = script,
        Expected = [.. script.OfType<SendFrame>().Where(frame => frame.Opcode == Opcode.Ping).Select(ping => PeerEvent.Pong(ping.Payload))],
        Close = CloseExpectation.BySuite,
        Limit = CaseLimit.CloseAfter(seconds),
    };

    private static ConformanceCase Joined(string id, string title, IReadOnlyList<CaseStep> script, params IReadOnlyList<PeerEvent> expected) => new()
    {
        Id = id,
        Title = title,
        Section = "RFC 6455, section 5.4",
        Script = script,
        Expected = expected,
        Close = CloseExpectation.BySuite,
        Limit = CaseLimit.CloseAfter(1),
    };

    private static ConformanceCase Refused(string id, string title, string section, IReadOnlyList<CaseStep> script) => new()
    {
        Id = id,
        Title = title,
        Section = $"RFC 6455, section {section}",
        Script = script,
        Close = PeerFails,
        Limit = CaseLimit.FailAfter(1),
    };

    /// <summary>A good message comes before the violation: it is echoed, or, tolerated, dropped.</summary>
    private static ConformanceCase RefusedLater(
        string id, string title, string section, IReadOnlyList<CaseStep> script, PeerEvent? echo = null) =>
        Refused(id, title, section, script) with { Expected = [echo ?? PeerEvent.Text(Hello)], Tolerated = [] };

    private static SendFrame Text(string text) => new(Opcode.Text, Payload.Text(text));

    private static SendFrame First(string text) => new(Opcode.Text, Payload.Text(text)) { IsFinal = false };

    private static SendFrame Next(string text) => new(Opcode.Continuation, Payload.Text(text)) { IsFinal = false };

    private static SendFrame Last(string text) => new(Opcode.Continuation, Payload.Text(text));

    private static SendFrame Ping(Payload payload) => new(Opcode.Ping, payload);

    private static SendFrame Pong(Payload payload) => new(Opcode.Pong, payload);

    private static SendFrame[] Synced(params IEnumerable<SendFrame> frames) => [.. frames.Select(frame => frame with { Sync = true })];

    private static SendFrame[] Chopped(params IEnumerable<SendFrame> frames) => [.. frames.Select(frame => frame with { Chop = 1 })];
}
