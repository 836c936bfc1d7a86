using System.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests;

/// <summary>Timed figures, printed and not judged: the best of five runs, for <c>./test.sh --figures</c>, alone on the machine.</summary>
[Trait("Category", "Figures")]
public sealed class Figures(ITestOutputHelper output)
{
    private const int Runs = 5;

    [Theory]
    [InlineData(64)]
    [InlineData(1024)]
    [InlineData(64 * 1024)]
    public void Masking_speed(int size)
    {
        byte[] data = new byte[size];
        int rounds = 256 * 1024 * 1024 / size;
        TimeSpan best = Best(() =>
        {
            for (int i = 0; i < rounds; i++)
                Masking.Apply(data, 0x04030201);
        });
        Print($"masking {size} B: {(double)rounds * size / best.TotalSeconds / 1e9:F1} GB/s");
    }

    [Theory]
    [InlineData(64)]
    [InlineData(1024)]
    public void Assembling_speed(int size)
    {
        const int Rounds = 1_000_000;
        using var assembler = new MessageAssembler(Role.Client); // unmasked: the block can be read again and again
        byte[] block = new byte[FrameHeader.MaxSize + size];
        int header = FrameWriter.WriteHeader(block, Opcode.Text, isFinal: true, size);
        block.AsSpan(header, size).Fill((byte)'a');
        long messages = 0;
        TimeSpan best = Best(() =>
        {
            for (int i = 0; i < Rounds; i++)
                messages += assembler.Read(block.AsSpan(0, header + size), out _, out _) ? 1 : 0;
        });
        Assert.Equal((long)Rounds * (Runs + 1), messages);
        Print($"assembling text of {size} B: {best.TotalNanoseconds / Rounds:F1} ns a message");
    }

    [Fact]
    public async Task Echo_in_memory()
    {
        const int Rounds = 20_000;
        await using RawPeer peer = RawPeer.Open();
        _ = Task.Run(async () =>
        {
            await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync())
                await peer.Connection.SendAsync(message);
        });
        byte[] frame = peer.Frame(Opcode.Binary, new byte[64]);
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run <= Runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Rounds; i++)
            {
                await peer.SendAsync(frame);
                Assert.True(await peer.ReceiveAsync());
            }

            best = new TimeSpan(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
        }

        Print($"echo of 64 B in memory, one at a time: {best.TotalMicroseconds / Rounds:F1} µs a message");
    }

    private static TimeSpan Best(Action action)
    {
        action(); // warm
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run < Runs; run++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = new TimeSpan(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
        }

        return best;
    }

    private void Print(string figure)
    {
        output.WriteLine(figure);
        Console.WriteLine($"FIGURE {figure}");
    }
}
