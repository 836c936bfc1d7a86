using System.Buffers.Binary;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>What a peer must not send: each ends with the right code on the wire, a typed account, and nothing delivered after it.</summary>
public sealed class BadInputTests
{
    private const int MaxMessage = 1000;
    private const int MaxFragments = 10;

    private delegate byte[] Build(Role receiver);

    public static TheoryData<string, Role, Carrier> Faults
    {
        get
        {
            var data = new TheoryData<string, Role, Carrier>();
            foreach (string name in Table.Keys)
            {
                foreach (Role role in Enum.GetValues<Role>())
                {
                    foreach (Carrier carrier in Enum.GetValues<Carrier>())
                        data.Add(name, role, carrier);
                }
            }

            return data;
        }
    }

    public static TheoryData<string, Role> FaultsInMemory
    {
        get
        {
            var data = new TheoryData<string, Role>();
            foreach (string name in Table.Keys)
            {
                foreach (Role role in Enum.GetValues<Role>())
                    data.Add(name, role);
            }

            return data;
        }
    }

    private static Dictionary<string, (Build Bytes, Rule? Rule, int Code)> Table { get; } = new(StringComparer.Ordinal)
    {
        // V09
        ["wrong mask"] = (r => Wire.Raw(0x81, "x"u8, isMasked: r == Role.Client), null, 1002),
        ["wrong mask, header alone"] = (r => [0x82, (byte)(r == Role.Client ? 0xFE : 0x7E)], null, 1002),
        ["wrong mask on a ping"] = (r => Wire.Raw(0x89, "x"u8, isMasked: r == Role.Client), null, 1002),
        // V08
        ["RSV1"] = (r => Raw(r, 0xC1, "x"u8), Rule.Rsv1MustBeClear, 1002),
        ["RSV2"] = (r => Raw(r, 0xA2, "x"u8), Rule.ReservedBitsMustBeClear, 1002),
        ["RSV3"] = (r => Raw(r, 0x91, "x"u8), Rule.ReservedBitsMustBeClear, 1002),
        ["RSV1 on a ping"] = (r => Raw(r, 0xC9, "x"u8), Rule.Rsv1MustBeClear, 1002),
        ["RSV3 on a close"] = (r => Raw(r, 0x98, []), Rule.ReservedBitsMustBeClear, 1002),
        ["opcode 3"] = (r => Raw(r, 0x83, "x"u8), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 4"] = (r => Raw(r, 0x84, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 5"] = (r => Raw(r, 0x85, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 6"] = (r => Raw(r, 0x06, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 7"] = (r => Raw(r, 0x87, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 11"] = (r => Raw(r, 0x8B, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 12"] = (r => Raw(r, 0x8C, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 13"] = (r => Raw(r, 0x8D, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 14"] = (r => Raw(r, 0x8E, []), Rule.OpcodeMustBeKnown, 1002),
        ["opcode 15"] = (r => Raw(r, 0x8F, "x"u8), Rule.OpcodeMustBeKnown, 1002),
        ["fragmented ping"] = (r => Raw(r, 0x09, "x"u8), Rule.ControlFrameMustNotBeFragmented, 1002),
        ["fragmented pong"] = (r => Raw(r, 0x0A, []), Rule.ControlFrameMustNotBeFragmented, 1002),
        ["fragmented close"] = (r => Raw(r, 0x08, []), Rule.ControlFrameMustNotBeFragmented, 1002),
        ["ping of 126 bytes"] = (r => Raw(r, 0x89, new byte[126]), Rule.ControlFrameMustBeShort, 1002),
        ["close of 126 bytes"] = (r => Raw(r, 0x88, new byte[126]), Rule.ControlFrameMustBeShort, 1002),
        ["pong of 70,000 bytes"] = (r => Raw(r, 0x8A, new byte[70_000])[..20], Rule.ControlFrameMustBeShort, 1002),
        ["ping, header alone"] = (r => Header(r, 0x89, 16, 200)[..2], Rule.ControlFrameMustBeShort, 1002),
        ["125 in 16 bits"] = (r => [.. Header(r, 0x82, 16, 125), .. new byte[125]], Rule.LengthMustBeMinimal, 1002),
        ["0 in 16 bits"] = (r => Header(r, 0x82, 16, 0), Rule.LengthMustBeMinimal, 1002),
        ["0 in 64 bits"] = (r => Header(r, 0x82, 64, 0), Rule.LengthMustBeMinimal, 1002),
        ["65,535 in 64 bits"] = (r => Header(r, 0x82, 64, 65_535), Rule.LengthMustBeMinimal, 1002),
        ["125 in 16 bits, no mask yet"] = (r => Header(r, 0x82, 16, 125)[..4], Rule.LengthMustBeMinimal, 1002),
        // V01
        ["2^63"] = (r => Header(r, 0x82, 64, 1UL << 63), Rule.LengthMustBeBelow2To63, 1002),
        ["2^64 - 1"] = (r => Header(r, 0x82, 64, ulong.MaxValue), Rule.LengthMustBeBelow2To63, 1002),
        ["2^64 - 1, no mask yet"] = (r => Header(r, 0x82, 64, ulong.MaxValue)[..10], Rule.LengthMustBeBelow2To63, 1002),
        ["2^63 - 1"] = (r => Header(r, 0x82, 64, long.MaxValue), Rule.MessageMustFitLimit, 1009),
        ["above the limit by one"] = (r => Header(r, 0x82, 16, MaxMessage + 1), Rule.MessageMustFitLimit, 1009),
        ["above the limit, no mask yet"] = (r => Header(r, 0x81, 16, MaxMessage + 1)[..4], Rule.MessageMustFitLimit, 1009),
        // V03: what has come and what is declared, before any of it is taken
        ["above the limit with the second fragment"] = (
            r => [.. Raw(r, 0x02, new byte[MaxMessage]), .. Header(r, 0x80, 7, 1)], Rule.MessageMustFitLimit, 1009),
        ["above the limit with the third fragment"] = (
            r => [.. Raw(r, 0x02, new byte[500]), .. Raw(r, 0x00, new byte[400]), .. Header(r, 0x00, 7, 101)],
            Rule.MessageMustFitLimit, 1009),
        ["too many fragments"] = (
            r => [.. Raw(r, 0x02, []), .. Enumerable.Range(0, MaxFragments).SelectMany(_ => Raw(r, 0x00, []))],
            Rule.FragmentsMustFitLimit, 1008),
        ["too many fragments, the last one final"] = (
            r => [.. Raw(r, 0x01, []), .. Enumerable.Range(1, MaxFragments - 1).SelectMany(_ => Raw(r, 0x00, "y"u8)), .. Header(r, 0x80, 7, 1)],
            Rule.FragmentsMustFitLimit, 1008),
        ["continuation of nothing"] = (r => Raw(r, 0x80, "x"u8), Rule.ContinuationMustFollowFragment, 1002),
        ["continuation after a whole message"] = (
            r => [.. Raw(r, 0x01, "a"u8), .. Raw(r, 0x89, []), .. Raw(r, 0x80, "b"u8), .. Raw(r, 0x80, "c"u8)],
            Rule.ContinuationMustFollowFragment, 1002),
        ["text inside a fragmented message"] = (
            r => [.. Raw(r, 0x01, "a"u8), .. Raw(r, 0x81, "b"u8)], Rule.FragmentsMustNotInterleave, 1002),
        ["binary inside a fragmented text"] = (
            r => [.. Raw(r, 0x01, "a"u8), .. Raw(r, 0x02, "b"u8)], Rule.FragmentsMustNotInterleave, 1002),
        // V06
        ["text that is not UTF-8"] = (r => Raw(r, 0x81, [0xFF]), Rule.TextMustBeUtf8, 1007),
        ["text that stops inside a character"] = (r => Raw(r, 0x81, [0x61, 0xC3]), Rule.TextMustBeUtf8, 1007),
        ["text with a surrogate over two fragments"] = (
            r => [.. Raw(r, 0x01, [0xED]), .. Raw(r, 0x00, [0xA0])], Rule.TextMustBeUtf8, 1007),
        ["wrong byte in a text of which more is to come"] = (
            r => [.. Header(r, 0x81, 16, 500), .. Raw(r, 0x81, [0x61, 0x62, 0xC0])[^3..]], Rule.TextMustBeUtf8, 1007),
        // V11
        ["close of one byte"] = (r => Raw(r, 0x88, [3]), Rule.ClosePayloadMustHoldCode, 1002),
        ["close 1005"] = (r => Raw(r, 0x88, [0x03, 0xED]), Rule.CloseCodeMustBeValid, 1002),
        ["close 1006"] = (r => Raw(r, 0x88, [0x03, 0xEE]), Rule.CloseCodeMustBeValid, 1002),
        ["close 0"] = (r => Raw(r, 0x88, [0, 0]), Rule.CloseCodeMustBeValid, 1002),
        ["close with a reason that is not UTF-8"] = (
            r => Raw(r, 0x88, [0x03, 0xE8, 0xF8, 0x88]), Rule.CloseReasonMustBeUtf8, 1007),
        ["close with a reason that stops inside a character"] = (
            r => Raw(r, 0x88, [0x03, 0xE8, 0x61, 0xE2, 0x82]), Rule.CloseReasonMustBeUtf8, 1007),
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Fault_ends_with_its_code_on_the_wire_and_its_rule_for_the_application(string name, Role role, Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role, Limit);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        byte[] fault = Table[name].Bytes(role);
        await peer.SendAsync([.. Wire.Frame(role, Opcode.Text, "before"u8), .. fault]);
        ReceivedFrame close = await ReadCloseAsync(peer);
        await peer.SendAsync(Wire.Frame(role, Opcode.Text, "after"u8));
        await AssertEndAsync(peer, name, close, reading);
    }

    [Theory]
    [MemberData(nameof(FaultsInMemory))]
    public async Task Fault_split_at_every_point_ends_the_same(string name, Role role)
    {
        byte[] fault = Table[name].Bytes(role);
        for (int split = 0; split <= Math.Min(fault.Length, 60); split++)
        {
            await using RawPeer peer = RawPeer.Open(role, Limit);
            Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
            await peer.SendAsync([.. Wire.Frame(role, Opcode.Text, "before"u8), .. fault[..split]]);
            if (split % 2 == 0)
                await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting || !peer.Connection.IsOpen);
            await peer.SendAsync([.. fault[split..], .. Wire.Frame(role, Opcode.Text, "after"u8)]);
            await AssertEndAsync(peer, name, await ReadCloseAsync(peer), reading);
        }
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task R7_Limits_are_inclusive(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role, Limit);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        byte[] whole = EventLog.Payload(MaxMessage);
        await peer.SendAsync(Wire.Frame(role, Opcode.Binary, whole));
        for (int i = 0; i < MaxFragments; i++)
        {
            await peer.SendAsync(Wire.Frame(
                role, i == 0 ? Opcode.Binary : Opcode.Continuation, whole.AsSpan(i * 100, 100), isFinal: i == MaxFragments - 1));
        }

        await peer.SendAsync(Wire.Frame(role, Opcode.Close, []));
        await peer.ReadFrameAsync();
        await peer.Transport.ShutdownAsync();
        string expected = EventLog.Describe("Binary", whole);
        Assert.Equal([expected, expected], await reading.Soon());
    }

    [Fact]
    public async Task R7_Limits_off_with_zero()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { MaxMessageSize = 0, MaxFragments = 0 });
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        byte[] whole = EventLog.Payload(17 * 1024 * 1024);
        await peer.SendAsync(peer.Frame(Opcode.Binary, whole), peer.Frame(Opcode.Binary, [], isFinal: false));
        byte[] fragments = [.. Enumerable.Range(0, 1000).SelectMany(_ => peer.Frame(Opcode.Continuation, [], isFinal: false))];
        for (int i = 0; i < 140; i++)
            await peer.SendAsync(fragments);
        await peer.SendAsync(peer.Frame(Opcode.Continuation, "z"u8), peer.CloseFrame());
        await peer.ReadFrameAsync();
        await peer.Transport.ShutdownAsync();
        Assert.Equal([EventLog.Describe("Binary", whole), "Binary z"], await reading.Soon());
    }

    [Fact]
    public async Task R7_Default_limits_are_16_MiB_and_131_072_fragments()
    {
        await using RawPeer peer = RawPeer.Open();
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        await peer.SendAsync(Wire.Header(0x82, 64, (16 * 1024 * 1024) + 1, isMasked: true));
        Assert.Equal(1009, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        Assert.Equal(["Threw 1009"], await reading.Soon());

        await using RawPeer other = RawPeer.Open();
        byte[] fragments = [.. Enumerable.Range(0, 1024).SelectMany(_ => other.Frame(Opcode.Continuation, [], isFinal: false))];
        reading = EventLog.ReadMessagesAsync(other.Connection);
        await other.SendAsync(other.Frame(Opcode.Binary, [], isFinal: false));
        for (int i = 0; i < 128; i++)
            await other.SendAsync(fragments);
        Assert.Equal(1008, (await other.ReadFrameAsync())!.CloseCode);
        await other.Transport.ShutdownAsync();
        Assert.Equal(["Threw 1008"], await reading.Soon());
    }

    // V11
    [Fact]
    public async Task Close_codes_from_0_to_65535_are_valid_or_answered_with_1002()
    {
        for (int code = 0; code <= 65_535; code++)
        {
            // Every code at the edges, and some of the rest.
            if (code is > 1020 and < 2990 or > 3010 and < 4990 or > 5010 and < 65_530 && code % 997 != 0)
                continue;
            bool isValid = code is >= 1000 and <= 1003 or >= 1007 and <= 1014 or >= 3000 and <= 4999;
            byte[] payload = new byte[2];
            BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
            await using RawPeer peer = RawPeer.Open();
            Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
            await peer.SendAsync(peer.Frame(Opcode.Close, payload));
            Assert.Equal(isValid ? code : 1002, (await peer.ReadFrameAsync())!.CloseCode);
            await peer.Transport.ShutdownAsync();
            Assert.Equal([isValid ? $"Close {code} " : "Close 1002 invalid close code"], await reading.Soon());
            CloseResult result = await peer.Connection.Closed;
            Assert.Equal((isValid, isValid ? null : Violation.Of(Rule.CloseCodeMustBeValid)), (result.IsClean, result.Violation));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { 0xC0, 0xAF })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })]
    [InlineData(new byte[] { 0xE2, 0x28, 0xA1 })]
    [InlineData(new byte[] { 0x80 })]
    public async Task Wrong_UTF8_at_every_position_and_split_is_1007_as_soon_as_it_has_come(byte[] wrong)
    {
        byte[] good = Encoding.UTF8.GetBytes("aé€𝄞b");
        for (int position = 0; position <= good.Length; position++)
        {
            byte[] text = [.. good[..position], .. wrong, .. good[position..], .. new byte[100]];
            int firstWrong = FirstWrong(text);
            for (int split = 0; split < firstWrong; split++)
            {
                await using RawPeer peer = RawPeer.Open();
                byte[] frame = peer.Frame(Opcode.Text, text);
                await peer.SendAsync(frame[..(6 + split)], frame[(6 + split)..(6 + firstWrong)]); // the rest never comes
                Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
                Assert.Equal(1007, (await peer.ReadFrameAsync())!.CloseCode);
                await peer.Transport.ShutdownAsync();
                Assert.Equal(["Close 1007 text is not valid UTF-8"], await reading.Soon());
            }
        }

        // How many bytes it takes until no continuation can make the text valid.
        static int FirstWrong(byte[] text)
        {
            Utf8Validator validator = default;
            int length = 0;
            while (validator.Append(text.AsSpan(length, 1)))
                length++;
            return length + 1;
        }
    }

    [Fact]
    public async Task SkipUtf8Validation_takes_what_comes()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { SkipUtf8Validation = true });
        await peer.SendAsync(
            peer.Frame(Opcode.Text, [0xFF]),
            peer.Frame(Opcode.Text, [0x61, 0xC3], isFinal: false),
            peer.Frame(Opcode.Continuation, [0x28]),
            peer.Frame(Opcode.Close, [0x03, 0xE8, 0xFF]));
        await peer.Transport.ShutdownAsync();
        Assert.Equal(
            ["Text \u00FF", "Text a\u00C3(", "Close 1000 \uFFFD"], await EventLog.ReadEventsAsync(peer.Connection).Soon());
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Header_that_stops_at_any_point_is_1006(Role role)
    {
        byte[] frame = Wire.Frame(role, Opcode.Binary, EventLog.Payload(70_000));
        for (int cut = 1; cut < 20; cut++)
        {
            await using RawPeer peer = RawPeer.Open(role);
            Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
            await peer.SendAsync(Wire.Frame(role, Opcode.Text, "before"u8), frame[..cut]);
            await peer.Transport.ShutdownAsync();
            Assert.Equal(["Text before", "Threw 1006"], await reading.Soon());
            Assert.Empty(await peer.ReadToEndAsync());
            Assert.Equal(CloseCause.TransportEnded, (await peer.Connection.Closed).Cause);
        }
    }

    // V43
    [Fact]
    public async Task Random_bytes_end_with_a_close_or_an_end_and_leak_nothing()
    {
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            Role role = seed % 2 == 0 ? Role.Server : Role.Client;
            await using RawPeer peer = RawPeer.Open(role, Limit);
            Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
            byte[] noise = new byte[random.Next(1, 300)];
            random.NextBytes(noise);
            // Half of it begins well.
            if (seed % 4 < 2)
                noise = [.. Wire.Frame(role, Opcode.Text, "well"u8), .. noise];
            int cut = random.Next(noise.Length);
            await peer.SendAsync(noise[..cut], noise[cut..]);
            await peer.Transport.ShutdownAsync();
            List<string> events = await reading.Soon();
            Assert.StartsWith("Close ", events[^1], StringComparison.Ordinal);
            List<ReceivedFrame> sent = await peer.ReadToEndAsync();
            Assert.All(sent.SkipLast(1), frame => Assert.Equal(Opcode.Pong, frame.Opcode));
        }
    }

    private static WebSocketConnectionOptions Limit(WebSocketConnectionOptions options) =>
        options with { MaxMessageSize = MaxMessage, MaxFragments = MaxFragments };

    private static byte[] Raw(Role receiver, byte first, ReadOnlySpan<byte> payload) =>
        Wire.Raw(first, payload, receiver == Role.Server);

    private static byte[] Header(Role receiver, byte first, int form, ulong length) =>
        Wire.Header(first, form, length, receiver == Role.Server);

    private static async Task<ReceivedFrame> ReadCloseAsync(RawPeer peer)
    {
        ReceivedFrame frame;
        do
            frame = (await peer.ReadFrameAsync())!;
        while (frame.Opcode == Opcode.Pong);
        return frame;
    }

    private static async Task AssertEndAsync(RawPeer peer, string name, ReceivedFrame close, Task<List<string>> reading)
    {
        (_, Rule? rule, int code) = Table[name];
        var violation = Violation.Of(rule
            ?? (peer.Connection.Role == Role.Server ? Rule.ClientFrameMustBeMasked : Rule.ServerFrameMustNotBeMasked));
        Assert.Equal((Opcode.Close, code, violation.Message), (close.Opcode, close.CloseCode, close.CloseReason));
        Assert.Null(await peer.ReadFrameAsync());
        await peer.Transport.ShutdownAsync();
        List<string> seen = await reading.Soon();
        Assert.Equal(("Text before", $"Threw {code}"), (seen[0], seen[^1]));
        Assert.DoesNotContain("Text after", seen);
        Assert.Equal(
            new CloseResult
            {
                Cause = CloseCause.Violation,
                Violation = violation,
                Initiator = CloseInitiator.Local,
                SentCode = (CloseCode)code,
                SentReason = violation.Message,
            },
            await peer.Connection.Closed);
    }
}
