namespace Sockeye.Interop.Tests;

/// <summary>What docs/conformance.md says of a peer: the cases that it does not pass.</summary>
internal sealed class PeerRatings
{
    private readonly List<(string[] Cases, string[] Outcomes)> _rows = [];

    private PeerRatings()
    {
    }

    /// <summary>Reads the rows of a peer.</summary>
    /// <param name="peer">Its name as the table has it, with the version where there is one.</param>
    public static PeerRatings Read(string peer)
    {
        var ratings = new PeerRatings();
        foreach (string line in File.ReadLines(Path.Combine(Repository.Root, "docs", "conformance.md")))
        {
            // The cells, between what stands outside the first and the last bar.
            string[] cells = line.Split('|', StringSplitOptions.TrimEntries);
            if (cells.Length == 6 && cells[1] == peer)
                ratings._rows.Add((cells[2].Replace("\\", "", StringComparison.Ordinal).Split(", "), cells[3].Split(" or ")));
        }

        Assert.True(ratings._rows.Count > 0, $"The table in docs/conformance.md has no row for '{peer}': judge this version, and write down what it does.");
        return ratings;
    }

    /// <summary>Gets the outcomes that a case may have.</summary>
    public string[] OutcomesOf(string id)
    {
        string[] outcomes = [.. _rows.Where(row => row.Cases.Any(IsMeant)).SelectMany(row => row.Outcomes)];
        return outcomes is [] ? ["PASSED"] : [.. outcomes.Select(outcome => outcome == "OK" ? "PASSED" : outcome)];

        bool IsMeant(string cases) => cases.EndsWith('*') ? id.StartsWith(cases[..^1], StringComparison.Ordinal) : id == cases;
    }
}
