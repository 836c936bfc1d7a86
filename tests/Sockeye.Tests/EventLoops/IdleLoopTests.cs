using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rules T1 and T3: loops whose connections are silent cost nothing.</summary>
public sealed class IdleLoopTests
{
    [Fact]
    public async Task T1_Monitor_sleeps_while_nothing_happens_and_wakes_for_what_does()
    {
        // Loops of its own, of which it alone decides whether they are idle.
        var options = new EventLoopOptions { Loops = 4 };
        EventLoopMonitor monitor = options.Group!.Monitor;
        using var blocking = new Blocking();
        await using ServerTest test = await blocking.ServeAsync(callbacks: true, options);
        List<RawClient> clients = [];
        for (int i = 0; i < 50; i++)
            clients.Add(await LoopPeers.OpenAsync(test, tls: false));

        for (int round = 0; round < 3; round++)
        {
            await Settle.UntilAsync(() => monitor.IsAsleep);
            int sleeps = monitor.Sleeps;
            // Where this machine is busy, a connection may pass for a slow one, which is served apart; answered quickly, it is not for long.
            for (int i = 0; i < 1000 && monitor.Sleeps == sleeps; i++)
            {
                await clients[round].SendTogetherAsync("a");
                Assert.Equal("a", await clients[round].ReadTextAsync());
                await Settle.UntilAsync(() => monitor.IsAsleep);
            }

            Assert.NotEqual(sleeps, monitor.Sleeps);
        }

        // Asleep or not, it finds a handler that blocks.
        await Settle.UntilAsync(() => monitor.IsAsleep);
        foreach (RawClient client in clients.Take(10))
            await client.SendTogetherAsync("block");
        await Settle.UntilAsync(() => blocking.Held == 10, () => $"{blocking.Held} are held");

        // Those that are held apart are watched by nobody: it sleeps again.
        await Settle.UntilAsync(() => monitor.IsAsleep);
        foreach (RawClient client in clients.Skip(10))
        {
            await client.SendTogetherAsync("b");
            Assert.Equal("b", await client.ReadTextAsync());
        }

        blocking.Release();
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task T3_Idle_connections_hold_no_buffer_and_no_timer()
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { EventLoop = new EventLoopOptions { Loops = 2 } });
        List<RawClient> clients = [];
        for (int i = 0; i < 200; i++)
            clients.Add(await RawClient.OpenAsync(test.Server));
        foreach (RawClient client in clients)
        {
            await client.SendTogetherAsync("a", "b");
            Assert.Equal("a", await client.ReadTextAsync());
            Assert.Equal("b", await client.ReadTextAsync());
        }

        await Settle.UntilAsync(
            () => test.Pool.Outstanding == 0 && test.Buffers.SlabsHeld == 0, () => $"{test.Pool.Outstanding} {test.Buffers.SlabsHeld}");
        Assert.Equal(clients.Count, test.Server.Connections.Count);
        clients.ForEach(client => client.Dispose());
        await test.AssertNothingIsLeftAsync();
    }
}
