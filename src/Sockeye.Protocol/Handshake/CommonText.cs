using System.Text;

namespace Sockeye.Protocol;

/// <summary>Gives the text of a part of a head, without making it anew where most heads hold the same.</summary>
internal static class CommonText
{
    private static readonly string[][] ByLength = GroupByLength(
        "GET", "/", "Host", "Upgrade", "websocket", "Connection", "keep-alive, Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "13",
        "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol", "Sec-WebSocket-Accept", "Origin",
        "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "no-cache", "Pragma", "Cookie", "Date", "Server");

    /// <summary>Gives the text of bytes, each of which is a character (ISO 8859-1).</summary>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < ByLength.Length)
        {
            foreach (string text in ByLength[bytes.Length])
            {
                if (Ascii.Equals(bytes, text))
                    return text;
            }
        }

        return Encoding.Latin1.GetString(bytes);
    }

    private static string[][] GroupByLength(params string[] texts)
    {
        string[][] groups = new string[texts.Max(text => text.Length) + 1][];
        for (int length = 0; length < groups.Length; length++)
            groups[length] = [.. texts.Where(text => text.Length == length)];
        return groups;
    }
}
