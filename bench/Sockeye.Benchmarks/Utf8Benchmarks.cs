using System.Text;
using System.Text.Unicode;
using BenchmarkDotNet.Attributes;
using Sockeye.Protocol;

namespace Sockeye.Benchmarks;

/// <summary>Checking UTF-8 that is there as a whole: what comes on top of <see cref="Utf8.IsValid"/>.</summary>
public class Utf8Benchmarks
{
    private byte[] _text = [];

    /// <summary>Gets or sets the text. Emoji take four bytes each: the adverse twin of ASCII.</summary>
    [Params("ASCII 64 B", "ASCII 1 KiB", "ASCII 64 KiB", "Cyrillic 1 KiB", "Chinese 1 KiB", "Emoji 1 KiB", "Emoji 64 KiB")]
    public string Text { get; set; } = "";

    [GlobalSetup]
    public void Prepare() => _text = Utf8Samples.Make(Text);

    [Benchmark]
    public bool Sockeye()
    {
        var validator = default(Utf8Validator);
        return validator.Append(_text) && validator.IsComplete;
    }

    [Benchmark(Baseline = true)]
    public bool Utf8_IsValid() => Utf8.IsValid(_text);
}

/// <summary>Checking UTF-8 that comes in pieces. The framework's own check of WebSocket messages is private; a <see cref="Decoder"/> that
/// throws is what it offers.</summary>
public class Utf8PiecesBenchmarks
{
    private readonly Decoder _decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetDecoder();
    private readonly char[] _characters = new char[4096];
    private byte[] _text = [];

    /// <summary>Gets or sets the text, 1 KiB.</summary>
    [Params("ASCII 1 KiB", "Emoji 1 KiB")]
    public string Text { get; set; } = "";

    /// <summary>Gets or sets how many bytes come at a time: an odd number cuts most emoji in two, one cuts each three times.</summary>
    [Params(255, 7, 1)]
    public int Piece { get; set; }

    [GlobalSetup]
    public void Prepare() => _text = Utf8Samples.Make(Text);

    [Benchmark]
    public bool Sockeye()
    {
        var validator = default(Utf8Validator);
        for (int start = 0; start < _text.Length; start += Piece)
        {
            if (!validator.Append(_text.AsSpan(start, Math.Min(Piece, _text.Length - start))))
                return false;
        }

        return validator.IsComplete;
    }

    [Benchmark(Baseline = true)]
    public int Decoder_that_throws()
    {
        int count = 0;
        for (int start = 0; start < _text.Length; start += Piece)
        {
            int length = Math.Min(Piece, _text.Length - start);
            count += _decoder.GetChars(_text.AsSpan(start, length), _characters, flush: start + length == _text.Length);
        }

        return count;
    }
}

/// <summary>The texts of both.</summary>
internal static class Utf8Samples
{
    /// <summary>Makes a text of its name: script, size and unit.</summary>
    public static byte[] Make(string name)
    {
        string[] words = name.Split(' ');
        string phrase = words[0] switch
        {
            "ASCII" => "The quick brown fox jumps over the lazy dog. ",
            "Cyrillic" => "Съешьещёэтихмягкихфранцузскихбулок",
            "Chinese" => "視野無限廣窗外有藍天",
            _ => "🐟🐠🐡🦈🐬🐳",
        };
        return SampleData.Text(phrase, int.Parse(words[1]) * (words[2] == "KiB" ? 1024 : 1));
    }
}
