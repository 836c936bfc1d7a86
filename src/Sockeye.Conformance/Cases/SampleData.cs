using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Sockeye.Conformance;

/// <summary>Data of one kind for the compressed messages: generated, the same at every run, as large as the files that these cases
/// are usually played with and about as compressible.</summary>
internal sealed class SampleData
{
    // First of all fields: the data below is made of them.
    private static readonly string[] Words =
    [
        "und", "der", "the", "and", "of", "die", "in", "to", "ist", "nicht", "a", "das", "river", "mountain", "f\u00fcr", "with",
        "light", "water", "Stra\u00dfe", "salmon", "upstream", "sky", "ma\u00df", "early", "morning", "kam", "went", "again", "gr\u00fcn", "stone",
        "forest", "k\u00f6nnen", "under", "between", "never", "always", "letter", "socket", "frame", "h\u00f6ren", "window", "message", "opened",
        "closed", "sch\u00f6n", "quiet", "bridge", "harbour", "winter", "sommer", "\u00fcber", "across", "paper", "signal", "lantern", "garden",
    ];

    private readonly byte[] _twice;
    private readonly int[]? _starts;
    private readonly int _units;

    private SampleData(string name, byte[] bytes, bool isText)
    {
        Name = name;
        Length = bytes.Length;
        IsText = isText;
        // A window may reach beyond the end: it goes on at the beginning.
        _twice = [.. bytes, .. bytes];
        _starts = isText ? [.. StartsOfCodePoints(_twice), _twice.Length] : null;
        _units = isText ? (_starts!.Length - 1) / 2 : bytes.Length;
    }

    /// <summary>Gets JSON, the data of group 13.</summary>
    public static SampleData Json { get; } = new("JSON", MakeJson(194_056), isText: true);

    /// <summary>Gets the data of group 12.</summary>
    public static IReadOnlyList<SampleData> All { get; } =
    [
        Json,
        new("a bitmap", MakeBitmap(), isText: false),
        new("prose", Fill(222_218, Prose(7)), isText: false),
        new("HTML", MakeHtml(263_647), isText: true),
        new("a PDF", MakePdf(1_042_328), isText: false),
    ];

    public string Name { get; }

    /// <summary>Gets the size in bytes.</summary>
    public int Length { get; }

    public bool IsText { get; }

    /// <summary>Gets a message: windows of one size follow each other and begin again at the end.</summary>
    /// <param name="index">The number of the message, from 0.</param>
    /// <param name="size">Its size in code points where the data is text, else in bytes; at most those of the data.</param>
    public Payload Window(int index, int size)
    {
        int first = (int)((long)index * size % _units);
        if (_starts is null)
            return Payload.Of(_twice.AsMemory(first, size));
        return Payload.Of(_twice.AsMemory(_starts[first].._starts[first + size]));
    }

    private static IEnumerable<int> StartsOfCodePoints(byte[] utf8)
    {
        for (int i = 0; i < utf8.Length; i++)
        {
            if ((utf8[i] & 0xC0) != 0x80)
                yield return i;
        }
    }

    private static byte[] MakeJson(int length)
    {
        var random = new Sequence(1);
        return Fill(length, Records(), "\n]");

        IEnumerable<string> Records()
        {
            yield return "[";
            for (int id = 1; ; id++)
            {
                string comma = id == 1 ? "\n" : ",\n";
                yield return string.Create(CultureInfo.InvariantCulture,
                    $$"""{{comma}}  {"id": {{id}}, "user": {"name": "{{Word(random)}} {{Word(random)}}", "followers": {{random.Next(90_000)}}, "verified": {{(random.Next(5) == 0 ? "true" : "false")}}}, "text": "{{Sentence(random, 14)}}", "place": [{{random.Next(180)}}.{{random.Next(10_000)}}, {{random.Next(90)}}.{{random.Next(10_000)}}], "tags": ["{{Word(random)}}", "{{Word(random)}}"]}""");
            }
        }
    }

    private static byte[] MakeHtml(int length)
    {
        var random = new Sequence(2);
        return Fill(length, Paragraphs(), "\n</body>\n</html>\n");

        IEnumerable<string> Paragraphs()
        {
            yield return "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Fr\u00fchling \u2013 a story</title></head>\n<body>\n";
            for (int i = 1; ; i++)
            {
                if (i % 12 == 1)
                    yield return string.Create(CultureInfo.InvariantCulture, $"<h2 id=\"chapter-{i / 12 + 1}\">{Sentence(random, 4)}</h2>\n");
                yield return $"<p class=\"text\">{Sentence(random, 40)} <a href=\"/word/{Word(random)}\">{Word(random)}</a>, {Sentence(random, 25)}</p>\n";
            }
        }
    }

    private static IEnumerable<string> Prose(int seed)
    {
        var random = new Sequence(seed);
        while (true)
        {
            for (int line = 0; line < 4; line++)
                yield return Sentence(random, 7) + "\r\n";
            yield return "\r\n";
        }
    }

    /// <summary>512 by 512 pixels of 8 bits with a palette: soft shapes with some noise, as in a photograph.</summary>
    private static byte[] MakeBitmap()
    {
        const int Side = 512;
        const int Head = 14 + 40 + 256 * 4;
        byte[] bytes = new byte[Head + Side * Side];
        "BM"u8.CopyTo(bytes);
        foreach ((int at, int value) in (ReadOnlySpan<(int, int)>)[(2, bytes.Length), (10, Head), (14, 40), (18, Side), (22, Side), (34, Side * Side)])
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        bytes[26] = 1;
        bytes[28] = 8;
        for (int shade = 0; shade < 256; shade++)
            bytes.AsSpan(54 + shade * 4, 3).Fill((byte)shade);

        var random = new Sequence(3);
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                // Integers only: the same picture on every machine.
                int shape = (x * x + 3 * y * y) / 2048 + (x * y) / 1024;
                int shade = 128 + (shape % 160 < 80 ? shape % 80 : 80 - (shape % 80)) - 40 + random.Next(8);
                bytes[Head + y * Side + x] = (byte)shade;
            }
        }

        return bytes;
    }

    /// <summary>Objects in text with streams between them that cannot be compressed again.</summary>
    private static byte[] MakePdf(int length)
    {
        var random = new Sequence(4);
        byte[] bytes = new byte[length];
        "%PDF-1.5\n"u8.CopyTo(bytes);
        int at = 9;
        for (int id = 1; at < length; id++)
        {
            byte[] head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{id} 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 {random.Next(600)} {random.Next(800)}] /Filter /FlateDecode /Length 4096 >>\nstream\n"));
            byte[] stream = new byte[2048 + random.Next(4096)];
            random.Fill(stream);
            foreach (byte[] piece in (ReadOnlySpan<byte[]>)[head, stream, "\nendstream\nendobj\n"u8.ToArray()])
            {
                int fits = Math.Min(piece.Length, length - at);
                piece.AsSpan(0, fits).CopyTo(bytes.AsSpan(at));
                at += fits;
            }
        }

        return bytes;
    }

    /// <summary>Joins pieces to exactly as many bytes, spaces before the end.</summary>
    private static byte[] Fill(int length, IEnumerable<string> pieces, string end = "")
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill((byte)' ');
        int room = length - end.Length;
        int at = 0;
        foreach (string piece in pieces)
        {
            byte[] encoded = Encoding.UTF8.GetBytes(piece);
            if (encoded.Length > room - at)
                break;
            encoded.CopyTo(bytes, at);
            at += encoded.Length;
        }

        Encoding.ASCII.GetBytes(end).CopyTo(bytes, room);
        return bytes;
    }

    private static string Sentence(Sequence random, int words)
    {
        var sentence = new StringBuilder();
        for (int i = 0; i < words; i++)
            sentence.Append(i == 0 ? "" : " ").Append(Word(random));
        sentence[0] = char.ToUpperInvariant(sentence[0]);
        return sentence.Append('.').ToString();
    }

    private static string Word(Sequence random)
    {
        // Common words often and others seldom, as in a language.
        int rank = random.Next(3) > 0 ? random.Next(Words.Length / 4) : random.Next(Words.Length);
        string word = Words[rank];
        return random.Next(6) == 0 ? word + Words[random.Next(Words.Length)] : word;
    }

    /// <summary>Numbers that look random and are the same everywhere (xorshift).</summary>
    private sealed class Sequence(int seed)
    {
        private uint _state = (uint)seed * 2_654_435_761u | 1;

        public int Next(int below)
        {
            _state ^= _state << 13;
            _state ^= _state >> 17;
            _state ^= _state << 5;
            return (int)(_state % (uint)below);
        }

        public void Fill(byte[] bytes)
        {
            for (int i = 0; i < bytes.Length; i++)
                bytes[i] = (byte)Next(256);
        }
    }
}
