using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 29: ends of connections at bad moments. Group 30: peers that send or read slowly.</summary>
internal static class Group29And30
{
    private const int Rsv3 = 1;

    private static readonly Payload Hello = Payload.Text("Hello");
    private static readonly SendFrame Text = new(Opcode.Text, Hello);
    private static readonly PeerEvent Echo = PeerEvent.Text(Hello);
    private static readonly SendClose Close = new(Closing.Body(1000));

    /// <summary>The suite ends its direction without a closing handshake: the endpoint ends the other one.</summary>
    private static readonly CloseExpectation Ended = new(Side.Suite, [1000, 1001, 1002], IsCleanRequired: false) { IsEndRequired = true };

    public static IEnumerable<ConformanceCase> All => [.. Closes(), .. HalfCloses(), .. Resets(), .. SlowSenders(), .. SlowReaders()];

    private static IEnumerable<ConformanceCase> Closes()
    {
        SendFrame violation = Text with { Rsv = Rsv3 };
        SendFrame large = new(Opcode.Binary, Payload.Repeat('*', 1024 * 1024));

        yield return OwnCase.Answered("29.1.1", "Violation and Close at the same time", "6455, section 7.1.7", [violation, Close]) with
        {
            Close = new CloseExpectation(Side.Suite, [1002, 1000], IsCleanRequired: false) { IsEndRequired = true },
        };
        yield return OwnCase.Answered("29.1.2", "Close, then 1 MiB of data", "6455, section 5.5.1", [Close, large]);
        yield return OwnCase.Answered("29.1.3", "Close, then frames that break rules", "6455, section 5.5.1",
            [Close, violation, new SendFrame((Opcode)0xF, Hello), new SendHeader(Opcode.Ping, 1UL << 63)]);
        yield return OwnCase.Answered("29.1.4", "Close, then bytes that are no frames", "6455, section 5.5.1",
            [Close, new SendRaw("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray())]);
        yield return OwnCase.Answered("29.1.5", "Close, byte by byte, then a ping", "6455, section 5.5.1",
            [new SendClose(Closing.Body(1000, "bye")), new SendFrame(Opcode.Ping, Hello) { Chop = 1 }]);
        yield return OwnCase.Refused("29.1.6", "Text, a violation, then 1 MiB of data", "6455, section 7.1.7", [1002], [Text, violation, large], Echo);
        yield return OwnCase.Refused("29.1.7", "Text, a violation, then Pings", "6455, section 7.1.7", [1002],
            [Text, violation, .. Enumerable.Repeat(new SendFrame(Opcode.Ping, Hello), 100)], Echo);
    }

    private static IEnumerable<ConformanceCase> HalfCloses()
    {
        var end = new EndSending();

        yield return OwnCase.Answered("29.2.1", "Close, then the end of the direction", "6455, section 7.1.1", [Close, end]);
        yield return OwnCase.Answered("29.2.2", "Text and its echo, Close, then the end of the direction", "6455, section 7.1.1",
            [Text, new Expect(Echo), Close, end]);
        yield return Of(3, "End of the direction at once", [end]);
        yield return Of(4, "End of the direction between messages", [Text, new Expect(Echo), end]);
        yield return Of(5, "End of the direction within a header", [new SendRaw(new byte[] { 0x82 }), end]);
        yield return Of(6, "End of the direction within a frame", [new SendHeader(Opcode.Text, 10), new SendPiece(Hello), end]);
        yield return Of(7, "End of the direction within a message", [Text with { IsFinal = false }, end]);

        static ConformanceCase Of(int number, string title, IReadOnlyList<CaseStep> script) =>
            OwnCase.Answered($"29.2.{number}", title, "6455, section 7.1.5", script) with { Close = Ended };
    }

    private static IEnumerable<ConformanceCase> Resets()
    {
        var reset = new Reset();
        Wait moment = new(TimeSpan.FromSeconds(0.05));

        yield return Of(1, "Reset at once", [reset]);
        yield return Of(2, "Reset between messages", [Text, new Expect(Echo), reset]);
        yield return Of(3, "Reset within a frame", [new SendHeader(Opcode.Text, 10), new SendPiece(Hello), moment, reset]);
        yield return Of(4, "Reset within a message", [Text with { IsFinal = false }, moment, reset]);
        yield return Of(5, "Reset before 1 MiB of echo was read",
            [new SendFrame(Opcode.Binary, Payload.Repeat('*', 1024 * 1024)), moment with { HoldsReading = true }, reset]);
        yield return Of(6, "Reset behind Close", [Close, reset]);

        static ConformanceCase Of(int number, string title, IReadOnlyList<CaseStep> script) =>
            OwnCase.Answered($"29.3.{number}", title, "6455, section 7.1.5", script) with
            {
                Close = new CloseExpectation(Side.Suite, [1000, 1001, 1002], IsCleanRequired: false),
                IsSurvived = true,
            };
    }

    private static IEnumerable<ConformanceCase> SlowSenders()
    {
        Wait pause = new(TimeSpan.FromSeconds(0.02));
        // A mask key of zeros changes nothing, so that the bytes stand here as they are.
        (Role Endpoint, string Frame)[] texts = [(Role.Server, "81 85 00000000 48656c6c6f"), (Role.Client, "81 05 48656c6c6f")];
        for (int i = 0; i < texts.Length; i++)
        {
            (Role endpoint, string frame) = texts[i];
            yield return OwnCase.Answered($"30.1.{i + 1}", $"Text, a byte every 20 ms, to a {endpoint.ToString().ToLowerInvariant()}", "6455, section 5.2",
                [.. Payload.Hex(frame).ToArray().SelectMany(value => (CaseStep[])[new SendRaw(new[] { value }), pause])], Echo) with
            {
                EndpointRole = endpoint,
                Limit = CaseLimit.FailAfter(5),
            };
        }

        yield return OwnCase.Answered("30.1.3", "Fragments of 1 byte every 20 ms, with a ping behind each", "6455, section 5.4",
            [
                .. Hello.ToArray().SelectMany((value, i) => (CaseStep[])
                [
                    new SendFrame(i == 0 ? Opcode.Text : Opcode.Continuation, Payload.Of(new[] { value })) { IsFinal = false },
                    new SendFrame(Opcode.Ping, Hello), new Expect(PeerEvent.Pong(Hello)), pause,
                ]),
                new SendFrame(Opcode.Continuation, Payload.Empty),
            ],
            Echo);
        yield return OwnCase.Answered("30.1.4", "Compressed text, a byte every 20 ms", "7692, section 7.2.3.1",
            [new SendHeader(Opcode.Text, 7) { Rsv = 4 }, .. Payload.Hex("f2 48 cd c9 c9 07 00").ToArray().SelectMany(value => (CaseStep[])
                [new SendPiece(Payload.Of(new[] { value })), pause])],
            Echo) with { Deflate = OwnCase.AnyDeflate };
    }

    private static IEnumerable<ConformanceCase> SlowReaders()
    {
        Wait hold = new(TimeSpan.FromSeconds(0.5)) { HoldsReading = true };
        Payload[] messages = [.. Enumerable.Range(0, 64).Select(i => Payload.Repeat(new[] { (byte)i, (byte)1, (byte)2 }, 128 * 1024))];
        IReadOnlyList<PeerEvent> echoes = [.. messages.Select(PeerEvent.Binary)];
        CaseStep[] all = [.. messages.Select(message => new SendFrame(Opcode.Binary, message))];

        yield return OwnCase.Answered("30.2.1", "8 MiB of messages, of which no echo is read for 0.5 s", "6455, section 5.4", [.. all, hold], echoes) with
        {
            Limit = CaseLimit.FailAfter(10),
        };
        yield return OwnCase.Answered("30.2.2", "8 MiB of messages, a ping, and nothing read for 0.5 s", "6455, section 5.5.3",
            [.. all, new SendFrame(Opcode.Ping, Hello), hold, .. echoes.Select(echo => new Expect(echo))]) with
        {
            CountsMessagesAlone = true,
            Limit = CaseLimit.FailAfter(10),
        };
    }
}
