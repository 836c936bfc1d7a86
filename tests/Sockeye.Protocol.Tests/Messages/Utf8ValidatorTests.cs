using System.Text;
using System.Text.Unicode;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Row V06 of the attack catalogue: what is no UTF-8 is found, in any pieces, and at its first wrong byte.</summary>
public sealed class Utf8ValidatorTests
{
    private const int Seed = 6_455;

    // Bytes at the edges of the ranges that RFC 3629 draws.
    private static readonly byte[] Edges =
    [
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
        0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF,
    ];

    public static TheoryData<string, bool> Samples =>
        [.. Utf8Samples.Valid.Select(hex => (hex, true)), .. Utf8Samples.Invalid.Select(hex => (hex, false))];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Append_of_each_sample_at_each_pair_of_cuts_judges_it(string hex, bool isValid)
    {
        byte[] text = Utf8Samples.Bytes(hex);
        int wrong = NaiveUtf8.FirstWrong(text, out bool isComplete);
        Assert.Equal(isValid, wrong == text.Length && isComplete);
        Assert.Equal(isValid, Utf8.IsValid(text));
        for (int first = 0; first <= text.Length; first++)
        {
            for (int second = first; second <= text.Length; second++)
                CheckCuts(text, [first, second, text.Length], wrong, isComplete);
        }
    }

    // A million texts of the bytes that matter most, whole and cut anywhere.
    [Fact]
    public void Append_of_a_million_random_texts_agrees_with_the_framework_and_with_the_table()
    {
        var random = new Random(Seed);
        Span<byte> buffer = stackalloc byte[24];
        for (int round = 0; round < 1_000_000; round++)
        {
            Span<byte> text = buffer[..random.Next(1, buffer.Length + 1)];
            FillText(random, text);
            int wrong = NaiveUtf8.FirstWrong(text, out bool isComplete);
            bool isValid = wrong == text.Length && isComplete;
            if (isValid != Utf8.IsValid(text))
                Fail("The table and the framework differ", text);

            int cut = random.Next(text.Length + 1);
            Utf8Validator validator = default;
            bool first = validator.Append(text[..cut]);
            if (first != wrong >= cut)
                Fail($"The first {cut} bytes", text);
            if (first && (validator.Append(text[cut..]), validator.IsComplete) is var (second, complete)
                && (second != (wrong == text.Length) || (second && complete != isComplete)))
            {
                Fail($"Cut at {cut}", text);
            }
        }
    }

    // Long texts, so that the vectorised check of the framework meets every alignment of a cut.
    [Fact]
    public void Append_of_long_mutated_texts_in_any_pieces_fails_at_the_first_wrong_byte()
    {
        var random = new Random(Seed);
        byte[] source = Encoding.UTF8.GetBytes(string.Concat(
            Enumerable.Range(0, 40).Select(i => "plain ASCII that fills a vector or two, " + (i % 4) switch { 0 => "µß", 1 => "€", 2 => "𤭢", _ => "" })));
        for (int round = 0; round < 4_000; round++)
        {
            int start = random.Next(200);
            byte[] text = source[start..(start + random.Next(1, source.Length - 200))];
            for (int mutations = random.Next(3); mutations > 0; mutations--)
                text[random.Next(text.Length)] = Edges[random.Next(Edges.Length)];
            int wrong = NaiveUtf8.FirstWrong(text, out bool isComplete);
            List<int> cuts = [];
            for (int at = 0; at < text.Length; at += random.Next(1, 200))
                cuts.Add(at);
            CheckCuts(text, [.. cuts, text.Length], wrong, isComplete);
        }
    }

    private static void CheckCuts(ReadOnlySpan<byte> text, ReadOnlySpan<int> ends, int wrong, bool isComplete)
    {
        Utf8Validator validator = default;
        int start = 0;
        foreach (int end in ends)
        {
            bool isGood = validator.Append(text[start..end]);
            if (isGood != wrong >= end)
                Fail($"Bytes {start} to {end}, the first wrong one is {wrong}", text);
            if (!isGood)
                return;
            start = end;
        }

        if (validator.IsComplete != isComplete)
            Fail("At the end", text);
    }

    private static void FillText(Random random, Span<byte> text)
    {
        Span<byte> whole = stackalloc byte[4];
        for (int at = 0; at < text.Length;)
        {
            int pick = random.Next(8);
            if (pick == 0)
            {
                text[at++] = (byte)random.Next(256);
            }
            else if (pick < 4)
            {
                text[at++] = Edges[random.Next(Edges.Length)];
            }
            else
            {
                // A whole code point of any length, cut off where the text ends.
                int scalar = random.Next(4) switch
                {
                    0 => random.Next(0x80),
                    1 => random.Next(0x80, 0x800),
                    2 => random.Next(0x800, 0xD800),
                    _ => random.Next(0xE000, 0x110000),
                };
                int length = Math.Min(new Rune(scalar).EncodeToUtf8(whole), text.Length - at);
                whole[..length].CopyTo(text[at..]);
                at += length;
            }
        }
    }

    private static void Fail(string what, ReadOnlySpan<byte> text) =>
        Assert.Fail($"{what}: {Convert.ToHexStringLower(text)} (seed {Seed})");
}
