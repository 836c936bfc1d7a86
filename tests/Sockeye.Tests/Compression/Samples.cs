using System.Text;

namespace Sockeye.Tests.Compression;

/// <summary>Data of every kind that a codec treats in its own way.</summary>
internal static class Samples
{
    private const string Alphabet = "abcdefghijklmnop {}[]\":,";

    /// <summary>Makes text that compresses well.</summary>
    public static string Words(Random random, int length) => string.Create(length, random, static (span, r) =>
    {
        for (int i = 0; i < span.Length; i++)
            span[i] = Alphabet[r.Next(Alphabet.Length)];
    });

    public static byte[] Make(Random random, int length)
    {
        byte[] data = new byte[length];
        switch (random.Next(6))
        {
            case 0:
                random.NextBytes(data);
                break;
            case 1:
                data.AsSpan().Fill((byte)random.Next(256));
                break;
            case 2:
                for (int i = 0; i < length; i++)
                    data[i] = (byte)Alphabet[random.Next(Alphabet.Length)];
                break;
            case 3:
                // What comes again after any distance, the largest ones included.
                int period = random.Next(1, 33_000);
                for (int i = 0; i < length; i++)
                    data[i] = i < period ? (byte)random.Next(256) : data[i - period];
                break;
            case 4:
                for (int i = 0; i < length; i++)
                    data[i] = (byte)(random.Next(10) < 8 && i > 300 ? data[i - random.Next(1, 300)] : random.Next(256));
                break;
            default:
                data = Json(random, length);
                break;
        }

        return data;
    }

    public static byte[] Json(Random random, int length)
    {
        var text = new StringBuilder();
        while (text.Length < length)
            text.Append($"{{\"id\":{random.Next(100_000)},\"name\":\"user{random.Next(50)}\",\"price\":{random.NextDouble()}}},");
        return Encoding.UTF8.GetBytes(text.ToString(0, length));
    }
}
