using Sockeye;

namespace OwnTests;

/// <summary>The code under test: takes bids until there has been none for a minute.</summary>
internal static class Auction
{
    /// <summary>Runs an auction.</summary>
    /// <param name="bidder">Who bids.</param>
    /// <param name="clock">The clock of the minute.</param>
    /// <returns>The highest bid; 0 where there was none.</returns>
    public static async Task<int> RunAsync(WebSocketConnection bidder, TimeProvider clock)
    {
        int highest = 0;
        using var over = new CancellationTokenSource(TimeSpan.FromMinutes(1), clock);
        try
        {
            await foreach (WebSocketMessage message in bidder.ReadAllAsync(over.Token))
            {
                highest = Math.Max(highest, int.Parse(message.Span));
                over.CancelAfter(TimeSpan.FromMinutes(1));
                await bidder.SendTextAsync($"highest {highest}");
            }
        }
        catch (OperationCanceledException)
        {
            await bidder.SendTextAsync("sold");
        }
        catch (WebSocketClosedException)
        {
            // What was bid until here counts.
        }

        return highest;
    }
}
