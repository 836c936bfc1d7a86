using Microsoft.Extensions.Logging;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rule T1: the threads that take over are bounded, which is told, and where none is left everything goes on when one returns.</summary>
public sealed class ExhaustionTests
{
    private const int Exhausted = 200;

    // One leader, and those that take over from it.
    private const int Most = EventLoopGroup.MaxSpares + 1;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T1_More_handlers_than_threads_block_and_nothing_is_lost(bool callbacks)
    {
        var logs = new RecordedLogs();
        using var blocking = new Blocking();
        // Options that no other test has: these loops, and what they log, are for this one.
        var options = new EventLoopOptions { Loops = 1, Accept = callbacks ? AcceptDistribution.ReusePort : AcceptDistribution.InTurn };
        await using ServerTest test = await blocking.ServeAsync(callbacks, options, logs: logs);
        List<RawClient> clients = [];
        for (int i = 0; i < Most + 10; i++)
            clients.Add(await LoopPeers.OpenAsync(test, tls: false));
        List<RawClient> others = [];
        for (int i = 0; i < 5; i++)
            others.Add(await LoopPeers.OpenAsync(test, tls: false));

        foreach (RawClient client in clients)
            await client.SendTogetherAsync("block", "b");

        // No thread is left: nobody is served, and it is told.
        await Settle.UntilAsync(() => blocking.Held == Most, () => $"{blocking.Held} are held");
        await Settle.UntilAsync(() => Lines(logs) > 0);
        WebSocketConnection[] slow = [.. blocking.Order.Take(EventLoopGroup.MaxSpares)];

        // With each that returns, the next goes on.
        for (int i = 1; i <= 10; i++)
        {
            blocking.Release(1);
            await Settle.UntilAsync(() => blocking.Order.Count == Most + i, () => $"{blocking.Order.Count} were held");
        }

        blocking.Release(Most);
        foreach (RawClient client in clients)
        {
            foreach (string text in (string[])["before", "after", "b"])
                Assert.Equal(text, await client.ReadTextAsync());
        }

        Assert.Equal(1, Lines(logs));
        await Settle.UntilAsync(() => blocking.Held == 0);

        // Where this machine is busy, others may pass for slow ones too; answered quickly, they do not for long.
        foreach (RawClient client in others)
        {
            for (int i = 0; i < 40; i++)
            {
                await client.SendTogetherAsync("quick");
                Assert.Equal("quick", await client.ReadTextAsync());
            }
        }

        // Those whose thread was taken over are run apart: they may all block, and the others are served as ever.
        Dictionary<string, RawClient> byAddress = clients.ToDictionary(client => client.Socket.LocalEndPoint!.ToString()!);
        RawClient[] slowClients = [.. slow.Select(socket => byAddress[socket.RemoteEndPoint!.ToString()!])];
        foreach (RawClient client in slowClients)
            await client.SendTogetherAsync("block", "b");
        await Settle.UntilAsync(() => blocking.Held >= EventLoopGroup.MaxSpares - 1, () => $"{blocking.Held} are held");
        foreach (RawClient client in others)
        {
            await client.SendTogetherAsync("x");
            Assert.Equal("x", await client.ReadTextAsync());
        }

        blocking.Release(slow.Length);
        foreach (RawClient client in slowClients)
        {
            foreach (string text in (string[])["before", "after", "b"])
                Assert.Equal(text, await client.ReadTextAsync());
        }

        Assert.Equal(2, Lines(logs));
        foreach (RawClient client in (RawClient[])[.. clients, .. others])
            client.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    private static int Lines(RecordedLogs logs) => logs.Lines.Count(line => line is { Id: Exhausted, Level: LogLevel.Warning });
}
