using System.Globalization;
using System.Text;

namespace Sockeye.Benchmarks;

/// <summary>Makes what is sent, the same in every run.</summary>
internal static class SampleData
{
    /// <summary>Makes text that repeats a phrase, cut at a whole character.</summary>
    /// <param name="phrase">The phrase.</param>
    /// <param name="size">The size in bytes of UTF-8, a few less where the last character would not fit.</param>
    public static byte[] Text(string phrase, int size)
    {
        var bytes = new List<byte>(size);
        while (true)
        {
            foreach (Rune rune in phrase.EnumerateRunes())
            {
                if (bytes.Count + rune.Utf8SequenceLength > size)
                    return [.. bytes];
                bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
            }
        }
    }

    /// <summary>Makes English text.</summary>
    public static byte[] Text(int size) => Text("The quick brown fox jumps over the lazy dog. ", size);

    /// <summary>Makes JSON messages that resemble each other, as those of one application do.</summary>
    public static byte[][] Json(int count, int size)
    {
        var random = new Random(6455);
        return [.. Enumerable.Range(0, count).Select(_ => Json(random, size))];
    }

    /// <summary>Makes messages of random bytes: no compressor finds anything in them.</summary>
    public static byte[][] Incompressible(int count, int size)
    {
        var random = new Random(7692);
        return [.. Enumerable.Range(0, count).Select(_ => Bytes(random, size))];
    }

    private static byte[] Bytes(Random random, int size)
    {
        byte[] bytes = new byte[size];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Json(Random random, int size)
    {
        var text = new StringBuilder("[");
        while (text.Length < size)
        {
            text.Append(CultureInfo.InvariantCulture, $$"""
                {"symbol":"{{(char)random.Next('A', 'Z')}}{{(char)random.Next('A', 'Z')}}{{(char)random.Next('A', 'Z')}}","bid":{{random.Next(100_000) / 100.0}},"ask":{{random.Next(100_000) / 100.0}},"size":{{random.Next(500)}},"venue":"exchange-{{random.Next(8)}}","open":{{(random.Next(2) == 0 ? "true" : "false")}}},
                """);
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, size));
    }
}
