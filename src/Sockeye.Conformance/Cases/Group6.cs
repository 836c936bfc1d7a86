using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 6: text is valid UTF-8, and what is not fails the connection as early as it can be told (RFC 6455, section 8.1).</summary>
internal static class Group6
{
    /// <summary>The Greek word kosme: five letters of two and three bytes.</summary>
    public const string Kosme = "ce ba e1 bd b9 cf 83 ce bc ce b5";

    /// <summary>A letter, a surrogate, which UTF-8 does not know, and more letters.</summary>
    public const string KosmeAndSurrogate = Kosme + " ed a0 80 65 64 69 74 65 64";

    private const string Greeting = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!";

    private static readonly CloseExpectation PeerFails = CloseExpectation.ByPeer(1007) with { IsWrongSideFatal = true };

    public static IEnumerable<ConformanceCase> All => [.. Fragments(), .. Early(), .. Sequences()];

    private static IEnumerable<ConformanceCase> Fragments()
    {
        Payload middle = Payload.Text("middle frame payload");
        yield return Valid("6.1.1", "Empty text", [new SendFrame(Opcode.Text, Payload.Empty)], Payload.Empty);
        yield return Valid("6.1.2", "Three empty fragments", Frames(Payload.Empty, Payload.Empty, Payload.Empty), Payload.Empty);
        yield return Valid("6.1.3", "Text between two empty fragments", Frames(Payload.Empty, middle, Payload.Empty), middle);

        Payload greeting = Payload.Text(Greeting);
        yield return Valid("6.2.1", "Valid text", Frames(greeting), greeting);
        yield return Valid("6.2.2", "Valid text, cut between two code points",
            Frames(Payload.Text(Greeting[..11]), Payload.Text(Greeting[11..])), greeting);
        yield return Valid("6.2.3", "Valid text in fragments of one byte", Frames(Bytewise(greeting)), greeting);
        yield return Valid("6.2.4", "Valid text of long code points in fragments of one byte",
            Frames(Bytewise(Payload.Hex(Kosme))), Payload.Hex(Kosme));

        Payload broken = Payload.Hex(KosmeAndSurrogate);
        yield return Invalid("6.3.1", "Text with a surrogate", Frames(broken), CaseLimit.FailAfter(1));
        yield return Invalid("6.3.2", "Text with a surrogate in fragments of one byte", Frames(Bytewise(broken)), CaseLimit.FailAfter(1));
    }

    /// <summary>The text is valid up to a pause, then not any more; after a second pause more would follow.</summary>
    private static IEnumerable<ConformanceCase> Early()
    {
        // U+110000 is no code point: f4 90 tells so, f4 alone does not.
        const string Beyond = "f4 90 80 80";
        const string Rest = "65 64 69 74 65 64";
        string[][] cuts = [[Kosme, Beyond, Rest], [Kosme + "f4", "90", "80 80" + Rest]];
        for (int i = 0; i < 4; i++)
        {
            Payload[] parts = [.. cuts[i % 2].Select(Payload.Hex)];
            bool isOneFrame = i >= 2;
            CaseStep[] sends = isOneFrame
                ? [.. parts.Select(part => new SendPiece(part))]
                : Frames(parts);
            CaseStep[] head = isOneFrame ? [new SendHeader(Opcode.Text, (ulong)parts.Sum(part => part.Length))] : [];
            TimeSpan second = TimeSpan.FromSeconds(1);
            yield return Invalid(
                $"6.4.{i + 1}",
                $"Text becomes invalid in the second of three parts of {(isOneFrame ? "one frame" : "a message")}, "
                    + (i % 2 == 0 ? "cut between code points" : "cut within a code point"),
                [.. head, sends[0], new Wait(second, "A"), sends[1], new Wait(second, "B"), sends[2]],
                CaseLimit.FailAfter(3)) with
            {
                Expected = [PeerEvent.Timeout("A")],
                Tolerated = [PeerEvent.Timeout("A"), PeerEvent.Timeout("B")],
            };
        }
    }

    private static IEnumerable<ConformanceCase> Sequences()
    {
        foreach (Utf8Family family in Utf8Sequences.All)
        {
            for (int i = 0; i < family.Samples.Count; i++)
            {
                (bool isValid, Payload text) = family.Samples[i];
                string id = $"6.{family.Number}.{i + 1}";
                string title = $"{family.Title}: {text}";
                CaseLimit limit = CaseLimit.FailAfter(0.5);
                yield return isValid
                    ? Valid(id, title, Frames(text), text) with { Limit = limit }
                    : Invalid(id, title, Frames(text), limit);
            }
        }
    }

    private static ConformanceCase Valid(string id, string title, IReadOnlyList<CaseStep> script, Payload text) => new()
    {
        Id = id,
        Title = title,
        Section = "RFC 6455, section 8.1",
        Script = script,
        Expected = [PeerEvent.Text(text)],
        Close = CloseExpectation.BySuite,
        Limit = CaseLimit.CloseAfter(1),
    };

    private static ConformanceCase Invalid(string id, string title, IReadOnlyList<CaseStep> script, CaseLimit limit) => new()
    {
        Id = id,
        Title = title,
        Section = "RFC 6455, section 8.1",
        Script = script,
        Close = PeerFails,
        Limit = limit,
    };

    private static CaseStep[] Frames(params Payload[] parts) =>
    [
        .. parts.Select((part, i) => new SendFrame(i == 0 ? Opcode.Text : Opcode.Continuation, part) { IsFinal = i == parts.Length - 1 }),
    ];

    private static Payload[] Bytewise(Payload text) => [.. text.ToArray().Select(one => Payload.Of(new[] { one }))];
}
