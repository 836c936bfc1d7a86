using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 23: who masks and who does not. Group 24: lengths that are not written as they must be, or do not fit the wire.</summary>
internal static class Group23And24
{
    private static readonly Payload Hello = Payload.Text("Hello");
    private static readonly IReadOnlyList<int> ProtocolError = [1002];

    public static IEnumerable<ConformanceCase> All => [.. Masks(Role.Server), .. Masks(Role.Client), .. MaskKeys(), .. Lengths()];

    private static IEnumerable<ConformanceCase> Masks(Role endpoint)
    {
        bool isMasked = endpoint == Role.Client;
        string id = isMasked ? "23.2" : "23.1";
        string what = isMasked ? "masked, to a client" : "not masked, to a server";
        SendFrame text = new(Opcode.Text, Hello);
        PeerEvent echo = PeerEvent.Text(Hello);

        yield return Of(1, "Text", [text with { IsMasked = isMasked }]);
        yield return Of(2, "Empty text", [new SendFrame(Opcode.Text, Payload.Empty) { IsMasked = isMasked }]);
        yield return Of(3, "Ping", [new SendFrame(Opcode.Ping, Hello) { IsMasked = isMasked }]);
        yield return Of(4, "Pong", [new SendFrame(Opcode.Pong, Payload.Empty) { IsMasked = isMasked }]);
        yield return Of(5, "Close", [new SendFrame(Opcode.Close, Closing.Body(1000)) { IsMasked = isMasked }]);
        yield return Of(6, "Second fragment",
            [text with { IsFinal = false }, new SendFrame(Opcode.Continuation, Hello) { IsMasked = isMasked }]);
        yield return Of(7, "Second message", [text, new Expect(echo), text with { IsMasked = isMasked }]);
        yield return Of(8, "Text, byte by byte", [text with { IsMasked = isMasked, Chop = 1 }]);

        ConformanceCase Of(int number, string title, IReadOnlyList<CaseStep> script) =>
            OwnCase.Refused($"{id}.{number}", $"{title}, {what}", "6455, section 5.1", ProtocolError, script) with { EndpointRole = endpoint };
    }

    private static IEnumerable<ConformanceCase> MaskKeys()
    {
        string[] frames = ["81 85 00000000 48656c6c6f", "81 85 ffffffff b79a939390", "81 85 48656c6c 0000000027"];
        string[] keys = ["of zeros", "of ones", "that is the payload itself"];
        for (int i = 0; i < frames.Length; i++)
        {
            yield return OwnCase.Answered($"23.3.{i + 1}", $"Mask key {keys[i]}", "6455, section 5.3",
                [new SendRaw(Payload.Hex(frames[i]).Memory)], PeerEvent.Text(Hello)) with { EndpointRole = Role.Server };
        }
    }

    private static IEnumerable<ConformanceCase> Lengths()
    {
        (int Length, int Size)[] longer = [(0, 2), (1, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)];
        for (int i = 0; i < longer.Length; i++)
        {
            (int length, int size) = longer[i];
            yield return Refused($"24.1.{i + 1}", $"{length} bytes with a length of {size} bytes",
                [new SendFrame(Opcode.Binary, Payload.Repeat('*', length)) { LengthSize = size }]);
        }

        yield return Refused("24.1.8", "Ping of 5 bytes with a length of 2 bytes", [new SendFrame(Opcode.Ping, Hello) { LengthSize = 2 }]);
        yield return Refused("24.1.9", "Ping of 5 bytes with a length of 8 bytes", [new SendFrame(Opcode.Ping, Hello) { LengthSize = 8 }]);
        yield return Refused("24.1.10", "Text, then one with a length of 2 bytes that could do without",
            [new SendFrame(Opcode.Text, Hello), new SendFrame(Opcode.Text, Hello) { LengthSize = 2 }], PeerEvent.Text(Hello));

        ulong[] impossible = [1UL << 63, (1UL << 63) + 5, ulong.MaxValue];
        string[] names = ["2^63", "2^63 + 5", "2^64 - 1"];
        for (int i = 0; i < impossible.Length; i++)
            yield return Refused($"24.2.{i + 1}", $"Length {names[i]}", [new SendHeader(Opcode.Binary, impossible[i])]);
        yield return Refused("24.2.4", "Ping with the length 2^63", [new SendHeader(Opcode.Ping, 1UL << 63)]);
        yield return Refused("24.2.5", "Ping with the length 65536", [new SendHeader(Opcode.Ping, 65536)]);

        // What the header does not count is the next frame: 'W' has RSV1, RSV3 and a reserved opcode.
        yield return Refused("24.3.1", "More bytes than the header says",
            [new SendHeader(Opcode.Text, 5), new SendPiece(Hello), new SendRaw("World"u8.ToArray())], PeerEvent.Text(Hello));
        yield return OwnCase.Answered("24.3.2", "Fewer bytes than the header says, then the rest", "6455, section 5.2",
            [new SendHeader(Opcode.Text, 10), new SendPiece(Hello), new Wait(TimeSpan.FromSeconds(0.2), "rest"), new SendPiece(Hello)],
            PeerEvent.Timeout("rest"), PeerEvent.Text("HelloHello"));

        int[] lengths = [0, 1, 125, 126, 127, 300];
        for (int i = 0; i < lengths.Length; i++)
        {
            Payload payload = Payload.Repeat('*', lengths[i]);
            yield return OwnCase.Answered($"24.4.{i + 1}", $"Text of {lengths[i]} bytes, byte by byte", "6455, section 5.2",
                [new SendFrame(Opcode.Text, payload) { Chop = 1 }], PeerEvent.Text(payload));
        }
    }

    private static ConformanceCase Refused(string id, string title, IReadOnlyList<CaseStep> script, params IReadOnlyList<PeerEvent> expected) =>
        OwnCase.Refused(id, title, "6455, section 5.2", ProtocolError, script, expected);
}
