using System.Globalization;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Topics;

/// <summary>What the tests of topics have in common: connections that take ten messages, and numbered messages.</summary>
internal static class TopicPeers
{
    /// <summary>How many messages a connection whose peer takes nothing accepts: beside the one that <see cref="OpenSlowAsync"/> sends first.</summary>
    public const int Room = 9;

    /// <summary>What a message counts for in a backlog.</summary>
    public const int Cost = Frame + 48;

    /// <summary>What a message with a key counts for in a backlog.</summary>
    public const int KeyedCost = Cost + 80;

    private const int Frame = 100;

    /// <summary>Opens a connection whose peer takes nothing until it is let.</summary>
    public static Task<RawPeer> OpenSlowAsync() => GatedPeer.OpenHeldAsync(
        configure: options => options with { HighWaterMark = 1000, LowWaterMark = 100, IdleTimeout = TimeSpan.Zero });

    /// <summary>Opens a connection whose peer takes everything.</summary>
    public static RawPeer OpenFast() => RawPeer.Open(configure: options => options with { IdleTimeout = TimeSpan.Zero });

    public static PreparedMessage Message(int number) => new(number.ToString("D4", CultureInfo.InvariantCulture).PadRight(Frame - 2));

    /// <summary>Reads so many messages, and gives their numbers.</summary>
    public static async Task<int[]> ReadNumbersAsync(this RawPeer peer, int count)
    {
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++)
            numbers[i] = Number((await peer.ReadMessageAsync()).Text);
        return numbers;
    }

    /// <summary>Reads messages with these numbers.</summary>
    public static async Task AssertReadsAsync(this RawPeer peer, int[] numbers) => Assert.Equal(numbers, await peer.ReadNumbersAsync(numbers.Length));

    public static int Number(string text) => int.Parse(text, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);

    /// <summary>Lets a slow peer read, from the message that it was sent first.</summary>
    public static async Task ReleaseAsync(this RawPeer peer)
    {
        peer.Gate().Release();
        await peer.ReadFirstAsync();
    }

    /// <summary>Publishes a message that nobody waits for, and gives the account.</summary>
    public static PublishResult Publish(this TopicHub hub, int number, string? key = null)
    {
        ValueTask<PublishResult> published = hub.PublishAsync("t", Message(number), key: key);
        Assert.True(published.IsCompletedSuccessfully);
        return published.Result;
    }

    /// <summary>Publishes as many messages as a slow connection takes.</summary>
    public static void Fill(this TopicHub hub)
    {
        for (int i = 0; i < Room; i++)
            Assert.Equal(0, hub.Publish(i).Queued);
    }
}
