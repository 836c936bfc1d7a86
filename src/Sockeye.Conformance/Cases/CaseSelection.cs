using System.Text.RegularExpressions;

namespace Sockeye.Conformance;

/// <summary>Selects cases by patterns, such as <c>1.*,5.19</c>: a star stands for anything.</summary>
internal static class CaseSelection
{
    /// <summary>Selects cases, in their own order.</summary>
    /// <param name="cases">The cases to select from.</param>
    /// <param name="patterns">Numbers or patterns of them, separated by commas; null or empty selects all.</param>
    /// <exception cref="ArgumentException">A pattern selects nothing.</exception>
    public static IReadOnlyList<ConformanceCase> Select(IReadOnlyList<ConformanceCase> cases, string? patterns)
    {
        if (string.IsNullOrWhiteSpace(patterns))
            return cases;

        var selected = new HashSet<ConformanceCase>(ReferenceEqualityComparer.Instance);
        foreach (string pattern in patterns.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var expression = new Regex($"^{Regex.Escape(pattern).Replace(@"\*", ".*", StringComparison.Ordinal)}$", RegexOptions.None, TimeSpan.FromSeconds(1));
            ConformanceCase[] matching = [.. cases.Where(one => expression.IsMatch(one.Id))];
            selected.UnionWith(matching);
            if (matching.Length == 0)
                throw new ArgumentException($"There is no case '{pattern}': use numbers such as 5.19 or patterns such as 1.* and 6.4.*.", nameof(patterns));
        }

        return [.. cases.Where(selected.Contains)];
    }
}
