using System.Globalization;
using System.Text;
using System.Xml;

namespace Sockeye.Conformance;

/// <summary>Makes text that came from a peer fit for a report: what cannot be seen, or turns what stands beside it, is shown by its
/// number.</summary>
internal static class VisibleText
{
    public static string Escape(string text)
    {
        StringBuilder? escaped = null;
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text, i))
            {
                escaped?.Append(text[i]).Append(text[i + 1]);
                i++;
            }
            else if (IsVisible(text[i]))
            {
                escaped?.Append(text[i]);
            }
            else
            {
                escaped ??= new StringBuilder(text, 0, i, text.Length + 16);
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:X4}");
            }
        }

        return escaped?.ToString() ?? text;
    }

    // Control characters, line and paragraph separators, marks that turn the direction of writing, halves of pairs, and what no XML may hold.
    private static bool IsVisible(char character) =>
        !char.IsControl(character)
        && !char.IsSurrogate(character)
        && XmlConvert.IsXmlChar(character)
        && char.GetUnicodeCategory(character) is not (UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
