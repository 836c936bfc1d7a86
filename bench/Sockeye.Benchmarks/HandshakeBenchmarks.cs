using System.Text;
using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;

namespace Sockeye.Benchmarks;

/// <summary>The opening handshake of a server without its I/O: find the end of the head, parse it, judge it, and write the answer. The
/// framework has nothing like it: its handshake is part of an HTTP server.</summary>
public class HandshakeBenchmarks
{
    private readonly byte[] _ofScript = Request([]);
    private readonly byte[] _ofBrowser = Request(
    [
        "Pragma: no-cache",
        "Cache-Control: no-cache",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Origin: https://example.com",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9,de;q=0.8",
        "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol: chat.v2, chat.v1",
    ]);

    // As many lines as the default limits allow; the request itself has five.
    private readonly byte[] _ofHundredHeaders = Request(
        [.. Enumerable.Range(0, HandshakeLimits.Default.MaxHeaderLines - 5).Select(i => $"X-Forwarded-Something-{i}: a value of some length, {i}")]);

    [Benchmark(Baseline = true)]
    public byte[] Accept_a_script() => Accept(_ofScript);

    [Benchmark]
    public byte[] Accept_a_browser() => Accept(_ofBrowser);

    [Benchmark]
    public byte[] Accept_a_hundred_headers() => Accept(_ofHundredHeaders);

    [Benchmark]
    public int Search_a_hundred_headers_that_come_byte_by_byte()
    {
        var scanner = new HeadScanner();
        int arrived = 1;
        while (!scanner.TryFindEnd(_ofHundredHeaders.AsSpan(0, arrived), out _, out _))
            arrived++;
        return arrived;
    }

    private static byte[] Accept(byte[] received)
    {
        if (!new HeadScanner().TryFindEnd(received, out int length, out HandshakeFault? fault)
            || !RequestHead.TryParse(received.AsSpan(0, length), out RequestHead? request, out fault)
            || !ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out fault))
        {
            throw new InvalidOperationException($"The request is not accepted: {fault}");
        }

        return offer.Accept(offer.Subprotocols.Count > 0 ? offer.Subprotocols[0] : null).ToBytes();
    }

    private static byte[] Request(string[] more)
    {
        string[] lines =
        [
            "GET /chat?room=1 HTTP/1.1",
            "Host: example.com",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            .. more,
            "",
            "",
        ];
        return Encoding.ASCII.GetBytes(string.Join("\r\n", lines));
    }
}
