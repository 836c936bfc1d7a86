using System.Net;

namespace Sockeye.Conformance.Tests;

/// <summary>The suite catches servers that are wrong on purpose, over real sockets.</summary>
public sealed class FaultyServerTests
{
    // Where a fault is the lack of the right answer, the limit of the case has to pass: cases of a second are chosen.
    private const double Patience = 5;

    [Fact]
    public async Task Faultless_server_passes()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.None, "1.1.2,1.2.2,2.2,2.10,6.3.1,7.1.1,7.3.1,12.1.2");

        Assert.All(results, result => Assert.True(result is { IsStrict: true, Behavior: Behavior.Ok }, result.ToString()));
    }

    [Fact]
    public async Task Server_that_does_not_check_UTF8_is_caught()
    {
        await using var server = new WebSocketServer(new() { Port = 0, Connection = new() { SkipUtf8Validation = true } });
        server.Map("/", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await socket.SendAsync(message, cancel);
        });
        await server.StartAsync();
        IReadOnlyList<CaseResult> results = await JudgeAsync(
            $"ws://localhost:{((IPEndPoint)server.EndPoints[0]).Port}/", "6.2.1,6.3.1,6.6.1,6.12.1,6.20.1");

        Assert.Equal(["6.2.1"], Passed(results));
        Assert.All(results.Skip(1), result => Assert.Equal((Outcome.Failed, Behavior.Failed), (result.Outcome, result.Behavior)));
        Assert.Contains("not valid UTF-8", results[1].Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_that_sends_no_pong_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.NoPong, "1.1.2,2.2,2.3,2.7,5.6");

        Assert.Equal(["1.1.2", "2.7"], Passed(results));
        Assert.All(results.Where(result => !result.IsStrict), result => Assert.Equal(Behavior.Failed, result.Behavior));
    }

    [Fact]
    public async Task Server_that_swaps_text_and_binary_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(
            Spoilers.TextAndBinarySwapped, "1.1.1,1.2.2,2.2,5.3,9.7.2,9.8.2");

        Assert.Equal(["2.2"], Passed(results));
    }

    [Fact]
    public async Task Server_that_flips_a_bit_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(
            Spoilers.OneBitFlipped, "1.1.1,1.1.5,1.2.2,2.2,5.3,9.7.2");

        Assert.Equal(["1.1.1", "2.2"], Passed(results));
    }

    [Fact]
    public async Task Server_that_flips_a_bit_of_the_500th_compressed_message_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(
            Spoilers.BitFlippedInCompressedMessage(500), "1.1.2,12.1.2,12.2.1,13.2.2");

        Assert.Equal(["1.1.2"], Passed(results));
        Assert.All(results.Skip(1), result =>
        {
            Assert.Equal(Outcome.Failed, result.Outcome);
            Assert.True(
                result.Explanation.Contains("after 499 events", StringComparison.Ordinal)
                    || result.Explanation.Contains("cannot be inflated", StringComparison.Ordinal)
                    || result.Explanation.Contains("not valid UTF-8", StringComparison.Ordinal),
                result.ToString());
        });
    }

    [Fact]
    public async Task Server_that_drops_the_connection_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.DroppedInsteadOfEcho, "1.1.1,2.2,5.3,7.1.1,9.7.1,12.1.2");

        Assert.Equal(["2.2"], Passed(results));
        Assert.All(results.Where(result => !result.IsStrict), result =>
            Assert.Equal((Outcome.Failed, CloseBehavior.Failed), (result.Outcome, result.BehaviorClose)));
    }

    [Fact]
    public async Task Server_that_does_not_answer_Close_is_caught()
    {
        IReadOnlyList<CaseResult> results = await JudgeAsync(Spoilers.NoClose, "1.1.2,7.1.1,7.3.1");

        Assert.All(results, result => Assert.Equal((Outcome.Failed, CloseBehavior.Unclean), (result.Outcome, result.BehaviorClose)));
    }

    private static IEnumerable<string> Passed(IReadOnlyList<CaseResult> results) =>
        results.Where(result => result.IsStrict).Select(result => result.Id);

    private static async Task<IReadOnlyList<CaseResult>> JudgeAsync(Func<Func<byte[], byte[]?>> spoil, string cases)
    {
        using var stop = new CancellationTokenSource();
        (string url, Task serving) = new FaultyEcho(spoil).Listen(stop.Token);
        IReadOnlyList<CaseResult> results = await JudgeAsync(url, cases);
        await stop.CancelAsync();
        await serving;
        return results;
    }

    private static Task<IReadOnlyList<CaseResult>> JudgeAsync(string url, string cases) => SuiteRunner.RunAsync(
        new ServerHarness(url) { Patience = Patience }, CaseSelection.Select(CaseCatalog.Full, cases), SuiteRunner.DefaultParallelism);
}
