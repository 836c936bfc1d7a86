using System.Diagnostics;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Attacks;

/// <summary>What it costs to judge a head that is meant to blow a parser up, with the bound of row V22 of the attack catalogue: the best of
/// many runs, for <c>./test.sh --figures</c>, alone on the machine.</summary>
[Trait("Category", "Figures")]
public sealed class HandshakeFigures(ITestOutputHelper output)
{
    private const int Size = 64 * 1024;
    private const int Runs = 500; // most of them in code that has been compiled for good

    private const string Beginning =
        "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

    private static readonly HandshakeLimits Wide = new() { MaxHeadBytes = 2 * Size, MaxLineBytes = 2 * Size, MaxHeaderLines = 10_000 };

    public static TheoryData<string, string> Heads => new()
    {
        { "headers of many names", string.Concat(Enumerable.Range(0, Size / 12).Select(i => $"X-{i:00000}: a\r\n")) },
        { "headers of one name", Repeat("X: abc\r\n", Size) },
        { "subprotocols with spaces between", "Sec-WebSocket-Protocol: b" + Repeat(" ", Size) + "x\r\n" },
        { "subprotocols", "Sec-WebSocket-Protocol: " + Repeat("a, ", Size) + "b\r\n" },
        { "extensions", "Sec-WebSocket-Extensions: " + Repeat("a, ", Size) + "b\r\n" },
        { "parameters of an extension", "Sec-WebSocket-Extensions: permessage-deflate" + Repeat("; a", Size) + "\r\n" },
        { "a quoted value that does not end", "Sec-WebSocket-Extensions: a; b=\"" + Repeat("\\c", Size) + "\r\n" },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public void V22_Head_of_64_KiB_is_judged_within_2_ms(string kind, string headers)
    {
        byte[] head = Encoding.ASCII.GetBytes(Beginning + headers + "\r\n");
        Assert.InRange(head.Length, Size, Size + 1024);
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run < Runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            Judge(head);
            TimeSpan time = Stopwatch.GetElapsedTime(start);
            best = time < best ? time : best;
        }

        string figure = $"V22: a head of 64 KiB, {kind}: judged in {best.TotalMicroseconds:F0} µs";
        output.WriteLine(figure);
        Console.WriteLine($"FIGURE {figure}");
        Assert.True(best < TimeSpan.FromMilliseconds(2));
    }

    private static void Judge(byte[] bytes)
    {
        var scanner = new HeadScanner(Wide);
        Assert.True(scanner.TryFindEnd(bytes, out int length, out HandshakeFault? fault), fault?.Message);
        if (RequestHead.TryParse(bytes.AsSpan(0, length), out RequestHead? head, out _) && ServerHandshake.TryEvaluate(head, out UpgradeOffer? offer, out _))
            Subprotocol.Select(offer.Subprotocols, ["none"]);
    }

    private static string Repeat(string text, int size) => string.Concat(Enumerable.Repeat(text, size / text.Length));
}
