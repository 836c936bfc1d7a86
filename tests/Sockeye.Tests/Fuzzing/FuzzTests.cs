using System.Security.Cryptography;
using Sockeye.Fuzzing;
using Sockeye.Protocol;

namespace Sockeye.Tests.Fuzzing;

/// <summary>Random sessions, right and wrong, give what a model of the specification says, however they are cut.</summary>
public sealed class FuzzTests
{
    private const int Sessions = 100_000;
    private const int EnginePercent = 3;
    private const int Requests = 20_000;

    // Fixed ones beside the fresh ones of each run, so that some of the ground is always the same.
    private const int SessionsPerFixedSeed = 1_000;

    public static TheoryData<long> FixedSeeds => [1, 850, 12_334_895, 12_356_606, 12_397_027, 12_424_738];

    [Fact]
    public async Task Hundred_thousand_fresh_sessions_agree_with_the_model()
    {
        int seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        Console.WriteLine($"Fuzzing {Sessions} sessions from seed {seed}");
        var fuzzer = new Fuzzer(new AssemblerSubject(), EnginePercent);
        FuzzReport report = await fuzzer.RunAsync(seed, Sessions);

        Assert.True(report.Disagreements.IsEmpty, await fuzzer.DescribeAsync(report));
        Assert.Equal(Sessions, report.Sessions);
        Assert.InRange(report.EngineSessions, Sessions / 100, Sessions);
        // They reach everything that a peer can break, and what it may do.
        Assert.Empty(Enum.GetNames<Rule>().Concat(["Close", "Open"]).Concat(Enum.GetNames<ItemKind>()).Except(report.Ends.Keys));
    }

    [Fact]
    public void Fresh_requests_to_upgrade_are_answered_as_the_model_says()
    {
        int seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        (IReadOnlyList<string> differences, IReadOnlyDictionary<int, int> answers) = HandshakeFuzzer.Run(seed, Requests);

        Assert.Empty(differences);
        // 0 is one that is not whole.
        Assert.Equal([0, 101, 400, 405, 414, 426, 431], answers.Keys.Order());
    }

    // Heads that are cut within the line break behind the last line that fits.
    [Theory]
    [InlineData(1110253113)]
    [InlineData(627826552)]
    public void Request_that_once_disagreed_agrees_with_the_model(long seed) => Assert.Empty(HandshakeFuzzer.Run(seed, requests: 1).Differences);

    [Theory]
    [MemberData(nameof(FixedSeeds))]
    public async Task Sessions_of_a_fixed_seed_agree_with_the_model(long seed)
    {
        var fuzzer = new Fuzzer(new AssemblerSubject(), enginePercent: 20);
        FuzzReport report = await fuzzer.RunAsync(seed, SessionsPerFixedSeed);
        Assert.True(report.Disagreements.IsEmpty, await fuzzer.DescribeAsync(report));
    }

    [Fact]
    public async Task Session_that_once_disagreed_agrees_with_the_model()
    {
        foreach (Session session in FoundCases.All)
        {
            string? difference = await new Fuzzer(new AssemblerSubject(), enginePercent: 100).CheckAsync(session);
            Assert.True(difference is null, $"{difference} {Convert.ToHexStringLower(session.Wire)}");
        }
    }
}
