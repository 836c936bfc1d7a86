using System.Text;
using static Sockeye.Protocol.Tests.Messages.SampleDeflater;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Sessions in which permessage-deflate is negotiated, with what must come of them, for either role, however they are cut.</summary>
internal static class CompressedSessions
{
    private const byte Cont = 0x00, ContEnd = 0x80, Rsv1 = 0x40;
    private const byte Text = 0x41, TextEnd = 0xC1, Binary = 0x42, BinaryEnd = 0xC2, PlainTextEnd = 0x81, PlainText = 0x01;
    private const byte Close = 0x88, Ping = 0x89;

    // RFC 7692, section 7.2.3.
    private static readonly byte[] Hello = Convert.FromHexString("f248cdc9c90700");
    private static readonly byte[] HelloAgain = Convert.FromHexString("f200110000");
    private static readonly byte[] HelloStored = Convert.FromHexString("000500faff48656c6c6f00");
    private static readonly byte[] HelloFinal = Convert.FromHexString("f348cdc9c9070000");
    private static readonly byte[] HelloInTwoBlocks = Convert.FromHexString("f24805000000ffffcac9c90700");

    public static readonly IReadOnlyList<Session> All =
        [.. Examples(), .. Contexts(), .. Mixed(), .. Finals(), .. Empty(), .. WrongBits(), .. WrongData(), .. WrongText(), .. Limited()];

    private static IEnumerable<Session> Examples()
    {
        foreach (bool takesOver in (bool[])[false, true])
        {
            string name = takesOver ? "context: " : "no context: ";
            yield return New(name + "one block", takesOver).Frame(TextEnd, Hello).Gives(Seen.Text("Hello"));
            yield return New(name + "one block in two fragments", takesOver).Frame(Text, Hello[..3]).Frame(ContEnd, Hello[3..]).Gives(Seen.Text("Hello"));
            yield return New(name + "stored", takesOver).Frame(TextEnd, HelloStored).Gives(Seen.Text("Hello"));
            yield return New(name + "final block", takesOver).Frame(TextEnd, HelloFinal).Gives(Seen.Text("Hello"));
            yield return New(name + "two blocks", takesOver).Frame(TextEnd, HelloInTwoBlocks).Gives(Seen.Text("Hello"));
            yield return New(name + "the same again, by itself", takesOver).Frame(TextEnd, Hello).Frame(TextEnd, Hello).Gives(Seen.Text("Hello"), Seen.Text("Hello"));
            yield return New(name + "dynamic block", takesOver).Frame(BinaryEnd, Deflate(Words)).Gives(Seen.Binary(Words));
        }
    }

    private static IEnumerable<Session> Contexts()
    {
        yield return New("shared window", true).Frame(TextEnd, Hello).Frame(TextEnd, HelloAgain).Frame(BinaryEnd, HelloAgain)
            .Gives(Seen.Text("Hello"), Seen.Text("Hello"), Seen.Binary("Hello"u8));
        yield return New("shared window that is not", false).Frame(TextEnd, Hello).Frame(TextEnd, HelloAgain).Gives(Seen.Text("Hello"), Broken);
        yield return New("window of a message that was not compressed", true).Frame(PlainTextEnd, "Hello").Frame(TextEnd, HelloAgain).Gives(Seen.Text("Hello"), Broken);
        yield return New("window over others in between", true)
            .Frame(TextEnd, Hello).Frame(PlainTextEnd, "World").Frame(Ping, "Hello").Frame(PlainText, "a").Frame(ContEnd, "b").Frame(TextEnd, HelloAgain)
            .Gives(Seen.Text("Hello"), Seen.Text("World"), Seen.Ping("Hello"u8), Seen.Text("ab"), Seen.Text("Hello"));
    }

    private static IEnumerable<Session> Mixed()
    {
        yield return New("pings between fragments", true).Frame(Text, Hello[..1]).Frame(Ping, "1").Frame(Cont, Hello[1..2]).Frame(Ping, "2").Frame(ContEnd, Hello[2..])
            .Gives(Seen.Ping("1"u8), Seen.Ping("2"u8), Seen.Text("Hello"));
        yield return New("one-byte fragments", true).Frame(Text, Hello[..1]).Frame(Cont, Hello[1..2]).Frame(Cont, Hello[2..3]).Frame(Cont, Hello[3..4])
            .Frame(Cont, Hello[4..5]).Frame(Cont, Hello[5..6]).Frame(ContEnd, Hello[6..]).Gives(Seen.Text("Hello"));
        yield return New("empty fragments", true).Frame(Text, []).Frame(Cont, Hello[..4]).Frame(Cont, []).Frame(Cont, Hello[4..]).Frame(ContEnd, [])
            .Frame(TextEnd, HelloAgain).Gives(Seen.Text("Hello"), Seen.Text("Hello"));
        yield return New("close in the middle", true).Frame(Text, Hello[..4]).Frame(Close).Frame(ContEnd, Hello[4..]).Gives(Seen.Close([]));
        yield return New("unfinished", true).Frame(TextEnd, Hello).Frame(Text, HelloAgain).Gives(Seen.Text("Hello"));
        yield return New("half a frame", true).Frame(TextEnd, Hello).CutLastFrameTo(6);
        yield return New("not compressed at all", true).Frame(PlainTextEnd, "Hello").Frame(0x82, [0xFF]).Gives(Seen.Text("Hello"), Seen.Binary([0xFF]));
    }

    // V15
    private static IEnumerable<Session> Finals()
    {
        byte[] final = HelloFinal[..^1];
        yield return New("final block and more blocks", true).Frame(TextEnd, [.. final, .. Hello]).Gives(Seen.Text("HelloHello"));
        yield return New("final blocks in a row", true).Frame(TextEnd, [.. final, .. final, .. final, 0x00]).Gives(Seen.Text("HelloHelloHello"));
        yield return New("empty final blocks", true).Frame(TextEnd, [0x03, 0x00, 0x03, 0x00, .. final, 0x03, 0x00, 0x00]).Gives(Seen.Text("Hello"));
        yield return New("final block, and the next message", true).Frame(TextEnd, HelloFinal).Frame(TextEnd, Hello).Frame(TextEnd, HelloAgain)
            .Gives(Seen.Text("Hello"), Seen.Text("Hello"), Seen.Text("Hello"));
        yield return New("reference over a final block", true).Frame(TextEnd, HelloFinal).Frame(TextEnd, HelloAgain).Gives(Seen.Text("Hello"), Broken);
        yield return New("final stored block", true).Frame(TextEnd, [0x01, .. HelloStored[1..]]).Gives(Seen.Text("Hello"));
        yield return New("final block that the tail completes", true).Frame(TextEnd, [.. Hello, 0x00, 0x00, 0xFF, 0xFF, 0x01]).Frame(TextEnd, Hello).Gives(Seen.Text("Hello"), Seen.Text("Hello"));
        yield return New("final block without the byte behind it", true).Frame(TextEnd, final).Gives(Broken);
        yield return New("garbage behind a final block", true).Frame(TextEnd, [.. final, 0xFF, 0xFF]).Gives(Broken);
    }

    private static IEnumerable<Session> Empty()
    {
        yield return New("empty", true).Frame(TextEnd, [0x00]).Frame(BinaryEnd, [0x00]).Gives(Seen.Text(""), Seen.Binary([]));
        yield return New("empty in fragments", true).Frame(Text, []).Frame(Cont, [0x00]).Frame(ContEnd, []).Gives(Seen.Text(""));
        yield return New("empty as a fixed block", true).Frame(TextEnd, [0x02, 0x00]).Frame(TextEnd, Hello).Gives(Seen.Text(""), Seen.Text("Hello"));
        yield return New("empty blocks around", true).Frame(TextEnd, [0x00, 0x00, 0x00, 0xFF, 0xFF, .. Hello[..^1], 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00]).Gives(Seen.Text("Hello"));
    }

    // V08
    private static IEnumerable<Session> WrongBits()
    {
        foreach ((byte first, Rule rule) in ((byte, Rule)[])
            [(Rsv1 | Ping, Rule.Rsv1MustBeClear), (Rsv1 | Close, Rule.Rsv1MustBeClear), (0xCA, Rule.Rsv1MustBeClear), (Rsv1, Rule.Rsv1MustBeClear),
             (0xC0, Rule.Rsv1MustBeClear), (0xC3, Rule.Rsv1MustBeClear), (0xD1, Rule.ReservedBitsMustBeClear), (0xE2, Rule.ReservedBitsMustBeClear)])
        {
            yield return New($"{first:x2} with deflate", true).Frame(TextEnd, Hello).Frame(first, "ab").Gives(Seen.Text("Hello"), Seen.Broken(rule));
            yield return New($"{first:x2} in a compressed message", true).Frame(Text, Hello).Frame(first, "ab").Gives(Seen.Broken(rule));
            yield return New($"{first:x2} in another message", true).Frame(PlainText, "a").Frame(first, "ab").Gives(Seen.Broken(rule));
        }

        yield return New("compressed inside a message", true).Frame(PlainText, "a").Frame(TextEnd, Hello).Gives(Seen.Broken(Rule.FragmentsMustNotInterleave));
        yield return New("compressed inside a compressed one", true).Frame(Text, Hello).Frame(BinaryEnd, Hello).Gives(Seen.Broken(Rule.FragmentsMustNotInterleave));
    }

    // V16
    private static IEnumerable<Session> WrongData()
    {
        foreach ((string name, string hex) in ((string, string)[])
            [("nothing", ""), ("cut off after a literal", "f248cd"), ("cut off before the last byte", "f248cdc9c907"), ("block of type 3", "06"),
             ("with the tail", "f248cdc9c907000000ffff"), ("lengths that differ", "000500faee48656c6c6f00"), ("stored, cut off", "000500faff4865"),
             ("distance beyond the beginning", "f2001100"), ("literal 286", "1b1b00"), ("too many literals", "f4ffff"), ("dynamic, cut off", "04c0"),
             ("code lengths that are no code", "04fe3f9224499224490000"), ("ones", "ffffffff"), ("text", "48656c6c6f"), ("two bytes of zero", "0000")])
        {
            yield return New("wrong: " + name, true).Frame(BinaryEnd, Convert.FromHexString(hex)).Frame(Ping).Gives(Broken);
            yield return New("wrong after a good one: " + name, false).Frame(TextEnd, Hello).Frame(BinaryEnd, Convert.FromHexString(hex)).Frame(Ping).Gives(Seen.Text("Hello"), Broken);
        }

        byte[] dynamic = Deflate(Words);
        foreach (int length in (int[])[1, 10, 40, dynamic.Length / 2, dynamic.Length - 1])
            yield return New($"wrong: dynamic, {length} bytes of it", true).Frame(BinaryEnd, dynamic[..length]).Gives(Broken);
        yield return New("wrong in the second fragment", true).Frame(Text, Hello[..^1]).Frame(Ping, "p").Frame(Cont, [0xFF]).Frame(Ping).Gives(Seen.Ping("p"u8), Broken);
    }

    // V06
    private static IEnumerable<Session> WrongText()
    {
        byte[] kosme = Utf8Samples.Bytes(Utf8Samples.Kosme);
        yield return New("text", true).Frame(TextEnd, Deflate(kosme)).Gives(Seen.Text(kosme));
        yield return New("text, wrong", true).Frame(TextEnd, Deflate([.. kosme, 0xED, 0xA0, 0x80, .. kosme])).Gives(WrongUtf8);
        yield return New("text, wrong and unfinished", true).Frame(Text, Deflate([.. kosme, 0xF4, 0x90])).Frame(Ping).Gives(WrongUtf8);
        yield return New("text that lacks a byte", true).Frame(TextEnd, Deflate(kosme.AsSpan(..^1))).Gives(WrongUtf8);
        yield return New("binary that is no text", true).Frame(BinaryEnd, Deflate([0xFF, 0xC0])).Gives(Seen.Binary([0xFF, 0xC0]));
        yield return New("text, wrong before wrong data", true).Frame(TextEnd, [.. Stored([0xFF]), 0x06]).Gives(WrongUtf8);
        yield return New("text, wrong behind wrong data", true).Frame(TextEnd, [.. Stored([0x61]), 0x06, 0xFF]).Gives(Broken);
        yield return new Session("text, wrong and not checked") { TakesOver = true, Limits = new() { SkipUtf8Validation = true } }
            .Frame(TextEnd, Deflate([0xFF, 0xC0])).Gives(Seen.Text([0xFF, 0xC0]));
    }

    // V13, V03: the limit holds for what is inflated.
    private static IEnumerable<Session> Limited()
    {
        foreach (int limit in (int[])[1, 256, 257, 1024])
        {
            ProtocolLimits limits = new() { MaxMessageSize = limit };
            Session Limit(string name) => new($"limit of {limit}: {name}") { TakesOver = true, Limits = limits };
            byte[] fits = SessionTable.Bytes(limit);
            byte[] zeros = new byte[limit];
            yield return Limit("as large").Frame(BinaryEnd, Deflate(fits)).Frame(BinaryEnd, Deflate(zeros)).Gives(Seen.Binary(fits), Seen.Binary(zeros));
            yield return Limit("as large, stored").Frame(BinaryEnd, [.. Stored(fits), 0x00]).Gives(Seen.Binary(fits));
            yield return Limit("a byte more").Frame(BinaryEnd, Deflate(new byte[limit + 1])).Gives(TooLarge);
            yield return Limit("a byte more, stored").Frame(BinaryEnd, [.. Stored([.. fits, 1]), 0x00]).Gives(TooLarge);
            yield return Limit("much more").Frame(Binary, Deflate(new byte[200 * limit])).Frame(Ping).Gives(TooLarge);
            yield return Limit("wrong data behind").Frame(BinaryEnd, [.. Stored(fits), 0x06]).Gives(Broken);
            yield return Limit("wrong text behind").Frame(TextEnd, [.. Stored([.. new byte[limit], 0xFF]), 0x00]).Gives(TooLarge);
            yield return Limit("wrong text before").Frame(TextEnd, [.. Stored([.. new byte[limit - 1], 0xFF, 0xFF]), 0x00]).Gives(WrongUtf8);
            yield return Limit("longer on the wire").Frame(Binary, [.. Enumerable.Repeat<byte[]>([0x00, 0x00, 0x00, 0xFF, 0xFF], 300).SelectMany(b => b)])
                .Frame(ContEnd, Deflate(fits)).Gives(Seen.Binary(fits));
        }

        yield return new Session("limit of fragments") { TakesOver = true, Limits = new() { MaxFragments = 2 } }
            .Frame(Text, Hello[..2]).Frame(Cont, Hello[2..]).Frame(ContEnd, []).Gives(Seen.Broken(Rule.FragmentsMustFitLimit));
        yield return new Session("no limit") { TakesOver = true, Limits = new() { MaxMessageSize = 0 } }
            .Frame(BinaryEnd, Deflate(new byte[5_000])).Gives(Seen.Binary(new byte[5_000]));
        yield return new Session("declared endless") { TakesOver = true, Limits = new() { MaxMessageSize = 5 } }
            .Declaring(BinaryEnd, (1UL << 63) - 1, "\0\0").Gives();
    }

    private static byte[] Words => Encoding.ASCII.GetBytes(string.Join(' ', Enumerable.Range(0, 120).Select(i => $"word{i * i % 97}")));

    private static Seen Broken => Seen.Broken(Rule.CompressedDataMustBeValid);

    private static Seen WrongUtf8 => Seen.Broken(Rule.TextMustBeUtf8);

    private static Seen TooLarge => Seen.Broken(Rule.MessageMustFitLimit);

    private static Session New(string name, bool takesOver) => new("compressed, " + name) { TakesOver = takesOver };

    private static byte[] Stored(byte[] bytes) =>
        [0x00, (byte)bytes.Length, (byte)(bytes.Length >> 8), (byte)~bytes.Length, (byte)(~bytes.Length >> 8), .. bytes];
}
