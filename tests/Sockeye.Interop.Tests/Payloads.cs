using System.Text;

namespace Sockeye.Interop.Tests;

/// <summary>The payloads of the sessions, the same as in the peers' scripts.</summary>
internal static class Payloads
{
    public static readonly int[] Sizes = [0, 125, 126, 65_535, 65_536, 1_048_576];

    /// <summary>Makes a text of that many bytes, numbered so that no two stretches are alike, one to four bytes a character.</summary>
    public static string Text(int size)
    {
        var text = new StringBuilder();
        for (int number = 0, length = 0; length < size; number++)
        {
            string piece = $"{number} κόσμε 🐟 ";
            int bytes = Encoding.UTF8.GetByteCount(piece);
            text.Append(length + bytes <= size ? piece : new string('.', size - length));
            length += bytes;
        }

        return text.ToString();
    }

    public static byte[] Binary(int size)
    {
        byte[] bytes = new byte[size];
        uint state = (uint)size;
        for (int i = 0; i < size; i++)
        {
            state = unchecked((state * 1_664_525) + 1_013_904_223);
            bytes[i] = (byte)(state >> 24);
        }

        return bytes;
    }
}
