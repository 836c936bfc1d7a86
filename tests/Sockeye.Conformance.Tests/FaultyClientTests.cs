using System.Net;

namespace Sockeye.Conformance.Tests;

/// <summary>The suite catches clients that are wrong on purpose.</summary>
public sealed class FaultyClientTests
{
    // Where a fault is the lack of the right answer, the limit of the case has to pass: cases of a second are chosen.
    private const double Patience = 5;

    [Fact]
    public async Task Faultless_client_passes()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.None, "1.1.2,1.2.2,2.2,2.10,6.3.1,7.1.1,7.3.1");

        Assert.All(results, result => Assert.True(result is { IsStrict: true, Behavior: Behavior.Ok }, result.ToString()));
    }

    [Fact]
    public async Task Client_that_sends_no_pong_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.NoPong, "1.1.2,2.2,2.7,5.6");

        Assert.Equal(["1.1.2", "2.7"], Passed(results));
    }

    [Fact]
    public async Task Client_that_echoes_wrong_bytes_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.OneBitFlipped, "1.1.1,1.1.2,1.2.2,2.2,5.3,9.7.2");

        Assert.Equal(["1.1.1", "2.2"], Passed(results));
    }

    [Fact]
    public async Task Client_that_swaps_text_and_binary_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.TextAndBinarySwapped, "1.1.1,1.2.1,2.2,9.8.2");

        Assert.Equal(["2.2"], Passed(results));
    }

    [Fact]
    public async Task Client_that_never_answers_Close_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.NoClose, "1.1.2,7.1.1,7.3.1");

        Assert.All(results, result => Assert.Equal((Outcome.Failed, CloseBehavior.Unclean), (result.Outcome, result.BehaviorClose)));
    }

    [Fact]
    public async Task Client_that_drops_the_connection_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.DroppedInsteadOfEcho, "1.1.2,2.2,7.1.1");

        Assert.Equal(["2.2"], Passed(results));
    }

    [Fact]
    public async Task Client_that_does_not_mask_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Unmasked, "1.1.2,2.2");

        Assert.All(results, result => Assert.Equal((Outcome.Failed, Behavior.Failed), (result.Outcome, result.Behavior)));
        Assert.All(results, result => Assert.Contains("mask", result.Explanation, StringComparison.Ordinal));
    }

    private static Func<byte[], byte[]?> Unmasked() => frame =>
    {
        frame[1] &= 0x7F;
        return [.. frame[..2], .. frame[6..]];
    };

    private static IEnumerable<string> Passed(IReadOnlyList<CaseResult> results) =>
        results.Where(result => result.IsStrict).Select(result => result.Id);

    private static async Task<IReadOnlyList<CaseResult>> JudgeAsync(Func<Func<byte[], byte[]?>> spoil, string cases)
    {
        await using var host = new ClientHost(new IPEndPoint(IPAddress.Loopback, 0), CaseSelection.Select(CaseCatalog.Full, cases)) { Patience = Patience };
        host.Start();
        var client = new FaultyEcho(spoil);
        await Parallel.ForAsync(1, host.Cases.Count + 1, async (number, cancel) =>
            await client.ConnectAsync($"ws://{host.EndPoint}/runCase?case={number}&agent=me", cancel));
        await new ClientDriver($"ws://{host.EndPoint}", "me", WebSocketClientOptions.Default).UpdateReportsAsync(CancellationToken.None);
        return (await host.NextReportAsync(CancellationToken.None)).Cases;
    }
}
