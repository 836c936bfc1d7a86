using System.Text;

namespace Sockeye.Cli;

/// <summary>Makes what a peer sent safe to show: control characters could steer the terminal.</summary>
internal static class TerminalText
{
    /// <summary>Escapes control characters, tabs excepted, and those that turn the direction of writing.</summary>
    public static string Escape(string text)
    {
        StringBuilder? escaped = null;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '\t' || (!char.IsControl(c) && c is not (>= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069')))
            {
                escaped?.Append(c);
                continue;
            }

            escaped ??= new StringBuilder(text, 0, i, text.Length + 16);
            escaped.Append(c switch { '\n' => "\\n", '\r' => "\\r", _ => $"\\u{(int)c:X4}" });
        }

        return escaped?.ToString() ?? text;
    }
}
