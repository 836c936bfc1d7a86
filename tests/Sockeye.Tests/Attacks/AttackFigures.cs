using System.Diagnostics;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Tests.Compression;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Attacks;

/// <summary>What attacks cost in time: figures and ratios with the bounds of the attack catalogue, the best of five runs, for
/// <c>./test.sh --figures</c>, alone on the machine.</summary>
[Trait("Category", "Figures")]
public sealed class AttackFigures(ITestOutputHelper output)
{
    private const int Runs = 5;

    // What twice the input may cost, of work that is linear in it; and how often it is tried: time is only ever lost to others.
    private const double Linear = 2.3;
    private const int MostRuns = 100;

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
            }, Linear * previous).TotalMicroseconds;
            Print($"V05: {wire.Length} bytes one by one, fragmented: {isFragmented}: {time:F0} µs, {(previous > 0 ? time / previous : 0):F2} of half as many");
            Assert.True(previous == 0 || time / previous <= Linear);
            previous = time;
        }
    }

    [Fact]
    public void V05_Twice_as_long_a_head_byte_by_byte_costs_twice_the_time()
    {
        double previous = 0;
        for (int size = 16 * 1024; size <= 256 * 1024; size *= 2)
        {
            byte[] head = System.Text.Encoding.ASCII.GetBytes(
                "GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat($"A: b\tc{new string('d', 56)}\r\n", size / 64)) + "\r\n");
            double time = Best(() =>
            {
                var scanner = new HeadScanner(new HandshakeLimits { MaxHeadBytes = 512 * 1024, MaxHeaderLines = 10_000, MaxLineBytes = 1024 });
                for (int end = 1; end < head.Length; end++)
                    scanner.TryFindEnd(head.AsSpan(0, end), out _, out _);
            }, Linear * previous).TotalMicroseconds;
            Print($"V05: a head of {head.Length} bytes one by one: {time:F0} µs, {(previous > 0 ? time / previous : 0):F2} of half as much");
            Assert.True(previous == 0 || time / previous <= Linear);
            previous = time;
        }
    }

    [Fact]
    public async Task V13_Bomb_is_refused_within_50_ms_of_crossing_the_limit()
    {
        const int MiB = 1024 * 1024;
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext: false);
        byte[] bomb = Wire.Raw(0xC2, deflater.Compress(new byte[100 * MiB]), isMasked: true);
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run <= Runs; run++)
        {
            await using RawPeer peer = RawPeer.Create(
                configure: o => o with { MaxMessageSize = MiB }, deflate: DeflateAttackTests.Agree(Role.Server, keepsContext: false));
            peer.Connection.Start();
            _ = EventLog.ReadMessagesAsync(peer.Connection);
            long start = Stopwatch.GetTimestamp();
            await peer.SendAsync(bomb);
            await peer.ReadToEndAsync();
            best = new TimeSpan(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
        }

        Print($"V13: from a bomb with a limit of 1 MiB to the end of the connection: {best.TotalMicroseconds:F0} µs");
        Assert.True(best < TimeSpan.FromMilliseconds(50));
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void V20_Empty_blocks_cost_at_most_three_times_what_other_data_costs(CodecKind kind)
    {
        byte[] empty = [.. Enumerable.Repeat<byte[]>([0x00, 0x00, 0x00, 0xFF, 0xFF], 400_000).SelectMany(b => b), 0x00];
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext: false);
        byte[] normal = deflater.Compress(Samples.Json(new Random(20), 8_000_000));
        double ofEmpty = PerByte(empty);
        double ofNormal = PerByte(normal);
        Print($"V20: {kind}: {ofEmpty:F2} ns a byte of empty blocks, {ofNormal:F2} ns a byte of other data");
        Assert.True(ofEmpty <= 3 * ofNormal);

        double PerByte(byte[] payload)
        {
            byte[] wire = Wire.Raw(0xC2, payload, isMasked: false);
            return Best(() =>
            {
                using var assembler = new MessageAssembler(Role.Client, inflater: new MessageInflater(kind.Inflaters(), keepsContext: false));
                assembler.Read(wire, out _, out ReceivedEvent received);
                Assert.Equal(ReceivedEventKind.Binary, received.Kind);
                if (received.Gathered is not null)
                    System.Buffers.ArrayPool<byte>.Shared.Return(received.Gathered);
            }).TotalNanoseconds / wire.Length;
        }
    }

    /// <summary>Takes the best time.</summary>
    /// <param name="action">What is timed.</param>
    /// <param name="bound">Up to how many microseconds more runs are of no use; 0 for none.</param>
    private static TimeSpan Best(Action action, double bound = 0)
    {
        action(); // warm
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run < Runs || (bound > 0 && best.TotalMicroseconds > bound && run < MostRuns); run++)
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
