namespace Sockeye.Conformance;

/// <summary>A family of samples of UTF-8, valid and not.</summary>
/// <param name="Number">Its number within group 6.</param>
/// <param name="Title">What its samples have in common.</param>
/// <param name="Samples">The samples.</param>
internal sealed record Utf8Family(int Number, string Title, IReadOnlyList<(bool IsValid, Payload Text)> Samples);

/// <summary>The families 6.5–6.23.</summary>
internal static class Utf8Sequences
{
    public static IReadOnlyList<Utf8Family> All { get; } =
    [
        Valid(5, "Valid text", "68656c6c6f24776f726c64", "68656c6c6fc2a2776f726c64", "68656c6c6fe282ac776f726c64",
            "68656c6c6ff0a4ada2776f726c64", Group6.Kosme),
        new(6, "Beginning of a text", [.. Prefixes()]),
        Valid(7, "First code point of its length", "00", "c280", "e0a080", "f0908080"),
        Invalid(8, "First code point of a length that is not allowed", "f888808080", "fc8480808080"),
        Valid(9, "Last code point of its length", "7f", "dfbf", "efbfbf", "f48fbfbf"),
        Invalid(10, "Last code point of a length, too large", "f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"),
        new(11, "Code point at a boundary",
            [.. Samples(true, "ed9fbf", "ee8080", "efbfbd", "f48fbfbf"), .. Samples(false, "f4908080")]),
        Invalid(12, "Continuation of nothing", "80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf", Range(0x80, 0xBE, "")),
        Invalid(13, "Lone start bytes, each before a space", Range(0xC0, 0xDE, "20"), Range(0xE0, 0xEE, "20"), Range(0xF0, 0xF6, "20"),
            Range(0xF8, 0xFA, "20"), Range(0xFC, 0xFC, "20")),
        Invalid(14, "Sequence without its last byte", Truncated),
        Invalid(15, "All those sequences in a row", string.Concat(Truncated)),
        Invalid(16, "Impossible bytes", "fe", "ff", "fefeffff"),
        Invalid(17, "Overlong slash", "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"),
        Invalid(18, "Largest overlong sequence", "c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"),
        Invalid(19, "Overlong NUL", "c080", "e08080", "f0808080", "f880808080", "fc8080808080"),
        Invalid(20, "Surrogate", "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"),
        Invalid(21, "Pair of surrogates",
            [.. from high in (string[])["eda080", "edadbf", "edae80", "edafbf"] from low in (string[])["edb080", "edbfbf"] select high + low]),
        Valid(22, "Noncharacter", [.. Noncharacters()]),
        Valid(23, "Special code point", "efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf"),
    ];

    private static string[] Truncated =>
        ["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"];

    private static IEnumerable<(bool, Payload)> Prefixes()
    {
        byte[] word = Payload.Hex(Group6.Kosme).ToArray();
        for (int length = 1; length <= word.Length; length++)
            yield return (length is 2 or 5 or 7 or 9 or 11, Payload.Of(word.AsMemory(0, length)));
    }

    private static IEnumerable<string> Noncharacters()
    {
        yield return "efbfbe";
        yield return "efbfbf";
        foreach (string start in (string[])["f09f", "f0af", "f0bf", .. Planes("f1"), .. Planes("f2"), .. Planes("f3"), "f48f"])
        {
            yield return start + "bfbe";
            yield return start + "bfbf";
        }

        static IEnumerable<string> Planes(string first) => [first + "8f", first + "9f", first + "af", first + "bf"];
    }

    private static string Range(int first, int last, string after) =>
        string.Concat(Enumerable.Range(first, last - first + 1).Select(value => value.ToString("x2") + after));

    private static Utf8Family Valid(int number, string title, params IEnumerable<string> samples) => new(number, title, [.. Samples(true, samples)]);

    private static Utf8Family Invalid(int number, string title, params IEnumerable<string> samples) => new(number, title, [.. Samples(false, samples)]);

    private static IEnumerable<(bool, Payload)> Samples(bool isValid, params IEnumerable<string> samples) =>
        samples.Select(hex => (isValid, Payload.Hex(hex)));
}
