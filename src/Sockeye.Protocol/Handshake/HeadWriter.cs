using System.Text;

namespace Sockeye.Protocol;

/// <summary>Writes heads. What goes in was checked when it was set: nothing here can break a line.</summary>
internal static class HeadWriter
{
    public static byte[] Write(string startLine, HttpHeaders headers)
    {
        int length = startLine.Length + 4;
        foreach ((string name, string value) in headers)
            length += name.Length + value.Length + 4;

        byte[] head = new byte[length];
        Span<byte> rest = head;
        Append(ref rest, startLine, "\r\n"u8);
        foreach ((string name, string value) in headers)
        {
            Append(ref rest, name, ": "u8);
            Append(ref rest, value, "\r\n"u8);
        }

        "\r\n"u8.CopyTo(rest);
        return head;
    }

    private static void Append(ref Span<byte> rest, string text, ReadOnlySpan<byte> end)
    {
        int written = Encoding.Latin1.GetBytes(text, rest);
        end.CopyTo(rest[written..]);
        rest = rest[(written + end.Length)..];
    }
}
