using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 7: the closing handshake (RFC 6455, sections 5.5.1 and 7).</summary>
internal static class Group7
{
    private static readonly CloseExpectation Clean = CloseExpectation.BySuite with { IsWrongCodeFatal = true };

    /// <summary>The suite sends what is no valid Close frame: it is told so, or the connection is dropped.</summary>
    private static readonly CloseExpectation Refused = new(Side.Suite, [1002], IsCleanRequired: false) { IsWrongCodeFatal = true };

    public static IEnumerable<ConformanceCase> All => [.. Sequences(), .. Bodies(), .. Codes()];

    private static IEnumerable<ConformanceCase> Sequences()
    {
        SendClose close = new(Closing.Body(1000));
        var ping = new SendFrame(Opcode.Ping, Payload.Empty);
        SendFrame hello = Text("Hello World!");

        yield return Of("7.1.1", "Text, then Close", "5.5.1", [hello], Clean) with { Expected = [PeerEvent.Text("Hello World!")] };
        yield return Of("7.1.2", "Close twice", "5.5.1", [close, close], Clean);
        yield return Of("7.1.3", "Close, then a ping", "5.5.1", [close, ping], Clean);
        yield return Of("7.1.4", "Close, then text", "5.5.1", [close, hello], Clean);
        yield return Of("7.1.5", "Close within a fragmented text", "5.5.1",
            [Text("fragment1") with { IsFinal = false }, close, new SendFrame(Opcode.Continuation, Payload.Text("fragment2"))], Clean);
        Payload large = Payload.Repeat("BAsd7&jh23"u8.ToArray(), 256 * 1024);
        yield return Of("7.1.6", "Text of 256 KiB, text, Close, ping", "5.5.1", [new SendFrame(Opcode.Text, large), hello, close, ping], Clean) with
        {
            Expected = [PeerEvent.Text(large), PeerEvent.Text("Hello World!")],
            IsInformational = true,
        };
    }

    private static IEnumerable<ConformanceCase> Bodies()
    {
        yield return Of("7.3.1", "Close without body", "5.5.1", Payload.Empty, Clean);
        yield return Of("7.3.2", "Close with a body of one byte", "5.5.1", Payload.Text("a"), Refused);
        yield return Of("7.3.3", "Close with a code", "5.5.1", Closing.Body(1000), Clean);
        yield return Of("7.3.4", "Close with a code and a reason", "5.5.1", Closing.Body(1000, "Hello World!"), Clean);
        yield return Of("7.3.5", "Close with the longest reason", "5.5.1", Closing.Body(1000, new string('*', 123)), Clean);
        yield return Of("7.3.6", "Close with a reason that is too long", "5.5", Closing.Body(1000, new string('*', 124)), Refused);
        yield return Of("7.5.1", "Close with a reason that is not UTF-8", "5.5.1",
            Closing.Body(1000, Payload.Hex(Group6.KosmeAndSurrogate).ToArray()), Refused with { Codes = [1002, 1007] });
    }

    private static IEnumerable<ConformanceCase> Codes()
    {
        int[] valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
        for (int i = 0; i < valid.Length; i++)
        {
            yield return Of($"7.7.{i + 1}", $"Close with the valid code {valid[i]}", "7.4", Closing.Body(valid[i]),
                Clean with { Codes = [.. new[] { 1000, valid[i] }.Distinct()] });
        }

        int[] invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
        for (int i = 0; i < invalid.Length; i++)
            yield return Of($"7.9.{i + 1}", $"Close with the invalid code {invalid[i]}", "7.4", Closing.Body(invalid[i]), Refused);

        int[] undefined = [5000, 65535];
        for (int i = 0; i < undefined.Length; i++)
        {
            yield return Of($"7.13.{i + 1}", $"Close with the code {undefined[i]}, of which the RFC says nothing", "7.4",
                Closing.Body(undefined[i]), Refused) with { IsInformational = true };
        }
    }

    private static ConformanceCase Of(string id, string title, string section, Payload body, CloseExpectation close) =>
        Of(id, title, section, [new SendClose(body)], close);

    private static ConformanceCase Of(string id, string title, string section, IReadOnlyList<CaseStep> script, CloseExpectation close) => new()
    {
        Id = id,
        Title = title,
        Section = $"RFC 6455, section {section}",
        Script = script,
        Close = close,
        Limit = CaseLimit.FailAfter(1),
    };

    private static SendFrame Text(string text) => new(Opcode.Text, Payload.Text(text));
}
