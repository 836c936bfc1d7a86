using System.Text;
using System.Text.Unicode;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Row V06 of the attack catalogue, for texts longer than a vector: whatever the framework says, wherever it stands.</summary>
public sealed class Utf8TextTests
{
    private const int Seed = 3_629;

    // The ends of the ranges that RFC 3629 draws, for a first byte and for those that follow it.
    private static readonly byte[] Edges =
    [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
        0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF,
    ];

    // The beginning, the edges of the first vectors and blocks, and the end, where the last block overlaps the one before it.
    public static TheoryData<int> Places => [0, 1, 12, 13, 14, 15, 16, 29, 31, 46, 47, 48, 66, 67, 95, 96];

    [Theory]
    [MemberData(nameof(Places))]
    public void IsValid_of_any_four_edges_in_a_row_agrees_with_the_framework(int place)
    {
        byte[] text = new byte[100];
        Array.Fill(text, (byte)'a');
        int valid = 0;
        for (int i = 0; i < Edges.Length * Edges.Length * Edges.Length * Edges.Length; i++)
        {
            int rest = i;
            for (int k = 0; k < 4; k++, rest /= Edges.Length)
                text[place + k] = Edges[rest % Edges.Length];
            valid += Check(text);
        }

        Assert.InRange(valid, 1, int.MaxValue);
    }

    [Theory]
    [InlineData("plain ASCII, and nothing else than that")]
    [InlineData("größer als üblich: Maße in Straßen")]
    [InlineData("Съешь ещё этих мягких булок")]
    [InlineData("視野無限廣窗外有藍天")]
    [InlineData("🐟🐠a🐡🦈🐬🐳")]
    public void IsValid_of_a_text_cut_anywhere_agrees_with_the_framework(string phrase)
    {
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(phrase, 10)));
        int valid = 0;
        for (int start = 0; start < 40; start++)
        {
            for (int end = start; end <= text.Length; end++)
                valid += Check(text.AsSpan(start, end - start));
        }

        Assert.InRange(valid, 40, int.MaxValue);
    }

    [Fact]
    public void IsValid_of_texts_with_single_wrong_bytes_agrees_with_the_framework()
    {
        var random = new Random(Seed);
        byte[] source = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("aé€𤭢 ß視🐟 plain text of some length 藍天🐳ю", 8)));
        int valid = 0;
        for (int round = 0; round < 200_000; round++)
        {
            int start = random.Next(100);
            byte[] text = source[start..(start + random.Next(30, 200))];
            for (int mutations = random.Next(3); mutations > 0; mutations--)
                text[random.Next(text.Length)] = (byte)random.Next(256);
            valid += Check(text);
        }

        Assert.InRange(valid, 1, 200_000 - 1);
    }

    private static int Check(ReadOnlySpan<byte> text)
    {
        bool isValid = Utf8.IsValid(text);
        if (Utf8Text.IsValid(text) != isValid)
            Assert.Fail($"{(isValid ? "Valid" : "Not valid")}: {Convert.ToHexStringLower(text)} (seed {Seed})");
        return isValid ? 1 : 0;
    }
}
