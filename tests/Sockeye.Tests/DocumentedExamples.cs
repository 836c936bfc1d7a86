using System.Text.RegularExpressions;

namespace Sockeye.Tests;

/// <summary>Holds the examples of a page of docs against the tests that run them: each stands there between two marks.</summary>
internal static partial class DocumentedExamples
{
    /// <summary>Proves that a page shows the examples of a source file, all of them and nothing else.</summary>
    /// <param name="page">The name of the page in docs.</param>
    /// <param name="source">Where the source file is in the project of the tests.</param>
    /// <param name="count">How many examples there are.</param>
    public static void AssertShown(string page, string source, int count)
    {
        string shownText = File.ReadAllText(Path.Combine(Testing.Checkout.Root, "docs", page));
        string project = typeof(DocumentedExamples).Assembly.GetName().Name!;
        string runText = File.ReadAllText(Path.Combine(Testing.Checkout.Root, "tests", project, source));

        string[] shown = [.. CodeBlock.Matches(shownText).Select(match => match.Groups["code"].Value)];
        string[] run = [.. Example.Matches(runText).Select(match => Unindented(match.Groups["code"].Value))];

        Assert.Equal(run, shown);
        Assert.Equal(count, shown.Length);
    }

    private static string Unindented(string code)
    {
        string[] lines = code.Split('\n');
        int indent = lines[0].Length - lines[0].TrimStart().Length;
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : ""));
    }

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex CodeBlock { get; }

    [GeneratedRegex(" // <example>\n(?<code>.*?) *// </example>", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Example { get; }
}
