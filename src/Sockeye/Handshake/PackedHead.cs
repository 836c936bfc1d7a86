using System.Buffers;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Keeps the head of a request in little memory, for as long as its connection lives: what most heads hold takes one byte each.</summary>
/// <remarks>A head that <see cref="HeadScanner"/> lets through holds no control characters but tabs and the ends of its lines: here the
/// others stand for what often begins a line.</remarks>
internal static class PackedHead
{
    // Where one begins with another, the longer one comes first.
    private static readonly byte[][] Beginnings =
    [
        .. new[]
        {
            "Host: ",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Key: ",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Extensions: ",
            "Sec-WebSocket-Protocol: ",
            "Origin: ",
            "User-Agent: Mozilla/5.0 (",
            "User-Agent: ",
            "Pragma: no-cache",
            "Cache-Control: no-cache",
            "Accept-Encoding: gzip, deflate",
            "Accept-Language: ",
            "Accept: ",
            "Cookie: ",
            "Authorization: ",
            "Sec-Fetch-Dest: ",
            "Sec-Fetch-Mode: websocket",
            "Sec-Fetch-Site: same-",
            "X-Forwarded-For: ",
            "X-Forwarded-Proto: ",
        }.Select(text => Encoding.ASCII.GetBytes("\r\n" + text)),
    ];

    private static readonly byte[] Codes =
        [.. Enumerable.Range(1, 31).Select(code => (byte)code).Except("\t\n\r"u8.ToArray()).Take(Beginnings.Length)];

    /// <summary>Packs a head.</summary>
    public static byte[] Pack(ReadOnlySpan<byte> head)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(head.Length);
        int length = 0;
        while (!head.IsEmpty)
        {
            int code = CodeAt(head);
            if (code >= 0)
            {
                rented[length++] = Codes[code];
                head = head[Beginnings[code].Length..];
                continue;
            }

            int next = head[1..].IndexOf((byte)'\r');
            int plain = next < 0 ? head.Length : next + 1;
            head[..plain].CopyTo(rented.AsSpan(length));
            length += plain;
            head = head[plain..];
        }

        byte[] packed = rented[..length];
        ArrayPool<byte>.Shared.Return(rented);
        return packed;
    }

    /// <summary>Gives a head back as it came.</summary>
    public static byte[] Unpack(ReadOnlySpan<byte> packed)
    {
        var head = new ArrayBufferWriter<byte>();
        for (; !packed.IsEmpty; packed = packed[1..])
        {
            int code = Array.IndexOf(Codes, packed[0]);
            head.Write(code < 0 ? packed[..1] : Beginnings[code]);
        }

        return head.WrittenSpan.ToArray();
    }

    private static int CodeAt(ReadOnlySpan<byte> head)
    {
        if (head[0] != '\r')
            return -1;
        for (int code = 0; code < Beginnings.Length; code++)
        {
            if (head.StartsWith(Beginnings[code]))
                return code;
        }

        return -1;
    }
}
