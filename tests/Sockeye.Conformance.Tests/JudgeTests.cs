using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>The judge finds what is wrong: each transcript and each endpoint here has one fault, and must be told so.</summary>
public sealed class JudgeTests
{
    private const string Hello = "Hello, world!";

    /// <summary>What a good endpoint leaves behind in a case that the suite closes.</summary>
    private static readonly Transcript Good = new() { IsClosedBySuite = true, IsClean = true, CloseCode = 1000 };

    /// <summary>What it leaves behind where it must fail the connection.</summary>
    private static readonly Transcript GoodFailure = new() { IsClosedBySuite = false, IsClean = true, CloseCode = 1002 };

    [Fact]
    public void Events_must_be_the_expected_ones_and_no_more()
    {
        PeerEvent pong = PeerEvent.Pong(Hello);

        AssertRated(Behavior.Ok, CloseBehavior.Ok, "2.2", Good with { Events = [pong] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "2.2", Good);
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "2.2", Good with { Events = [pong, pong] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "2.2", Good with { Events = [PeerEvent.Pong("Hello, World!")] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "2.2", Good with { Events = [PeerEvent.Pong(Hello + "!")] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "2.2", Good with { Events = [new PeerEvent(PeerEventKind.Ping, pong.Payload)] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "2.7", Good with { Events = [pong] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "5.6", Good with { Events = [PeerEvent.Text("fragment1fragment2"), PeerEvent.Pong("ping payload")] });
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "5.6", Good with { Events = [PeerEvent.Pong("ping payload"), PeerEvent.Text("fragment1fragment2")] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "1.1.2", Good with { Events = [PeerEvent.Binary(Payload.Repeat('*', 125))] });
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "1.1.2", Good with { Events = [PeerEvent.Text(Payload.Repeat('*', 125))] });
    }

    [Fact]
    public void Tolerated_events_are_non_strict_and_only_in_the_cases_that_tolerate_them()
    {
        Assert.Equal(Outcome.NonStrict, AssertRated(Behavior.NonStrict, CloseBehavior.Ok, "3.2", GoodFailure).Outcome);
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "3.2", GoodFailure with { Events = [PeerEvent.Text(Hello)] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "3.2", GoodFailure with { Events = [PeerEvent.Text(Hello), PeerEvent.Pong("")] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "3.1", GoodFailure with { Events = [PeerEvent.Text(Hello)] });
        PeerEvent a = PeerEvent.Timeout("A");
        PeerEvent b = PeerEvent.Timeout("B");
        Transcript invalid = GoodFailure with { CloseCode = 1007 };
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "6.4.3", invalid with { Events = [a] });
        AssertRated(Behavior.NonStrict, CloseBehavior.Ok, "6.4.3", invalid with { Events = [a, b] });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "6.4.3", invalid);
        AssertRated(Behavior.NonStrict, CloseBehavior.Ok, "4.2.4", GoodFailure);
        AssertRated(Behavior.NonStrict, CloseBehavior.Ok, "5.15", GoodFailure);
    }

    [Fact]
    public void Connection_that_the_suite_gave_up_is_not_said_to_be_dropped_by_the_endpoint()
    {
        var dropped = new Transcript { IsClosedBySuite = true };
        Transcript givenUp = dropped with { Violation = "Close is too long", GivenUp = "The endpoint broke a rule: Close is too long." };

        Assert.Equal("The endpoint dropped the connection.", AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.3.6", dropped).CloseExplanation);
        Assert.Equal(
            "The suite ended the connection. The endpoint broke a rule: Close is too long.",
            AssertRated(Behavior.Failed, CloseBehavior.Ok, "7.3.6", givenUp).CloseExplanation);
    }

    [Fact]
    public void Wrong_side_that_closes_fails_the_close_and_in_group_6_the_behaviour()
    {
        Transcript closedByPeer = GoodFailure with { CloseCode = 1000 };
        Transcript closedBySuite = new() { IsClosedBySuite = true, GivenUp = "The time of the case is over." };

        AssertRated(Behavior.Ok, CloseBehavior.Failed, "1.1.1", closedByPeer with { Events = [PeerEvent.Text("")] });
        Assert.Equal(Outcome.Failed, AssertRated(Behavior.Ok, CloseBehavior.Failed, "3.1", closedBySuite).Outcome);
        AssertRated(Behavior.Failed, CloseBehavior.Failed, "6.3.1", closedBySuite);
        AssertRated(Behavior.Failed, CloseBehavior.Failed, "6.20.1", closedBySuite);
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "6.20.1", GoodFailure with { CloseCode = 1007 });
    }

    [Fact]
    public void End_without_handshake_is_unclean_where_the_suite_closes_and_right_where_the_endpoint_fails()
    {
        Transcript dropped = new() { IsClosedBySuite = true, IsClean = false };

        Assert.Equal(Outcome.Failed, AssertRated(Behavior.Ok, CloseBehavior.Unclean, "7.1.2", dropped).Outcome);
        AssertRated(Behavior.Ok, CloseBehavior.Unclean, "7.3.1", dropped);
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.3.2", dropped);
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.9.4", dropped);
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "3.1", new Transcript());
    }

    [Fact]
    public void Wrong_code_fails_the_close_and_in_group_7_the_behaviour()
    {
        AssertRated(Behavior.Ok, CloseBehavior.WrongCode, "3.1", GoodFailure with { CloseCode = 1007 });
        AssertRated(Behavior.Ok, CloseBehavior.WrongCode, "6.3.1", GoodFailure);
        AssertRated(Behavior.Failed, CloseBehavior.WrongCode, "7.9.1", Good);
        AssertRated(Behavior.Failed, CloseBehavior.WrongCode, "7.1.5", Good with { CloseCode = 1002 });
        AssertRated(Behavior.Failed, CloseBehavior.WrongCode, "7.7.2", Good with { CloseCode = 1002 });
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.7.2", Good with { CloseCode = 1001 });
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.7.2", Good);
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.7.2", Good with { CloseCode = null });
        AssertRated(Behavior.Ok, CloseBehavior.Ok, "7.5.1", Good with { CloseCode = 1007 });
    }

    [Fact]
    public void Server_that_does_not_end_TCP_is_told_so()
    {
        Verdict verdict = AssertRated(Behavior.Ok, CloseBehavior.FailedByClient, "7.3.1", Good with { IsDroppedBySuite = true });
        Assert.Equal(Outcome.NonStrict, verdict.Outcome);
    }

    [Fact]
    public void Informational_case_cannot_fail()
    {
        foreach (string id in (string[])["7.1.6", "7.13.1", "7.13.2"])
        {
            foreach (Transcript seen in (Transcript[])[Good, GoodFailure, new(), Good with { Violation = "x", CloseCode = 4000 }])
                Assert.Equal(Outcome.Passed, AssertRated(Behavior.Informational, CloseBehavior.Informational, id, seen).Outcome);
        }
    }

    [Fact]
    public void Violation_mismatch_unfinished_script_and_failed_opening_fail_whatever_else_was_seen()
    {
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "7.3.1", Good with { Violation = "a server must not mask its frames" });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "9.7.1", Good with { Mismatch = "something else came" });
        AssertRated(Behavior.Failed, CloseBehavior.Ok, "9.7.1", Good with { IsScriptOver = false });
        AssertRated(Behavior.Failed, CloseBehavior.Failed, "7.3.1", Good with { OpeningFailure = "nothing listens there" });
        AssertRated(Behavior.Unimplemented, CloseBehavior.Unimplemented, "12.1.1", new Transcript { IsDeclined = true });
    }

    private static readonly (string Fault, string Id, Behavior Behavior, CloseBehavior Close)[] Table =
    [
        ("echoes another type", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("changes the last byte", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("changes the last byte", "9.1.1", Behavior.Failed, CloseBehavior.Ok),
        ("changes the last byte", "9.7.2", Behavior.Failed, CloseBehavior.Unclean),
        ("echoes twice", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("echoes twice", "9.8.1", Behavior.Failed, CloseBehavior.Ok),
        ("echoes nothing", "9.7.1", Behavior.Failed, CloseBehavior.Ok),
        ("answers no ping", "2.2", Behavior.Failed, CloseBehavior.Ok),
        ("answers pings otherwise", "2.3", Behavior.Failed, CloseBehavior.Ok),
        ("answers a ping late", "5.19", Behavior.NonStrict, CloseBehavior.Ok),
        ("drops what came before", "3.2", Behavior.NonStrict, CloseBehavior.Ok),
        ("never fails", "3.1", Behavior.Ok, CloseBehavior.Failed),
        ("never fails", "4.2.4", Behavior.Ok, CloseBehavior.Failed),
        ("never fails", "6.3.1", Behavior.Failed, CloseBehavior.Failed),
        ("takes any text", "6.3.1", Behavior.Failed, CloseBehavior.Failed),
        ("takes any text", "7.5.1", Behavior.Failed, CloseBehavior.WrongCode),
        ("fails with 1008", "5.9", Behavior.Ok, CloseBehavior.WrongCode),
        ("fails with 1008", "7.9.3", Behavior.Failed, CloseBehavior.WrongCode),
        ("fails without Close", "5.9", Behavior.Ok, CloseBehavior.Ok),
        ("never answers Close", "7.1.1", Behavior.Ok, CloseBehavior.Unclean),
        ("answers Close by an end", "7.1.1", Behavior.Ok, CloseBehavior.Unclean),
        ("answers Close with 1005", "7.1.1", Behavior.Failed, CloseBehavior.Unclean),
        ("answers Close with 1002", "7.1.1", Behavior.Failed, CloseBehavior.WrongCode),
        ("never ends TCP", "7.1.1", Behavior.Ok, CloseBehavior.FailedByClient),
        ("closes behind the echo", "1.1.1", Behavior.Ok, CloseBehavior.Failed),
        ("pings", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("pings", "9.1.1", Behavior.Ok, CloseBehavior.Ok),
        ("pings", "9.8.2", Behavior.Ok, CloseBehavior.Ok),
        ("masks", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("writes long lengths", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("sends RSV1", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("sends bad text", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("sends a lone continuation", "1.1.2", Behavior.Failed, CloseBehavior.Unclean),
        ("talks behind its Close", "7.1.1", Behavior.Failed, CloseBehavior.Ok),
        ("echoes what comes behind Close", "7.1.4", Behavior.Failed, CloseBehavior.Unclean),
    ];

    public static TheoryData<string, string> Mutants => new(Table.Select(row => (row.Fault, row.Id)));

    [Theory]
    [MemberData(nameof(Mutants))]
    public void Endpoint_with_one_fault_is_told_so(string fault, string id)
    {
        (_, _, Behavior behavior, CloseBehavior close) = Table.Single(row => row.Fault == fault && row.Id == id);
        CaseResult result = new CoreHarness(_ => Make(fault)).Play(CaseSelection.Select(CaseCatalog.Full, id)[0]);

        Assert.True((behavior, close) == (result.Behavior, result.BehaviorClose), $"{result.Behavior} {result.BehaviorClose}\n{result}\n{string.Join('\n', result.Log)}");
    }

    private static Mutant Make(string fault)
    {
        static Mutant OnMessage(Func<Opcode, byte[], byte[]> answer) => new()
        {
            Answers = (kind, payload) => kind is ReceivedEventKind.Text or ReceivedEventKind.Binary ? answer((Opcode)kind, payload) : null,
        };
        static Mutant On(ReceivedEventKind when, Func<byte[], byte[]> answer, Func<ReceivedEventKind, bool>? ends = null)
        {
            var mutant = new Mutant { Answers = (kind, payload) => kind == when ? answer(payload) : null };
            return ends is null ? mutant : new Mutant { Answers = mutant.Answers, Ends = ends };
        }

        static byte[] Changed(byte[] payload) => payload.Length == 0 ? payload : [.. payload[..^1], (byte)(payload[^1] ^ 1)];
        switch (fault)
        {
            case "echoes another type":
                return OnMessage((opcode, payload) => Mutant.Frame(opcode == Opcode.Text ? Opcode.Binary : Opcode.Text, payload));
            case "changes the last byte":
                return OnMessage((opcode, payload) => Mutant.Frame(opcode, Changed(payload)));
            case "echoes twice":
                return OnMessage((opcode, payload) => [.. Mutant.Frame(opcode, payload), .. Mutant.Frame(opcode, payload)]);
            case "echoes nothing":
                return OnMessage((_, _) => []);
            case "answers no ping":
                return On(ReceivedEventKind.Ping, _ => []);
            case "answers pings otherwise":
                return On(ReceivedEventKind.Ping, payload => Mutant.Frame(Opcode.Pong, Changed(payload)));
            case "answers a ping late":
                byte[]? held = null;
                return new Mutant
                {
                    Answers = (kind, payload) =>
                    {
                        if (kind != ReceivedEventKind.Ping)
                            return null;
                        byte[] pong = Mutant.Frame(Opcode.Pong, payload);
                        byte[] answer = held is null ? [] : [.. held, .. pong];
                        held = pong;
                        return answer;
                    },
                };
            case "drops what came before":
                return OnMessage((_, _) => []);
            case "never fails":
                return On(ReceivedEventKind.Violation, _ => [], kind => kind == ReceivedEventKind.Close);
            case "takes any text":
                return new Mutant(skipsUtf8: true)
                {
                    // its own echo has to be text, or the suite would find that first
                    Answers = (kind, _) => kind == ReceivedEventKind.Close ? Mutant.CloseFrame(1000) : kind == ReceivedEventKind.Text ? [] : null,
                };
            case "fails with 1008":
                return On(ReceivedEventKind.Violation, _ => Mutant.CloseFrame(1008));
            case "fails without Close":
                return On(ReceivedEventKind.Violation, _ => []);
            case "never answers Close":
                return On(ReceivedEventKind.Close, _ => [], _ => false);
            case "answers Close by an end":
                return On(ReceivedEventKind.Close, _ => []);
            case "answers Close with 1005":
                return On(ReceivedEventKind.Close, _ => Mutant.CloseFrame(1005));
            case "answers Close with 1002":
                return On(ReceivedEventKind.Close, _ => Mutant.CloseFrame(1002));
            case "never ends TCP":
                return new Mutant { Ends = _ => false };
            case "closes behind the echo":
                return OnMessage((opcode, payload) => [.. Mutant.Frame(opcode, payload), .. Mutant.CloseFrame(1000)]);
            case "pings":
                return OnMessage((opcode, payload) => [.. Mutant.Frame(Opcode.Ping, default), .. Mutant.Frame(opcode, payload)]);
            case "masks":
                return OnMessage((opcode, payload) => Mutant.Frame(opcode, payload, mask: 7));
            case "writes long lengths":
                return OnMessage((opcode, payload) => [(byte)(0x80 | (byte)opcode), 126, 0, (byte)payload.Length, .. payload]);
            case "sends RSV1":
                return OnMessage((opcode, payload) => [(byte)(0xC0 | (byte)opcode), (byte)payload.Length, .. payload]);
            case "sends bad text":
                return OnMessage((_, _) => Mutant.Frame(Opcode.Text, [0xFF]));
            case "sends a lone continuation":
                return OnMessage((_, payload) => Mutant.Frame(Opcode.Continuation, payload));
            case "talks behind its Close":
                return On(ReceivedEventKind.Close, payload => [.. Mutant.Frame(Opcode.Close, payload), .. Mutant.Frame(Opcode.Text, "still here"u8)]);
            case "echoes what comes behind Close":
                return new Mutant { AnswersBlindly = _ => Mutant.Frame(Opcode.Text, "Hello World!"u8) };
            default:
                throw new ArgumentException(fault, nameof(fault));
        }
    }

    private static Verdict AssertRated(Behavior behavior, CloseBehavior close, string id, Transcript seen)
    {
        Verdict verdict = Judge.Rate(CaseSelection.Select(CaseCatalog.Full, id)[0], seen);
        Assert.Equal((behavior, close), (verdict.Behavior, verdict.Close));
        return verdict;
    }
}
