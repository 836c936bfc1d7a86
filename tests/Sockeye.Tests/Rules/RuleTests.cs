using System.Reflection;
using System.Text.RegularExpressions;

namespace Sockeye.Tests.Rules;

/// <summary>Each MUST of the RFCs has a test that shows it, or an entry in docs/deviations.md that says why not.</summary>
public sealed partial class RuleTests
{
    private static readonly Dictionary<string, MethodInfo> Tests = new[] { "Sockeye.Protocol.Tests", "Sockeye.Tests" }
        .SelectMany(name => Assembly.Load(name).GetExportedTypes())
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        .Where(method => method.GetCustomAttribute<FactAttribute>() is { Skip: null })
        .ToLookup(method => $"{method.DeclaringType!.Name}.{method.Name}", StringComparer.Ordinal)
        .ToDictionary(methods => methods.Key, methods => methods.First(), StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Deviations = ReadDeviations();

    public static TheoryData<string> Requirements => [.. Requirement.All.Select(requirement => requirement.Id)];

    [Theory]
    [MemberData(nameof(Requirements))]
    public void Requirement_has_a_test_or_a_deviation(string id)
    {
        Requirement requirement = Requirement.All.Single(candidate => candidate.Id == id);

        Assert.True(requirement.Tests.Length > 0 || Deviations.ContainsKey(id), $"'{id}' has neither a test nor an entry in docs/deviations.md.");
        Assert.All(requirement.Tests, test => Assert.True(Tests.ContainsKey(test), $"There is no test {test}, or it is skipped."));
        Assert.Equal(requirement.Tests.Distinct(), requirement.Tests);
    }

    [Fact]
    public void Requirement_is_there_once()
    {
        Assert.Equal(Requirement.All.Select(requirement => requirement.Id).Distinct(), Requirement.All.Select(requirement => requirement.Id));
        Assert.All(Requirement.All, requirement => Assert.Matches(Id(), requirement.Id));
    }

    [Fact]
    public void Deviation_names_a_requirement_its_reason_and_what_restores_it()
    {
        Assert.Empty(Deviations.Keys.Except(Requirement.All.Select(requirement => requirement.Id)));
        Assert.All(Deviations, deviation =>
        {
            Assert.Matches(@"(?m)^Why: \S", deviation.Value);
            Assert.Matches(@"(?m)^To have it: \S", deviation.Value);
        });
    }

    private static Dictionary<string, string> ReadDeviations()
    {
        string text = File.ReadAllText(Path.Combine(Testing.Checkout.Root, "docs", "deviations.md"));
        return text.Split("\n## ").Skip(1).ToDictionary(entry => entry.Split('\n')[0], entry => entry, StringComparer.Ordinal);
    }

    [GeneratedRegex(@"^(6455|7692|9110|9112) \d+(\.\d+)* \S")]
    private static partial Regex Id();
}
