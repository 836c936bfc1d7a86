using Microsoft.AspNetCore.Hosting;
using Sockeye.Tests.Connection;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What is counted for the whole process: nothing else runs at the time.</summary>
[CollectionDefinition(nameof(WholeProcess), DisableParallelization = true)]
public sealed class WholeProcess;

/// <summary>Over the pipes of Kestrel's connection the steady state allocates nothing per message, Kestrel's part included.</summary>
[Collection(nameof(WholeProcess))]
public sealed class AllocationTests(EchoPeer other) : IClassFixture<EchoPeer>, IClassFixture<FewThreads>
{
    // What pipes wait with is kept by the runtime, mostly: for each piece that they move.
    private const int PieceSize = 64 * 1024;

    // Of tens of thousands of round trips, on a machine that has other things to do.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // In blocks of 4 KiB, a large message is more blocks than the runtime sends without a list of them, which it makes anew each time.
    public static TheoryData<string, bool> Small => new MatrixTheoryData<string, bool>(["a", "b", "c"], [false, true]);

    public static TheoryData<string, bool> All => new MatrixTheoryData<string, bool>(AllocationCount.Scenarios.Keys, [false, true]);

    [Theory]
    [MemberData(nameof(Small))]
    public Task Echo_over_the_pipes_of_Kestrel_allocates_nothing_per_message(string scenario, bool isCallback) =>
        AssertNothingAsync(scenario, PiecesOf(scenario), isCallback, _ => { });

    [Theory]
    [MemberData(nameof(All))]
    public Task Echo_over_the_pipes_of_a_tuned_Kestrel_allocates_nothing_per_message_or_piece(string scenario, bool isCallback) =>
        AssertNothingAsync(scenario, PiecesOf(scenario), isCallback, web => web.TuneForWebSockets(inlineScheduling: true));

    [Theory]
    [MemberData(nameof(All))]
    public Task Echo_of_Kestrel_on_event_loops_allocates_nothing_per_message(string scenario, bool isCallback) =>
        AssertNothingAsync(scenario, pieces: 1, isCallback, web => web.UseEventLoops());

    private static int PiecesOf(string scenario) => 1 + (AllocationCount.Scenarios[scenario].Shape.Size / PieceSize);

    private async Task AssertNothingAsync(string scenario, int pieces, bool isCallback, Action<IWebHostBuilder> configure)
    {
        (EchoShape shape, int counted) = AllocationCount.Scenarios[scenario];
        double limit = AllocationCount.Limit(counted) * pieces;
        var count = new AllocationCount(counted, limit);
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                if (isCallback)
                    app.MapWebSocket("/", count.Callback);
                else
                    app.MapWebSocket("/", (socket, _) => count.EchoAsync(socket));
            },
            configure: builder => configure(builder.WebHost));

        Task checking = await other.StartAsync(host.Port, tls: false, shape);
        double perMessage = await count.Result.WaitAsync(Patience);

        Assert.True(perMessage < limit, $"{perMessage} bytes per message");
        await checking.WaitAsync(WebHost.Patience);
    }
}
