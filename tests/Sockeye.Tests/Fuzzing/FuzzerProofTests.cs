using Sockeye.Fuzzing;
using Sockeye.Protocol;

namespace Sockeye.Tests.Fuzzing;

/// <summary>The fuzzer is worth something: a receiver with one small fault does not get past it.</summary>
public sealed class FuzzerProofTests
{
    private const int Sessions = 5_000;
    private const long Seed = 7_692;

    public static TheoryData<Rule> Rules => [.. Enum.GetValues<Rule>()];

    public static TheoryData<string> Faults => [.. Faulty.Keys];

    private static Dictionary<string, Func<AssemblerSubject>> Faulty { get; } = new(StringComparer.Ordinal)
    {
        ["no UTF-8 check"] = () => new LimitsAre(limits => limits with { SkipUtf8Validation = true }),
        ["message limit one too high"] = () => new LimitsAre(limits => limits with { MaxMessageSize = limits.MaxMessageSize + 1 }),
        ["message limit one too low"] = () => new LimitsAre(limits => limits with { MaxMessageSize = Math.Max(1, limits.MaxMessageSize - 1) }),
        ["fragment limit one too high"] = () => new LimitsAre(limits => limits with { MaxFragments = limits.MaxFragments + 1 }),
        ["fragment limit one too low"] = () => new LimitsAre(limits => limits with { MaxFragments = Math.Max(1, limits.MaxFragments - 1) }),
        ["every ping lost"] = () => new ItemsAre((_, item) => item.Kind == ItemKind.Ping ? [] : [item]),
        ["third ping lost"] = () => new ItemsAre((before, item) => item.Kind == ItemKind.Ping && before.Items.Count == 2 ? [] : [item]),
        ["message delivered twice"] = () => new ItemsAre((before, item) => before.Items.Count == 3 ? [item, item] : [item]),
        ["text and binary swapped"] = () => new ItemsAre((_, item) => [item.IsMessage ? item with { Kind = 3 - item.Kind } : item]),
        ["last bit flipped in long messages"] = () => new ItemsAre((_, item) => [item.Payload.Length > 200 ? Flipped(item) : item]),
        ["empty message lost"] = () => new ItemsAre((_, item) => item is { IsMessage: true, Payload.Length: 0 } ? [] : [item]),
        ["compressed messages refused"] = () => new SessionsAre((terms, wire, _) => (terms with { Deflate = DeflateMode.None }, wire)),
        ["context forgotten"] = () => new SessionsAre((terms, wire, _) =>
            (terms.Deflate == DeflateMode.ContextTakeover ? terms with { Deflate = DeflateMode.NoContextTakeover } : terms, wire)),
        ["context kept"] = () => new SessionsAre((terms, wire, _) =>
            (terms.Deflate == DeflateMode.NoContextTakeover ? terms with { Deflate = DeflateMode.ContextTakeover } : terms, wire)),
        ["role swapped"] = () => new SessionsAre((terms, wire, _) => (terms with { Receiver = terms.Reversed.Receiver }, wire)),
        ["last byte lost when cut in two"] = () => new SessionsAre((terms, wire, cuts) => (terms, cuts == 2 ? [.. wire[..^1], 0] : wire)),
        ["mask forgotten byte by byte"] = () => new SessionsAre((terms, wire, cuts) => (terms, cuts == wire.Length ? Unmasked(wire) : wire)),
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Wrong_close_code_for_one_rule_is_caught(Rule rule) => await AssertCaughtAsync(new CodeIsWrong(rule));

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Fault_is_caught(string fault) => await AssertCaughtAsync(Faulty[fault]());

    [Fact]
    public async Task Disagreement_is_told_with_its_seed_and_as_small_as_it_can_be()
    {
        var fuzzer = new Fuzzer(new CodeIsWrong(Rule.OpcodeMustBeKnown));
        FuzzReport report = await fuzzer.RunAsync(Seed, Sessions);
        foreach (Disagreement found in report.Disagreements)
        {
            // Of whatever came before, two bytes are left.
            Assert.Equal(2, (await fuzzer.MinimiseAsync(found.Session)).Wire.Length);
            FuzzReport again = await fuzzer.RunAsync(found.Session.Seed, sessions: 1);
            Assert.Equal(found.Session.Wire, Assert.Single(again.Disagreements).Session.Wire);
        }

        string told = await fuzzer.DescribeAsync(report);
        Assert.All(report.Disagreements, found => Assert.Contains($"Seed {found.Session.Seed}: ", told, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("405 is 400")]
    [InlineData("a second Host is let through")]
    [InlineData("a key that is short is let through")]
    [InlineData("a subprotocol twice is let through")]
    public void Fault_of_a_handshake_is_caught(string fault)
    {
        Func<string, int, int> change = fault[0] switch
        {
            '4' => (_, status) => status == 405 ? 400 : status,
            _ when fault.Contains("Host", StringComparison.Ordinal) =>
                (request, status) => status == 400 && request.Split("Host: example.com\r\n").Length > 2 ? 101 : status,
            _ when fault.Contains("key", StringComparison.Ordinal) =>
                (request, status) => request.Contains("Sec-WebSocket-Key: short\r\n", StringComparison.Ordinal) ? 101 : status,
            _ => (request, status) => request.Contains("Protocol: a, a\r\n", StringComparison.Ordinal) ? 101 : status,
        };
        Assert.NotEmpty(HandshakeFuzzer.Run(Seed, Sessions, change).Differences);
    }

    private static async Task AssertCaughtAsync(AssemblerSubject subject)
    {
        FuzzReport report = await new Fuzzer(subject).RunAsync(Seed, Sessions);
        Assert.NotEmpty(report.Disagreements);
    }

    private static Item Flipped(Item item) => item with { Payload = [.. item.Payload[..^1], (byte)(item.Payload[^1] ^ 1)] };

    private static byte[] Unmasked(byte[] wire) => wire.Length < 7 || wire[1] < 0x81 ? wire : [.. wire[..2], 0, 0, 0, 0, .. wire[6..]];

    private sealed class CodeIsWrong(Rule wrong) : AssemblerSubject
    {
        protected override void NoteBroken(Outcome outcome, Rule rule, int code) =>
            base.NoteBroken(outcome, rule, rule == wrong ? code + 1 : code);
    }

    private sealed class LimitsAre(Func<ProtocolLimits, ProtocolLimits> change) : AssemblerSubject
    {
        protected override ProtocolLimits MakeLimits(Terms terms) => change(base.MakeLimits(terms));
    }

    private sealed class ItemsAre(Func<Outcome, Item, Item[]> change) : AssemblerSubject
    {
        protected override void NoteItem(Outcome outcome, Item item)
        {
            foreach (Item changed in change(outcome, item))
                base.NoteItem(outcome, changed);
        }
    }

    private sealed class SessionsAre(Func<Terms, byte[], int, (Terms Terms, byte[] Wire)> change) : AssemblerSubject
    {
        public override Outcome Receive(Terms terms, byte[] wire, ReadOnlySpan<int> ends, int directMinimum)
        {
            (Terms changed, byte[] bytes) = change(terms, wire, ends.Length);
            return base.Receive(changed, bytes, ends, directMinimum);
        }
    }
}
