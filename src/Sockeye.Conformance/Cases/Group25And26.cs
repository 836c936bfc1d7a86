using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 25: RSV1 where it may stand and where it may not. Group 26: every kind of block that DEFLATE knows, and some that it does
/// not (RFC 7692, sections 6 and 7.2).</summary>
internal static class Group25And26
{
    private const int Rsv1 = 4;

    private static readonly Payload Hello = Payload.Text("Hello");

    // "Hello" in one block with fixed codes (RFC 7692, section 7.2.3.1).
    private static readonly Payload Compressed = Payload.Hex("f2 48 cd c9 c9 07 00");
    private static readonly IReadOnlyList<int> ProtocolError = [1002];
    private static readonly IReadOnlyList<int> InvalidData = [1007, 1002];

    public static IEnumerable<ConformanceCase> All => [.. ReservedBits(), .. Mixed(), .. Vectors(), .. Sequences(), .. InvalidBlocks()];

    private static IEnumerable<ConformanceCase> ReservedBits()
    {
        SendFrame text = new(Opcode.Text, Hello);
        SendFrame compressed = new(Opcode.Text, Compressed) { Rsv = Rsv1 };
        SendFrame end = new(Opcode.Continuation, Payload.Empty);

        yield return Refused("25.1.1", "First fragment with RSV1, nothing negotiated", [compressed with { IsFinal = false }, end], null);
        yield return Refused("25.1.2", "Empty text with RSV1, nothing negotiated", [new SendFrame(Opcode.Text, Payload.Empty) { Rsv = Rsv1 }], null);
        yield return Refused("25.1.3", "Ping with RSV1, nothing negotiated", [new SendFrame(Opcode.Ping, Hello) { Rsv = Rsv1 }], null);
        yield return Refused("25.2.1", "RSV1 on both fragments",
            [compressed with { IsFinal = false }, end with { Rsv = Rsv1 }], OwnCase.AnyDeflate);
        yield return Refused("25.2.2", "RSV1 on the second fragment alone",
            [text with { IsFinal = false }, end with { Rsv = Rsv1 }], OwnCase.AnyDeflate);
        yield return Refused("25.2.3", "Ping with RSV1", [new SendFrame(Opcode.Ping, Compressed) { Rsv = Rsv1 }], OwnCase.AnyDeflate);
        yield return Refused("25.2.4", "Pong with RSV1", [new SendFrame(Opcode.Pong, Compressed) { Rsv = Rsv1 }], OwnCase.AnyDeflate);
        yield return Refused("25.2.5", "Close with RSV1", [new SendFrame(Opcode.Close, Closing.Body(1000)) { Rsv = Rsv1 }], OwnCase.AnyDeflate);
        int[] others = [2, 1, 3, 6, 5, 7];
        for (int i = 0; i < others.Length; i++)
        {
            yield return Refused($"25.2.{i + 6}", $"Compressed text with the reserved bits {others[i]}",
                [compressed with { Rsv = others[i] }], OwnCase.AnyDeflate);
        }
    }

    private static IEnumerable<ConformanceCase> Mixed()
    {
        const string Section = "7692, section 6";
        SendFrame text = new(Opcode.Text, Hello);
        PeerEvent echo = PeerEvent.Text(Hello);
        SendMessage compressed = new(Opcode.Text, Payload.Text("What is said twice is said twice"));
        PeerEvent compressedEcho = PeerEvent.Text(compressed.Payload);

        yield return Answered("25.3.1", "Text that is not compressed, on a connection that is", Section, [text], echo);
        yield return Answered("25.3.2", "Text that is not compressed, between two that share a window", Section,
            [compressed, new Expect(compressedEcho), text, new Expect(echo), compressed], compressedEcho);
        yield return Answered("25.3.3", "Fragmented text that is not compressed", Section,
            [text with { IsFinal = false }, new SendFrame(Opcode.Continuation, Hello)], PeerEvent.Text("HelloHello"));
        Payload greek = Payload.Hex("00 06 00 f9 ff ceba ceb1 ceb9 00");
        yield return Answered("25.3.4", "Compressed text in fragments of 1 byte, which cut characters", Section,
            Fragments(greek), PeerEvent.Text("\u03BA\u03B1\u03B9"));
        yield return OwnCase.Refused("25.3.5", "Compressed text that is not UTF-8", "6455, section 8.1", [1007],
            [new SendFrame(Opcode.Text, Payload.Hex("00 02 00 fd ff c3 28 00")) { Rsv = Rsv1 }]) with { Deflate = OwnCase.AnyDeflate };
        yield return OwnCase.Refused("25.3.6", "Compressed text that ends within a character", "6455, section 8.1", [1007],
            [new SendFrame(Opcode.Text, Payload.Hex("00 01 00 fe ff c3 00")) { Rsv = Rsv1 }]) with { Deflate = OwnCase.AnyDeflate };
    }

    private static IEnumerable<ConformanceCase> Vectors()
    {
        (string Title, string Section, Payload Frame, Payload Message)[] vectors =
        [
            ("one block", "7.2.3.1", Compressed, Hello),
            ("a block that is stored", "7.2.3.3", Payload.Hex("00 05 00 fa ff 48656c6c6f 00"), Hello),
            ("a block with BFINAL", "7.2.3.4", Payload.Hex("f3 48 cd c9 c9 07 00 00"), Hello),
            ("two blocks", "7.2.3.5", Payload.Hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), Hello),
            ("nothing at all", "7.2.3.6", Payload.Hex("00"), Payload.Empty),
            ("a block with BFINAL, then one without", "7.2.3.4", Payload.Hex("f3 48 cd c9 c9 07 00 00 05 00 fa ff 48656c6c6f 00"), Payload.Text("HelloHello")),
            ("stored blocks of no bytes, then one of some", "7.2.3.3", Payload.Hex("00 00 00 ff ff 00 00 00 ff ff 00 05 00 fa ff 48656c6c6f 00"), Hello),
        ];
        for (int i = 0; i < vectors.Length; i++)
        {
            (string title, string section, Payload frame, Payload message) = vectors[i];
            SendFrame whole = new(Opcode.Text, frame) { Rsv = Rsv1 };
            yield return Of(1, "", [whole]);
            yield return Of(2, ", in fragments of 1 byte", Fragments(frame));
            yield return Of(3, ", byte by byte", [whole with { Chop = 1 }]);

            ConformanceCase Of(int variant, string how, IReadOnlyList<CaseStep> script) =>
                Answered($"26.{i + 1}.{variant}", $"Compressed message of {title}{how}", $"7692, section {section}", script, PeerEvent.Text(message));
        }
    }

    private static IEnumerable<ConformanceCase> Sequences()
    {
        SendFrame first = new(Opcode.Text, Compressed) { Rsv = Rsv1 };
        Expect echo = new(PeerEvent.Text(Hello));

        yield return Answered("26.8.1", "Two messages of the same bytes, neither of which refers to the other", "7692, section 7.2.3.2",
            [first, echo, first], PeerEvent.Text(Hello));
        yield return Answered("26.8.2", "Second message that refers to the first", "7692, section 7.2.3.2",
            [first, echo, first with { Payload = Payload.Hex("f2 00 11 00 00") }], PeerEvent.Text(Hello));
        yield return Answered("26.8.3", "Empty messages between two that share a window", "7692, section 7.2.3.6",
            [
                first, echo,
                first with { Payload = Payload.Hex("00") }, new Expect(PeerEvent.Text("")),
                first with { Payload = Payload.Hex("02 00") }, new Expect(PeerEvent.Text("")),
                first with { Payload = Payload.Hex("f2 00 11 00 00") },
            ],
            PeerEvent.Text(Hello));
        yield return Answered("26.8.4", "Message with BFINAL, then one without", "7692, section 7.2.3.4",
            [first with { Payload = Payload.Hex("f3 48 cd c9 c9 07 00 00") }, echo, first], PeerEvent.Text(Hello));
    }

    private static IEnumerable<ConformanceCase> InvalidBlocks()
    {
        (string Title, string Bytes)[] blocks =
        [
            ("a block of the reserved type", "06 00"),
            ("a stored block with a wrong check of its length", "00 05 00 05 00 48656c6c6f 00"),
            ("a distance beyond the beginning", "4a 04 12 00 00"),
            ("a block with BFINAL, and garbage behind it", "f3 48 cd c9 c9 07 00 07 ff ff"),
        ];
        for (int i = 0; i < blocks.Length; i++)
        {
            (string title, string bytes) = blocks[i];
            SendFrame frame = new(Opcode.Binary, Payload.Hex(bytes)) { Rsv = Rsv1 };
            yield return OwnCase.Refused($"26.9.{i + 1}", $"Compressed message of {title}", "7692, section 7.2.2", InvalidData, [frame]) with
            {
                Deflate = OwnCase.AnyDeflate,
            };
        }
    }

    private static IReadOnlyList<CaseStep> Fragments(Payload compressed)
    {
        byte[] bytes = compressed.ToArray();
        return [.. bytes.Select((value, i) => new SendFrame(i == 0 ? Opcode.Text : Opcode.Continuation, Payload.Of(new[] { value }))
        {
            IsFinal = i == bytes.Length - 1,
            Rsv = i == 0 ? Rsv1 : 0,
        })];
    }

    private static ConformanceCase Answered(string id, string title, string section, IReadOnlyList<CaseStep> script, PeerEvent expected) =>
        OwnCase.Answered(id, title, section, script, expected) with { Deflate = OwnCase.AnyDeflate };

    private static ConformanceCase Refused(string id, string title, IReadOnlyList<CaseStep> script, DeflateTerms? terms) =>
        OwnCase.Refused(id, title, "7692, section 6", ProtocolError, script) with { Deflate = terms };
}
