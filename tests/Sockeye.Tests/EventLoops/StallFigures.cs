using System.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.EventLoops;

/// <summary>How long the others wait while handlers block for a second: for <c>./test.sh --figures</c>, alone on the machine.</summary>
[Trait("Category", "Figures")]
public sealed class StallFigures(ITestOutputHelper output)
{
    private const int Connections = 100;

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public async Task T1_Others_are_answered_within_20_ms_while_handlers_block_for_a_second(int blocked)
    {
        await using var test = new ServerTest(options => options with { EventLoop = new EventLoopOptions { Loops = 1 } });
        test.Server.Map("/", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                if (message.GetText() == "block")
                    Thread.Sleep(1000);
                await socket.SendAsync(message, cancel);
            }
        });
        await test.Server.StartAsync();
        List<RawClient> clients = [];
        for (int i = 0; i < Connections; i++)
            clients.Add(await RawClient.OpenAsync(test.Server));

        using var stop = new CancellationTokenSource();
        Task[] blocking = [.. clients.Take(blocked).Select(client => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await client.SendFrameAsync(Opcode.Text, "block");
                await client.ReadTextAsync();
            }
        }))];
        List<TimeSpan> waits = [];
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(4))
        {
            foreach (RawClient client in clients.Skip(blocked))
            {
                long sent = Stopwatch.GetTimestamp();
                await client.SendFrameAsync(Opcode.Text, "x");
                await client.ReadTextAsync();
                waits.Add(Stopwatch.GetElapsedTime(sent));
            }
        }

        stop.Cancel();
        await Task.WhenAll(blocking).Soon();
        waits.Sort();
        TimeSpan p99 = waits[waits.Count * 99 / 100];
        string figure = $"{blocked} of {Connections} handlers block for 1 s: the others' p99 is {p99.TotalMilliseconds:F1} ms, the longest {waits[^1].TotalMilliseconds:F1} ms";
        output.WriteLine(figure);
        Console.WriteLine($"FIGURE {figure}");
        Assert.InRange(p99, TimeSpan.Zero, TimeSpan.FromMilliseconds(20));
        clients.ForEach(client => client.Dispose());
    }
}
