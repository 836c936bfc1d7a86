using System.Text;

namespace Sockeye.Protocol.Tests.Handshake;

/// <summary>Makes heads for the tests, and replays them in pieces.</summary>
internal static class Heads
{
    public const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    public const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    public const string Valid =
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: " + Key + "\r\nSec-WebSocket-Version: 13\r\n\r\n";

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    /// <summary>Scans and parses as a server does; gives the first fault.</summary>
    public static HandshakeFault? Judge(string text, HandshakeLimits? limits = null)
    {
        byte[] bytes = Bytes(text);
        if (!new HeadScanner(limits).TryFindEnd(bytes, out int length, out HandshakeFault? fault))
            return fault;
        return RequestHead.TryParse(bytes.AsSpan(0, length), out RequestHead? request, out fault)
            && ServerHandshake.TryEvaluate(request, out _, out fault) ? null : fault;
    }

    /// <summary>Gives the ways of cutting bytes in two, and the way of cutting them into single bytes, as the growing prefixes
    /// that a receiver sees.</summary>
    public static IEnumerable<int[]> Cuts(int length)
    {
        for (int cut = 0; cut <= length; cut++)
            yield return [cut, length];
        yield return [.. Enumerable.Range(0, length + 1)];
    }

    /// <summary>Scans as the bytes arrive in the given prefixes.</summary>
    public static (bool Found, int Length, HandshakeRule? Fault) Scan(byte[] bytes, int[] prefixes, HandshakeLimits? limits = null)
    {
        var scanner = new HeadScanner(limits);
        foreach (int prefix in prefixes)
        {
            if (scanner.TryFindEnd(bytes.AsSpan(0, prefix), out int length, out HandshakeFault? fault))
                return (true, length, null);
            if (fault is not null)
                return (false, 0, fault.Rule);
        }

        return (false, 0, null);
    }

    /// <summary>Replaces, adds or (with null) removes one header of the valid request.</summary>
    public static string With(string name, string? value)
    {
        string[] lines = Valid.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> kept = lines.Where(line => !line.StartsWith(name + ":", StringComparison.Ordinal));
        if (value is not null)
            kept = kept.Append($"{name}: {value}");
        return string.Join("\r\n", kept) + "\r\n\r\n";
    }

    /// <summary>Adds lines to the valid request.</summary>
    public static string Plus(string lines) => Valid[..^2] + lines + "\r\n\r\n";

    public static RequestHead Parse(string text)
    {
        Assert.True(RequestHead.TryParse(Bytes(text), out RequestHead? request, out HandshakeFault? fault), fault?.ToString());
        return request;
    }
}
