using System.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Attacks;

/// <summary>What attacks cost in time: figures and ratios with the bounds of the attack catalogue, the best of five runs, for
/// <c>./test.sh --figures</c>, alone on the machine.</summary>
[Trait("Category", "Figures")]
public sealed class AttackFigures(ITestOutputHelper output)
{
    private const int Runs = 5;

    // What twice the input may cost, of work that is linear in it.
    private const double Linear = 2.3;

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task V01_Length_that_overflows_is_refused_within_100_ms(Role role)
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run <= Runs; run++)
        {
            await using RawPeer peer = await RawPeer.OpenAsync(Carrier.Socket, role);
            _ = EventLog.ReadMessagesAsync(peer.Connection);
            byte[] header = Wire.Header(0x82, 64, ulong.MaxValue, isMasked: role == Role.Server);
            long start = Stopwatch.GetTimestamp();
            await peer.SendAsync(header);
            await peer.ReadToEndAsync();
            best = new TimeSpan(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
        }

        Print($"V01: from the header to the end of TCP, {role}: {best.TotalMicroseconds:F0} µs");
        Assert.True(best < TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public void V04_Million_empty_fragments_cost_less_than_a_second()
    {
        byte[] first = Wire.Frame(Role.Client, Opcode.Binary, [], isFinal: false);
        byte[] next = [.. Enumerable.Repeat(Wire.Frame(Role.Client, Opcode.Continuation, [], isFinal: false), 1000).SelectMany(f => f)];
        byte[] last = Wire.Frame(Role.Client, Opcode.Continuation, []);
        TimeSpan best = Best(() =>
        {
            using var assembler = new MessageAssembler(Role.Client);
            for (int message = 0; message < 10; message++)
            {
                assembler.Read(first, out _, out _);
                for (int i = 0; i < 100; i++)
                {
                    // One call stops where a frame has ended, or not: whatever it leaves is read on.
                    for (int at = 0; at < next.Length;)
                    {
                        assembler.Read(next.AsSpan(at), out int consumed, out _);
                        at += consumed;
                    }
                }

                assembler.Read(last, out _, out ReceivedEvent received);
                Assert.Equal(ReceivedEventKind.Binary, received.Kind);
            }
        });
        Print($"V04: a million empty fragments: {best.TotalMilliseconds:F1} ms");
        Assert.True(best < TimeSpan.FromSeconds(1));
    }

    // Frame headers apart: one message, its bytes alone in their blocks, as one frame or as frames of a byte each.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void V05_Twice_as_many_one_byte_segments_cost_twice_the_time(bool isFragmented)
    {
        double previous = 0;
        for (int size = 16 * 1024; size <= 256 * 1024; size *= 2)
        {
            byte[] wire = isFragmented
                ? [.. Enumerable.Range(0, size / 4).SelectMany(i =>
                    Wire.Frame(Role.Client, i == 0 ? Opcode.Text : Opcode.Continuation, "a"u8, isFinal: i == (size / 4) - 1))]
                : Wire.Frame(Role.Client, Opcode.Text, [.. Enumerable.Repeat((byte)'a', size)]);
            double time = Best(() =>
            {
                using var assembler = new MessageAssembler(Role.Client);
                ReceivedEvent received = default;
                int start = 0;
                for (int end = 1; end <= wire.Length; end++)
                {
                    assembler.Read(wire.AsSpan(start, end - start), out int consumed, out received);
                    start += consumed;
                }

                Assert.Equal(ReceivedEventKind.Text, received.Kind);
            }).TotalMicroseconds;
            Print($"V05: {wire.Length} bytes one by one, fragmented: {isFragmented}: {time:F0} µs, {(previous > 0 ? time / previous : 0):F2} of half as many");
            Assert.True(previous == 0 || time / previous <= Linear);
            previous = time;
        }
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
