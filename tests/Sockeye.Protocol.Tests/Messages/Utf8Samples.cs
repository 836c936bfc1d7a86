namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Texts in UTF-8 and what looks like it: the strings of Autobahn's groups 6.2–6.23, as hexadecimal bytes.</summary>
internal static class Utf8Samples
{
    public const string Kosme = "ceba e1bdb9 cf83 cebc ceb5";

    public static readonly string[] Valid =
    [
        "", Kosme, "48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d5554462d382121",
        "68656c6c6f24776f726c64", "68656c6c6fc2a2776f726c64", "68656c6c6fe282ac776f726c64", "68656c6c6ff0a4ada2776f726c64",
        "ce ba", "ceba e1bdb9", "ceba e1bdb9 cf83", "ceba e1bdb9 cf83 cebc",
        "00", "c280", "e0a080", "f0908080", "7f", "dfbf", "efbfbf", "f48fbfbf", "ed9fbf", "ee8080", "efbfbd",
        .. NonCharacters(), "efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf",
    ];

    public static readonly string[] Invalid =
    [
        Kosme + "eda080 656469746564", Kosme + "f4908080 656469746564",
        "ce", "ceba e1", "ceba e1bd", "ceba e1bdb9 cf", "ceba e1bdb9 cf83 ce",
        "f888808080", "fc8480808080", "f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf", "f4908080",
        "80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf", .. Range(0x80, 0xBE, after: ""),
        .. Range(0xC0, 0xDE, after: "20"), .. Range(0xE0, 0xEE, after: "20"), .. Range(0xF0, 0xF6, after: "20"),
        .. Range(0xF8, 0xFA, after: "20"), "fc20",
        "c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf",
        "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf",
        "fe", "ff", "fefeffff",
        "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af",
        "c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf",
        "c080", "e08080", "f0808080", "f880808080", "fc8080808080",
        "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf",
        "eda080edb080", "eda080edbfbf", "edadbfedb080", "edadbfedbfbf", "edae80edb080", "edae80edbfbf", "edafbfedb080", "edafbfedbfbf",
    ];

    public static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    // U+FFFE and U+FFFF of each of the 17 planes.
    private static IEnumerable<string> NonCharacters() =>
        from plane in Enumerable.Range(0, 17)
        from last in (int[])[0xFFFE, 0xFFFF]
        select Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(char.ConvertFromUtf32((plane << 16) | last)));

    private static IEnumerable<string> Range(int first, int last, string after) =>
        Enumerable.Range(first, last - first + 1).Select(b => b.ToString("x2") + after);
}
