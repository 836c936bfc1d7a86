using System.Text;

namespace Sockeye.Fuzzing;

/// <summary>Makes requests to upgrade: valid ones, and then mutations of their headers, of their lines and of single bytes.</summary>
internal static class RequestGenerator
{
    private static readonly string[] RequestLines =
    [
        "GET /chat HTTP/1.1", "GET / HTTP/1.1", "GET /a?b=c HTTP/1.1", "GET http://example.com/chat HTTP/1.1", "GET https://example.com HTTP/1.1",
        "GET http://other/ HTTP/1.1", "GET http://example.com:81/ HTTP/1.1", "GET * HTTP/1.1", "GET /chat HTTP/1.0", "POST /chat HTTP/1.1",
        "get /chat HTTP/1.1", "GET  /chat HTTP/1.1", "GET /ch at HTTP/1.1", "GET /chat HTTP/2.0", "GET /chat HTTP/1.2", "GET /chat", "",
    ];

    private static readonly string[] Lines =
    [
        "X-Some: thing", "x-empty:", "X-Odd:\tvalue\t ", "X-Latin: \u00FF\u00E9", "Upgrade: h2c", "Upgrade: WebSocket", "Connection: keep-alive, upgrade",
        "Connection: close", "Host: example.com", "Host: example.com:80", "Host: example.com:65536", "Host: a b", "Host: [::1]:8080", "Host:",
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==", "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 7",
        "Sec-WebSocket-Version: 13, 8", "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: b ,, c", "Sec-WebSocket-Protocol: a, a",
        "Sec-WebSocket-Protocol:", "Sec-WebSocket-Protocol: a b", "Sec-WebSocket-Protocol: ,", "Sec-WebSocket-Extensions: x; y=1; z=\"q\"",
        "Sec-WebSocket-Extensions: permessage-deflate ;client_max_window_bits, x", "Sec-WebSocket-Extensions: x;", "Sec-WebSocket-Extensions: x; y=\"\"",
        "Sec-WebSocket-Extensions: x; y=\"a\\b\"", "Sec-WebSocket-Extensions: x; y=\"a b\"", "Sec-WebSocket-Extensions: x y", "Content-Length: 0",
        "Content-Length: 5", "Transfer-Encoding: chunked", " folded: line", "no colon", "name : space", ": nameless", "b\u00E4d: name", "",
    ];

    private static readonly string[] Breaks = ["\n", "\r", "\r\r\n", "\r\n\r\n"];

    public static byte[] Make(Dice dice)
    {
        List<string> lines =
        [
            dice.Happens(80) ? RequestLines[dice.Below(3)] : dice.Of<string>(RequestLines), "Host: example.com", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        ];
        for (int i = dice.Below(4); i > 0; i--)
            MutateLines(dice, lines);

        var head = new StringBuilder();
        foreach (string line in lines)
            head.Append(line).Append(dice.Happens(1) ? dice.Of<string>(Breaks) : "\r\n");
        List<byte> bytes = [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString())];
        for (int i = dice.Happens(30) ? dice.Within(1, 2) : 0; i > 0 && bytes.Count > 0; i--)
        {
            int at = dice.Below(bytes.Count);
            if (dice.Happens(50))
                bytes[at] = dice.Happens(50) ? dice.Bytes(1)[0] : dice.Of(" \t\r\n:,;\"\0"u8);
            else if (dice.Happens(30))
                bytes.RemoveRange(at, bytes.Count - at);
            else
                bytes.RemoveAt(at);
        }

        if (dice.Happens(20))
            bytes.AddRange([0x81, 0x80, 0, 0, 0, 0]);
        return [.. bytes];
    }

    private static void MutateLines(Dice dice, List<string> lines)
    {
        int at = dice.Within(1, Math.Max(1, lines.Count - 1));
        switch (dice.Below(10))
        {
            case 0 when at < lines.Count:
                lines.RemoveAt(at);
                break;
            case 1 when at < lines.Count:
                lines.Add(lines[at]);
                break;
            case 2 when at < lines.Count:
                lines[at] = dice.Happens(50) ? lines[at].ToUpperInvariant() : lines[at].Replace(": ", ":", StringComparison.Ordinal);
                break;
            case 3 when dice.Happens(10):
                lines.Add("X-Long: " + new string('a', dice.Of([8183, 8184, 8185, 20_000])));
                break;
            case 4 when dice.Happens(10):
                lines.AddRange(Enumerable.Repeat("X: y", dice.Of([94, 95, 96, 2_000])));
                break;
            case 5 when dice.Happens(10):
                lines[0] = $"GET /{new string('a', dice.Of([8178, 8179, 8180, 17_000]))} HTTP/1.1";
                break;
            default:
                lines.Insert(Math.Min(at, lines.Count), dice.Of<string>(Lines));
                break;
        }
    }
}
