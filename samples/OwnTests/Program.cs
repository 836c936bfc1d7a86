// Tests of code of one's own, without a port and without waiting: a pair of connections in memory, and a clock that moves when it is
// told to.
//   dotnet run --project samples/OwnTests
// In a project of tests, each of these functions is a test of its framework.
using OwnTests;
using Sockeye.Testing;

await Auction_ends_a_minute_after_the_last_bid();
await Bidder_who_vanishes_ends_the_auction();

static async Task Auction_ends_a_minute_after_the_last_bid()
{
    var clock = new ManualTimeProvider();
    await using var pair = WebSocketPair.Create();
    Task<int> auction = Auction.RunAsync(pair.Server, clock);
    foreach ((string bid, string answer) in new[] { ("10", "highest 10"), ("30", "highest 30"), ("20", "highest 30") })
    {
        clock.Advance(TimeSpan.FromSeconds(59));
        await pair.Client.SendTextAsync(bid);
        Check((await pair.Client.ReceiveAsync()).GetText() == answer);
    }

    clock.Advance(TimeSpan.FromSeconds(60));
    Check(await auction == 30 && (await pair.Client.ReceiveAsync()).GetText() == "sold");
    Console.WriteLine($"Passed: {nameof(Auction_ends_a_minute_after_the_last_bid)}");
}

static async Task Bidder_who_vanishes_ends_the_auction()
{
    await using var pair = WebSocketPair.Create();
    pair.Link.ToServer.At(3, link => link.Reset()); // in the midst of a bid
    Task<int> auction = Auction.RunAsync(pair.Server, new ManualTimeProvider());
    await pair.Client.SendTextAsync("10");
    Check(await auction == 0);
    Console.WriteLine($"Passed: {nameof(Bidder_who_vanishes_ends_the_auction)}");
}

static void Check(bool isRight)
{
    if (!isRight)
        throw new InvalidOperationException("The test has failed.");
}
