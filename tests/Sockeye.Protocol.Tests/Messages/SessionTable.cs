using System.Text;
using static Sockeye.Protocol.Tests.Framing.Wire;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Sessions with what must come of them, for either role, however they are cut.</summary>
internal static class SessionTable
{
    private const byte Cont = 0x00, ContEnd = 0x80, Text = 0x01, TextEnd = 0x81, Binary = 0x02, BinaryEnd = 0x82;
    private const byte Close = 0x88, Ping = 0x89, Pong = 0x8A;

    /// <summary>Stands for the rule about masks of the role that receives.</summary>
    public static readonly Seen WrongMask = new(ReceivedEventKind.Violation, "mask");

    private static readonly byte[] Normal = [0x03, 0xE8];
    private static readonly byte[] Kosme = Utf8Samples.Bytes(Utf8Samples.Kosme);

    public static readonly IReadOnlyList<Session> All =
    [
        .. Whole(), .. Fragmented(), .. Controls(), .. TextInPieces(), .. Closing(), .. BrokenFrames(), .. BrokenSequences(),
        .. Unfinished(), .. Limited(),
    ];

    /// <summary>The samples of UTF-8, each in one frame, behind other text, and in two fragments with a ping between.</summary>
    public static readonly IReadOnlyList<Session> Utf8 =
    [
        .. Utf8Samples.Valid.SelectMany(hex => TextSessions(Utf8Samples.Bytes(hex), isValid: true)),
        .. Utf8Samples.Invalid.SelectMany(hex => TextSessions(Utf8Samples.Bytes(hex), isValid: false)),
    ];

    /// <summary>Sessions that are too long to be cut everywhere.</summary>
    public static readonly IReadOnlyList<Session> Long = [.. Large()];

    public static byte[] Bytes(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 41))];

    private static IEnumerable<Session> Whole()
    {
        yield return new("nothing");
        yield return new Session("text").Frame(TextEnd, "Hello").Gives(Seen.Text("Hello"));
        yield return new Session("text, empty").Frame(TextEnd).Gives(Seen.Text(""));
        yield return new Session("binary").Frame(BinaryEnd, Bytes(7)).Gives(Seen.Binary(Bytes(7)));
        yield return new Session("binary, empty").Frame(BinaryEnd).Gives(Seen.Binary([]));
        yield return new Session("binary that is no text").Frame(BinaryEnd, [0xFF, 0xC0, 0x80]).Gives(Seen.Binary([0xFF, 0xC0, 0x80]));
        foreach (int length in (int[])[124, 125, 126, 127, 128, 255, 256, 257])
            yield return new Session($"binary of {length}").Frame(BinaryEnd, Bytes(length)).Gives(Seen.Binary(Bytes(length)));
        yield return new Session("many messages").Frame(TextEnd, "a").Frame(BinaryEnd, Bytes(2)).Frame(TextEnd).Frame(TextEnd, "b").Frame(BinaryEnd)
            .Gives(Seen.Text("a"), Seen.Binary(Bytes(2)), Seen.Text(""), Seen.Text("b"), Seen.Binary([]));
        yield return new Session("16-bit lengths in a row").Frame(BinaryEnd, Bytes(126)).Frame(TextEnd, new string('x', 130)).Frame(TextEnd, "y")
            .Gives(Seen.Binary(Bytes(126)), Seen.Text(new string('x', 130)), Seen.Text("y"));
    }

    private static IEnumerable<Session> Fragmented()
    {
        yield return new Session("two fragments").Frame(Text, "fragment1").Frame(ContEnd, "fragment2").Gives(Seen.Text("fragment1fragment2"));
        yield return new Session("two binary fragments").Frame(Binary, Bytes(5)).Frame(ContEnd, Bytes(3)).Gives(Seen.Binary([.. Bytes(5), .. Bytes(3)]));
        yield return new Session("one-byte fragments").Frame(Text, "a").Frame(Cont, "b").Frame(Cont, "c").Frame(ContEnd, "d").Gives(Seen.Text("abcd"));
        yield return new Session("empty fragments").Frame(Text).Frame(Cont).Frame(ContEnd).Gives(Seen.Text(""));
        yield return new Session("empty around a middle").Frame(Text).Frame(Cont, "middle").Frame(ContEnd).Gives(Seen.Text("middle"));
        yield return new Session("all in the last").Frame(Binary, []).Frame(Cont, []).Frame(ContEnd, Bytes(9)).Gives(Seen.Binary(Bytes(9)));
        yield return new Session("all in the first").Frame(Binary, Bytes(9)).Frame(Cont, []).Frame(ContEnd, []).Gives(Seen.Binary(Bytes(9)));
        yield return new Session("two fragmented messages").Frame(Text, "a").Frame(ContEnd, "b").Frame(Binary, Bytes(1)).Frame(ContEnd, Bytes(2))
            .Gives(Seen.Text("ab"), Seen.Binary([.. Bytes(1), .. Bytes(2)]));
        yield return new Session("whole after fragmented").Frame(Text, "a").Frame(ContEnd).Frame(TextEnd, "b").Frame(BinaryEnd, [1])
            .Gives(Seen.Text("a"), Seen.Text("b"), Seen.Binary([1]));
        yield return new Session("fragments of growing length").Frame(Binary, Bytes(100)).Frame(Cont, Bytes(200)).Frame(ContEnd, Bytes(300))
            .Gives(Seen.Binary([.. Bytes(100), .. Bytes(200), .. Bytes(300)]));
    }

    // V07; and in each place of a message: ControlInMessageTests.
    private static IEnumerable<Session> Controls()
    {
        yield return new Session("ping, empty").Frame(Ping).Gives(Seen.Ping([]));
        yield return new Session("ping").Frame(Ping, "Hello, world!").Gives(Seen.Ping("Hello, world!"u8));
        yield return new Session("ping of 125").Frame(Ping, Bytes(125)).Gives(Seen.Ping(Bytes(125)));
        yield return new Session("ping of no text").Frame(Ping, [0x00, 0xFF, 0xFE]).Gives(Seen.Ping([0x00, 0xFF, 0xFE]));
        yield return new Session("pongs").Frame(Pong).Frame(Pong, "unsolicited").Frame(Ping, "p").Gives(Seen.Pong([]), Seen.Pong("unsolicited"u8), Seen.Ping("p"u8));
        yield return new Session("ten pings").Gives([.. Enumerable.Range(0, 10).Select(i => Seen.Ping([(byte)i]))]).Repeat(10, (s, i) => s.Frame(Ping, [(byte)i]));
        yield return new Session("ping between fragments").Frame(Text, "frag").Frame(Ping, "p").Frame(ContEnd, "ment").Gives(Seen.Ping("p"u8), Seen.Text("fragment"));
        yield return new Session("empty ping between empty fragments").Frame(Text).Frame(Ping).Frame(ContEnd).Gives(Seen.Ping([]), Seen.Text(""));
        yield return new Session("pings and pongs between fragments")
            .Frame(Ping, "1").Frame(Text, "a").Frame(Pong, "2").Frame(Ping, "3").Frame(Cont, "b").Frame(Ping).Frame(Cont).Frame(Pong, "4").Frame(ContEnd, "c").Frame(Ping, "5")
            .Gives(Seen.Ping("1"u8), Seen.Pong("2"u8), Seen.Ping("3"u8), Seen.Ping([]), Seen.Pong("4"u8), Seen.Text("abc"), Seen.Ping("5"u8));
        yield return new Session("ping inside a code point").Frame(Text, [0xE2]).Frame(Ping, [0x82]).Frame(Cont, [0x82]).Frame(Pong, [0xFF]).Frame(ContEnd, [0xAC])
            .Gives(Seen.Ping([0x82]), Seen.Pong([0xFF]), Seen.Text("€"));
    }

    // V06
    private static IEnumerable<Session> TextInPieces()
    {
        yield return Pieces(new("every byte its own fragment"), [.. Kosme.Select(b => (byte[])[b])]).Gives(Seen.Text(Kosme));
        yield return Pieces(new("on the edges of code points"), [Kosme[..2], Kosme[2..5], Kosme[5..7], Kosme[7..9], Kosme[9..]]).Gives(Seen.Text(Kosme));
        yield return Pieces(new("empty fragments inside a code point"), [[0xF0], [], [0xA4], [], [], [0xAD, 0xA2], []]).Gives(Seen.Text("𤭢"));
        yield return Pieces(new("wrong in the second fragment"), [Kosme, [0xF4, 0x90], [0x80, 0x80, 0x41]]).Gives(Seen.Broken(Rule.TextMustBeUtf8));
        yield return Pieces(new("broken off at the end"), [[0x41], [0xE2, 0x82]]).Gives(Seen.Broken(Rule.TextMustBeUtf8));
        yield return Pieces(new("broken off before an empty end"), [[0xE2, 0x82], []]).Gives(Seen.Broken(Rule.TextMustBeUtf8));
        yield return new Session("a broken end is not carried into the next message").Frame(BinaryEnd, [0xE2, 0x82]).Frame(TextEnd, "ok").Frame(TextEnd, [0xAC])
            .Gives(Seen.Binary([0xE2, 0x82]), Seen.Text("ok"), Seen.Broken(Rule.TextMustBeUtf8));
        yield return new Session("wrong text before a ping").Frame(Text, [0x41, 0xFF]).Frame(Ping, "p").Frame(ContEnd).Gives(Seen.Broken(Rule.TextMustBeUtf8));
        yield return new Session("ping before wrong text").Frame(Text, [0xC3]).Frame(Ping, "p").Frame(ContEnd, [0x28]).Gives(Seen.Ping("p"u8), Seen.Broken(Rule.TextMustBeUtf8));
        yield return new Session("unchecked text") { Limits = new() { SkipUtf8Validation = true } }
            .Frame(TextEnd, [0xFF]).Frame(Text, [0xC3]).Frame(ContEnd, [0x28]).Frame(Close, [.. Normal, 0xFF])
            .Gives(Seen.Text([0xFF]), Seen.Text([0xC3, 0x28]), Seen.Close([.. Normal, 0xFF]));
    }

    private static IEnumerable<Session> Closing()
    {
        yield return new Session("close, empty").Frame(Close).Gives(Seen.Close([]));
        yield return new Session("close 1000").Frame(Close, Normal).Gives(Seen.Close(Normal));
        yield return new Session("close with a reason").Frame(Close, [.. Normal, .. "bye €"u8]).Gives(Seen.Close([.. Normal, .. "bye €"u8]));
        yield return new Session("close of 125").Frame(Close, [.. Normal, .. new byte[123]]).Gives(Seen.Close([.. Normal, .. new byte[123]]));
        // V10
        yield return new Session("second close").Frame(Close, Normal).Frame(Close, Normal).Gives(Seen.Close(Normal));
        yield return new Session("ping after close").Frame(Close, Normal).Frame(Ping, "p").Gives(Seen.Close(Normal));
        yield return new Session("text after close").Frame(TextEnd, "a").Frame(Close).Frame(TextEnd, "b").Gives(Seen.Text("a"), Seen.Close([]));
        yield return new Session("garbage after close").Frame(Close, Normal).Frame(0xFF, "garbage").Gives(Seen.Close(Normal));
        yield return new Session("close between fragments").Frame(Text, "frag1").Frame(Close, Normal).Frame(ContEnd, "frag2").Gives(Seen.Close(Normal));
        yield return new Session("close of one byte").Frame(Close, "a").Frame(TextEnd, "b").Gives(Seen.Broken(Rule.ClosePayloadMustHoldCode));
        yield return new Session("close of 126").Frame(Close, [.. Normal, .. new byte[124]]).Gives(Seen.Broken(Rule.ControlFrameMustBeShort));
        yield return new Session("close with a broken reason").Frame(Close, [.. Normal, .. Kosme, 0xED, 0xA0, 0x80]).Gives(Seen.Broken(Rule.CloseReasonMustBeUtf8));
        yield return new Session("close with half a code point").Frame(Text, "a").Frame(Close, [.. Normal, 0xE2, 0x82]).Gives(Seen.Broken(Rule.CloseReasonMustBeUtf8));
        foreach (int code in (int[])[1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999])
            yield return new Session($"close {code}").Frame(Close, [(byte)(code >> 8), (byte)code]).Gives(Seen.Close([(byte)(code >> 8), (byte)code]));
        foreach (int code in (int[])[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
            yield return new Session($"close {code}").Frame(Close, [(byte)(code >> 8), (byte)code]).Gives(Seen.Broken(Rule.CloseCodeMustBeValid));
    }

    private static IEnumerable<Session> BrokenFrames()
    {
        foreach ((byte first, Rule rule) in ((byte, Rule)[])
            [(0x91, Rule.ReservedBitsMustBeClear), (0xA2, Rule.ReservedBitsMustBeClear), (0xF9, Rule.ReservedBitsMustBeClear),
             (0xC1, Rule.Rsv1MustBeClear), (0x42, Rule.Rsv1MustBeClear), (0xC9, Rule.Rsv1MustBeClear), (0xC0, Rule.Rsv1MustBeClear),
             (0x83, Rule.OpcodeMustBeKnown), (0x07, Rule.OpcodeMustBeKnown), (0x8B, Rule.OpcodeMustBeKnown), (0x0F, Rule.OpcodeMustBeKnown),
             (0x09, Rule.ControlFrameMustNotBeFragmented), (0x0A, Rule.ControlFrameMustNotBeFragmented), (0x08, Rule.ControlFrameMustNotBeFragmented)])
        {
            yield return new Session($"{first:x2} first").Frame(first, "ab").Frame(TextEnd, "c").Gives(Seen.Broken(rule));
            yield return new Session($"{first:x2}, empty, after a message").Frame(TextEnd, "a").Frame(first).Frame(Ping).Gives(Seen.Text("a"), Seen.Broken(rule));
            yield return new Session($"{first:x2} between fragments").Frame(Text, "a").Frame(first, "b").Frame(ContEnd).Gives(Seen.Broken(rule));
        }

        foreach (byte first in (byte[])[TextEnd, Binary, Close, Ping])
        {
            // The rule depends on the role: Replay looks at it.
            yield return new Session($"{first:x2} wrongly masked").Frame(TextEnd, "a").WronglyMasked(first, "bc").Frame(TextEnd, "d").Gives(Seen.Text("a"), WrongMask);
        }

        yield return new Session("wrongly masked inside a message").Frame(Text, "a").WronglyMasked(ContEnd, "b").Gives(WrongMask);
        yield return new Session("16-bit length of 125").Frame(BinaryEnd, Bytes(125), LengthForm.Bits16).Gives(Seen.Broken(Rule.LengthMustBeMinimal));
        yield return new Session("16-bit length of 0").Frame(TextEnd, "a").Frame(TextEnd, "", LengthForm.Bits16).Gives(Seen.Text("a"), Seen.Broken(Rule.LengthMustBeMinimal));
        yield return new Session("64-bit length of 3").Frame(Text, "abc", LengthForm.Bits64).Gives(Seen.Broken(Rule.LengthMustBeMinimal));
        yield return new Session("64-bit length of 65,535").Declaring(BinaryEnd, 65_535, "abc", LengthForm.Bits64).Gives(Seen.Broken(Rule.LengthMustBeMinimal));
        yield return new Session("16-bit length of a ping").Frame(Ping, "abc", LengthForm.Bits16).Gives(Seen.Broken(Rule.ControlFrameMustBeShort));
        yield return new Session("64-bit length of a close").Frame(Close, "", LengthForm.Bits64).Gives(Seen.Broken(Rule.ControlFrameMustBeShort));
        yield return new Session("ping of 126").Frame(Text, "a").Frame(Ping, Bytes(126)).Gives(Seen.Broken(Rule.ControlFrameMustBeShort));
        // V01
        foreach (ulong length in EdgeLengths.Where(length => length >= 1UL << 63))
        {
            yield return new Session($"length {length}").Declaring(BinaryEnd, length, "abc").Gives(Seen.Broken(Rule.LengthMustBeBelow2To63));
            yield return new Session($"length {length} behind a fragment and a ping").Frame(Binary, "ab").Frame(Ping).Declaring(Cont, length, "abc")
                .Gives(Seen.Ping([]), Seen.Broken(Rule.LengthMustBeBelow2To63));
        }
    }

    private static IEnumerable<Session> BrokenSequences()
    {
        yield return new Session("continuation first").Frame(ContEnd, "a").Frame(TextEnd, "b").Gives(Seen.Broken(Rule.ContinuationMustFollowFragment));
        yield return new Session("open continuation first").Frame(Cont, "a").Gives(Seen.Broken(Rule.ContinuationMustFollowFragment));
        yield return new Session("continuation after a whole message").Frame(Text, "a").Frame(ContEnd, "b").Frame(ContEnd, "c").Gives(Seen.Text("ab"), Seen.Broken(Rule.ContinuationMustFollowFragment));
        yield return new Session("continuation after a ping").Frame(Ping).Frame(Cont).Gives(Seen.Ping([]), Seen.Broken(Rule.ContinuationMustFollowFragment));
        yield return new Session("text inside text").Frame(Text, "a").Frame(TextEnd, "b").Gives(Seen.Broken(Rule.FragmentsMustNotInterleave));
        yield return new Session("binary inside an empty text").Frame(Text).Frame(Binary, "b").Gives(Seen.Broken(Rule.FragmentsMustNotInterleave));
        yield return new Session("text behind a ping inside binary").Frame(Binary, "a").Frame(Ping).Frame(TextEnd).Gives(Seen.Ping([]), Seen.Broken(Rule.FragmentsMustNotInterleave));

        // Two rules at once: the one that shows first is told, however the bytes come.
        yield return new Session("continuation first, its length not minimal").Frame(Cont, "a", LengthForm.Bits16).Gives(Seen.Broken(Rule.ContinuationMustFollowFragment));
        yield return new Session("continuation first, its length too big").Declaring(Cont, ulong.MaxValue).Gives(Seen.Broken(Rule.ContinuationMustFollowFragment));
        yield return new Session("text inside text, its length not minimal").Frame(Text, "a").Frame(Text, "a", LengthForm.Bits64).Gives(Seen.Broken(Rule.FragmentsMustNotInterleave));
    }

    private static IEnumerable<Session> Unfinished()
    {
        foreach (int cut in (int[])[1, 2, 3, 5])
        {
            yield return new Session($"a message, then {cut} bytes of the next").Frame(TextEnd, "a").Frame(BinaryEnd, Bytes(200)).CutLastFrameTo(cut).Gives(Seen.Text("a"));
            yield return new Session($"{cut} bytes of a ping inside a message").Frame(Text, "a").Frame(Ping, Bytes(100)).CutLastFrameTo(cut);
        }

        yield return new Session("half a binary").Frame(BinaryEnd, Bytes(100)).CutLastFrameTo(60);
        yield return new Session("half a code point").Frame(TextEnd, "€€").CutLastFrameTo(7);
        yield return new Session("a wrong byte in a text that never ends").Declaring(TextEnd, 1000, "ab\uFFFF").Frame(TextEnd, [0x41, 0xC0]).Gives(Seen.Broken(Rule.TextMustBeUtf8));
        yield return new Session("the mask key and no payload").Declaring(BinaryEnd, 5);
    }

    private static IEnumerable<Session> Limited()
    {
        ProtocolLimits ten = new() { MaxMessageSize = 10 };
        yield return new Session("10 of 10") { Limits = ten }.Frame(BinaryEnd, Bytes(10)).Frame(TextEnd, "0123456789").Gives(Seen.Binary(Bytes(10)), Seen.Text("0123456789"));
        yield return new Session("11 of 10") { Limits = ten }.Frame(BinaryEnd, Bytes(11)).Gives(Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("10 of 10 in fragments") { Limits = ten }.Frame(Binary, Bytes(4)).Frame(Cont, Bytes(6)).Frame(Cont, []).Frame(ContEnd, [])
            .Gives(Seen.Binary([.. Bytes(4), .. Bytes(6)]));
        yield return new Session("11 of 10 in fragments") { Limits = ten }.Frame(Binary, Bytes(4)).Frame(Cont, Bytes(6)).Frame(Ping).Frame(ContEnd, [1])
            .Gives(Seen.Ping([]), Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("11 of 10 behind a smaller message") { Limits = ten }.Frame(Text, "abc").Frame(ContEnd, "d").Frame(TextEnd, "0123456789").Frame(TextEnd, "0123456789a")
            .Gives(Seen.Text("abcd"), Seen.Text("0123456789"), Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("a ping is no message") { Limits = ten }.Frame(Text, "0123456789").Frame(Ping, Bytes(125)).Frame(ContEnd).Gives(Seen.Ping(Bytes(125)), Seen.Text("0123456789"));
        yield return new Session("text too long and wrong") { Limits = ten }.Frame(TextEnd, [.. Bytes(10), 0xFF]).Gives(Seen.Broken(Rule.MessageMustFitLimit));
        foreach (ulong length in EdgeLengths.Where(length => length is > 10 and < 1UL << 63))
        {
            yield return new Session($"{length} of 10") { Limits = ten }.Declaring(BinaryEnd, length, "abc").Gives(Seen.Broken(Rule.MessageMustFitLimit));
            yield return new Session($"{length} of 10 behind a byte") { Limits = ten }.Frame(Text, "a").Declaring(Cont, length, "abc").Gives(Seen.Broken(Rule.MessageMustFitLimit));
        }

        ulong most = (ulong)Array.MaxLength;
        yield return new Session("16 MiB and a byte by default").Declaring(BinaryEnd, 16_777_217).Gives(Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("16 MiB by default").Declaring(BinaryEnd, 16_777_216, "abc");
        yield return new Session("unlimited takes an array") { Limits = new() { MaxMessageSize = 0 } }.Declaring(BinaryEnd, most, "abc");
        yield return new Session("unlimited takes no more") { Limits = new() { MaxMessageSize = 0 } }.Declaring(BinaryEnd, most + 1, "abc").Gives(Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("unlimited takes no more over all fragments") { Limits = new() { MaxMessageSize = long.MaxValue } }.Frame(Binary, "a").Declaring(ContEnd, most)
            .Gives(Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("unlimited, 2^63-1 behind a byte") { Limits = new() { MaxMessageSize = 0 } }.Frame(Binary, "a").Declaring(ContEnd, long.MaxValue)
            .Gives(Seen.Broken(Rule.MessageMustFitLimit));

        ProtocolLimits three = new() { MaxFragments = 3 };
        yield return new Session("3 of 3 fragments") { Limits = three }.Frame(Text, "a").Frame(Cont).Frame(Ping).Frame(ContEnd).Frame(Text).Frame(Cont).Frame(ContEnd)
            .Gives(Seen.Ping([]), Seen.Text("a"), Seen.Text(""));
        yield return new Session("4 of 3 fragments, all empty") { Limits = three }.Frame(Text).Frame(Cont).Frame(Cont).Frame(ContEnd).Gives(Seen.Broken(Rule.FragmentsMustFitLimit));
        yield return new Session("4 of 3 fragments") { Limits = three }.Frame(Binary, "a").Frame(Cont, "b").Frame(Cont, "c").Frame(Cont, "d").Gives(Seen.Broken(Rule.FragmentsMustFitLimit));
        yield return new Session("1 of 1 fragments") { Limits = new() { MaxFragments = 1 } }.Frame(TextEnd, "a").Frame(Text, "b").Frame(Ping, "p").Frame(ContEnd)
            .Gives(Seen.Text("a"), Seen.Ping("p"u8), Seen.Broken(Rule.FragmentsMustFitLimit));
        yield return new Session("too many fragments and too big") { Limits = new() { MaxFragments = 1, MaxMessageSize = 1 } }.Frame(Text, "b").Frame(Cont, "c")
            .Gives(Seen.Broken(Rule.MessageMustFitLimit));
        yield return new Session("unlimited fragments") { Limits = new() { MaxFragments = 0 } }.Frame(Text).Frame(Cont).Frame(Cont).Frame(Cont).Frame(ContEnd, "x").Gives(Seen.Text("x"));
    }

    private static IEnumerable<Session> Large()
    {
        foreach (int length in (int[])[65_534, 65_535, 65_536, 65_537, 1 << 20])
            yield return new Session($"binary of {length}").Frame(BinaryEnd, Bytes(length)).Frame(TextEnd, "end").Gives(Seen.Binary(Bytes(length)), Seen.Text("end"));
        string text = string.Concat(Enumerable.Repeat("aß€𤭢", (1 << 20) / 10));
        yield return new Session("text of 1 MiB").Frame(TextEnd, text).Frame(Ping, "p").Gives(Seen.Text(text), Seen.Ping("p"u8));
        byte[] bytes = Encoding.UTF8.GetBytes(text[..(text.Length / 8)]);
        yield return Pieces(new("text of 128 KiB in fragments of 1,300"), [.. bytes.Chunk(1300)]).Gives(Seen.Text(bytes));
        yield return new Session("text of 128 KiB, its last byte wrong").Frame(TextEnd, [.. bytes, 0x80]).Frame(Ping).Gives(Seen.Broken(Rule.TextMustBeUtf8));
        yield return new Session("large fragments with pings between").Frame(Binary, Bytes(70_000)).Frame(Ping, "1").Frame(Cont, Bytes(3)).Frame(Ping, "2").Frame(ContEnd, Bytes(200_000)).Frame(Close)
            .Gives(Seen.Ping("1"u8), Seen.Ping("2"u8), Seen.Binary([.. Bytes(70_000), .. Bytes(3), .. Bytes(200_000)]), Seen.Close([]));
    }

    private static IEnumerable<Session> TextSessions(byte[] text, bool isValid)
    {
        string hex = Convert.ToHexStringLower(text);
        Seen Outcome(byte[] bytes) => isValid ? Seen.Text(bytes) : Seen.Broken(Rule.TextMustBeUtf8);
        yield return new Session(hex).Frame(TextEnd, text).Gives(Outcome(text));
        byte[] behind = [.. "0123456789 plain €"u8, .. text];
        yield return new Session(hex + " behind other text").Frame(TextEnd, behind).Gives(Outcome(behind));
        int half = text.Length / 2;
        bool isWrongAtOnce = NaiveUtf8.FirstWrong(text.AsSpan(0, half), out _) < half;
        yield return new Session(hex + " in two fragments").Frame(Text, text[..half]).Frame(Ping, "p").Frame(ContEnd, text[half..])
            .Gives([.. isWrongAtOnce ? (Seen[])[] : [Seen.Ping("p"u8)], Outcome(text)]);
    }

    private static Session Pieces(Session session, byte[][] pieces)
    {
        for (int i = 0; i < pieces.Length; i++)
            session.Frame((byte)((i == 0 ? Text : Cont) | (i == pieces.Length - 1 ? 0x80 : 0)), pieces[i]);
        return session;
    }

    private static Session Repeat(this Session session, int count, Action<Session, int> add)
    {
        for (int i = 0; i < count; i++)
            add(session, i);
        return session;
    }
}
