using System.Text;

namespace Sockeye.Protocol;

/// <summary>Writes heads. What goes in was checked when it was set: nothing here can break a line.</summary>
internal static class HeadWriter
{
    public static byte[] Write(string startLine, HttpHeaders headers)
    {
        var text = new StringBuilder(startLine, 256);
        text.Append("\r\n");
        foreach ((string name, string value) in headers)
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        text.Append("\r\n");
        return Encoding.Latin1.GetBytes(text.ToString());
    }
}
