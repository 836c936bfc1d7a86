using System.Globalization;
using System.Text;

namespace Sockeye.Protocol;

/// <summary>Makes text that a peer sent fit to be shown: in logs, in messages of exceptions, in the bodies of refusals.</summary>
internal static class PeerText
{
    public const int MaxLength = 200;

    /// <summary>Replaces everything but printable ASCII by its number, and cuts what is long.</summary>
    public static string Escape(ReadOnlySpan<char> text)
    {
        bool isLong = text.Length > MaxLength;
        if (isLong)
            text = text[..MaxLength];
        if (!isLong && !text.ContainsAnyExceptInRange(' ', '~'))
            return text.ToString();

        var escaped = new StringBuilder(text.Length + 16);
        foreach (char character in text)
        {
            if (character is >= ' ' and <= '~')
                escaped.Append(character);
            else
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:X4}");
        }

        return escaped.Append(isLong ? "..." : "").ToString();
    }
}
