using Sockeye.Compression;
using Sockeye.Testing;

namespace Sockeye.Tests.Compression;

/// <summary>What one side compresses the other inflates, with either codec on either side, over all settings.</summary>
public sealed class RoundTripTests
{
    private const int Seed = 7_692;

    private static readonly int[] Sizes = [0, 1, 2, 3, 100, 257, 258, 259, 1_000, 4_096, 16_384, 40_000, 70_000];

    [Theory]
    [InlineData(CodecKind.Native, CodecKind.Native)]
    [InlineData(CodecKind.Native, CodecKind.Fallback)]
    [InlineData(CodecKind.Fallback, CodecKind.Native)]
    [InlineData(CodecKind.Fallback, CodecKind.Fallback)]
    public void Random_messages_over_random_settings_come_out_as_they_went_in(CodecKind from, CodecKind to)
    {
        for (int round = 0; round < 250; round++)
        {
            var random = new Random(Seed + round);
            int level = random.Next(1, 10), bits = from == CodecKind.Native ? random.Next(8, 16) : 15, memory = random.Next(1, 10), strategy = random.Next(5);
            bool takesOver = random.Next(2) == 0;
            using var deflater = new MessageDeflater(from.Deflaters(level, bits, memory, strategy), takesOver);
            using var inflater = new MessageInflater(to.Inflaters(), takesOver);
            for (int message = 0; message < 4; message++)
            {
                byte[] data = Samples.Make(random, random.Next(4) == 0 ? Sizes[random.Next(Sizes.Length)] : random.Next(3_000));
                byte[] compressed = Compress(deflater, data, random);
                if (random.Next(5) == 0)
                    deflater.Release(); // rule Z1
                byte[]? inflated = inflater.Inflate(compressed, 1 + random.Next(random.Next(2) == 0 ? 10 : 5_000), 1 + random.Next(random.Next(2) == 0 ? 10 : 5_000));
                if (inflated is null || !inflated.AsSpan().SequenceEqual(data))
                {
                    Assert.Fail($"Message {message} of {data.Length} bytes: {(inflated is null ? "not valid" : "differs")} (seed {Seed + round}, "
                        + $"level {level}, window {bits}, memory level {memory}, strategy {strategy}, context {takesOver}).");
                }
            }
        }
    }

    // Rule Z2: an inflater that notes every distance finds none beyond the window that was agreed, at any level.
    [Theory]
    [InlineData(8, 250)]
    [InlineData(9, 250)]
    [InlineData(10, 762)]
    [InlineData(11, 1_786)]
    [InlineData(12, 3_834)]
    [InlineData(13, 7_930)]
    [InlineData(14, 16_122)]
    [InlineData(15, 32_506)]
    public void Distances_stay_within_the_window_at_every_level(int windowBits, int largest)
    {
        for (int level = 1; level <= 9; level++)
        {
            for (int strategy = 0; strategy <= 4; strategy++)
            {
                var random = new Random(Seed);
                using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(level, windowBits, memoryLevel: 9, strategy), keepsContext: true);
                byte[] history = [];
                int found = 0;
                foreach (byte[] message in Messages(random, largest))
                {
                    var inflated = NaiveInflate.Read(deflater.Compress(message, endsMessage: false), history);
                    Assert.False(inflated.IsBroken);
                    Assert.True(inflated.IsBetweenBlocks);
                    Assert.Equal(message, inflated.Output);
                    history = inflated.History;
                    found = Math.Max(found, inflated.LargestDistance);
                }

                Assert.InRange(found, 0, largest);
                // That the data had repetitions to find: all but the strategies that do not look for any.
                if (strategy is 0 or 4)
                    Assert.InRange(found, largest / 3, largest);
            }
        }
    }

    // 7.1.1: what follows refers to nothing before it, so each message can be inflated by itself.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Message_without_context_refers_to_nothing_before_it(CodecKind kind)
    {
        for (int level = 1; level <= 9; level++)
        {
            CodecPool<Deflater> pool = kind.Deflaters(level);
            byte[] data = Samples.Json(new Random(level), 3_000);
            using var first = new MessageDeflater(pool, keepsContext: false);
            using var second = new MessageDeflater(pool, keepsContext: true);
            byte[] alone = first.Compress(data, endsMessage: false);
            first.Release();
            Assert.Equal(1, pool.Live);
            for (int i = 0; i < 3; i++)
            {
                byte[] again = second.Compress(data, endsMessage: false);
                second.Release(); // the same codec, with another connection's data in its window
                Assert.Equal(data, NaiveInflate.Read(again).Output);
                Assert.InRange(again.Length, alone.Length - 100, alone.Length + 100);
            }

            Assert.Equal((0, 1), (pool.Rented, pool.Live));
        }
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Message_with_context_refers_to_those_before_it(CodecKind kind)
    {
        byte[] data = Samples.Json(new Random(Seed), 3_000);
        using var deflater = new MessageDeflater(kind.Deflaters(), keepsContext: true);
        using var inflater = new MessageInflater(kind.Inflaters(), keepsContext: true);
        byte[] first = deflater.Compress(data);
        byte[] second = deflater.Compress(data);
        Assert.InRange(second.Length, 1, first.Length / 10);
        Assert.Equal(data, inflater.Inflate(first));
        Assert.Equal(data, inflater.Inflate(second));

        // Its window is gone with it.
        inflater.Dispose();
        Assert.Null(inflater.Inflate(second));
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Fragment_ends_at_the_boundary_of_a_byte_and_inflates_at_once(CodecKind kind)
    {
        using var deflater = new MessageDeflater(kind.Deflaters(), keepsContext: true);
        using var inflater = new MessageInflater(kind.Inflaters(), keepsContext: true);
        byte[] room = new byte[100];
        foreach (string fragment in (string[])["Hello, ", "", "Hello, ", "world"])
        {
            byte[] source = System.Text.Encoding.ASCII.GetBytes(fragment);
            byte[] compressed = deflater.Compress(source, endsMessage: false);
            Assert.True(compressed.Length == 0 ? fragment.Length == 0 : compressed.AsSpan().EndsWith((byte[])[0x00, 0x00, 0xFF, 0xFF]));
            Assert.True(inflater.TryInflate(compressed, room, out int consumed, out int written));
            Assert.Equal((compressed.Length, fragment), (consumed, System.Text.Encoding.ASCII.GetString(room, 0, written)));
        }

        Assert.Equal([0x00], deflater.Compress([]));
        Assert.True(inflater.TryInflate([0x00], room, out _, out int none));
        Assert.Equal(0, none);
        Assert.True(inflater.TryEndMessage());
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Empty_message_needs_no_deflater(CodecKind kind)
    {
        CodecPool<Deflater> pool = kind.Deflaters();
        using var deflater = new MessageDeflater(pool, keepsContext: true);
        Assert.Equal([0x00], deflater.Compress([]));
        Assert.Empty(deflater.Compress([], endsMessage: false));
        Assert.Equal((0, false), (pool.Live, deflater.HoldsDeflater));
    }

    // However little room there is when the flush begins.
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Output_of_any_first_size_is_the_same_message(CodecKind kind)
    {
        byte[] data = Samples.Json(new Random(Seed), 200);
        var arrays = new CountingPool(trace: false);
        for (int capacity = 1; capacity <= 200; capacity++)
        {
            using var deflater = new MessageDeflater(kind.Deflaters(), keepsContext: false);
            var output = new OutputArray(arrays, capacity);
            deflater.Compress(data, ref output, endsMessage: true);
            using var inflater = new MessageInflater(kind.Inflaters(), keepsContext: false);
            Assert.Equal(data, inflater.Inflate(output.Array.AsSpan(0, output.Length)));
            output.Return();
        }

        Assert.Equal(0, arrays.Outstanding);
    }

    [Fact]
    public void Fallback_keeps_no_window_but_the_largest() =>
        Assert.Throws<NotSupportedException>(() => CodecKind.Fallback.Deflaters(windowBits: 14).Rent());

    private static byte[] Compress(MessageDeflater deflater, byte[] data, Random random)
    {
        List<byte> compressed = [];
        int start = 0;
        for (int fragments = random.Next(3) == 0 ? random.Next(2, 5) : 1; fragments > 0; fragments--)
        {
            int end = fragments == 1 ? data.Length : random.Next(start, data.Length + 1);
            compressed.AddRange(deflater.Compress(data.AsSpan(start, end - start), endsMessage: fragments == 1, capacity: 1 + random.Next(200)));
            start = end;
            if (fragments > 1 && random.Next(10) == 0)
                deflater.Release();
        }

        return [.. compressed];
    }

    // Repetitions at every distance around the limit, over the boundaries of messages.
    private static IEnumerable<byte[]> Messages(Random random, int largest)
    {
        byte[] period = new byte[largest / 2];
        random.NextBytes(period);
        yield return [.. period, .. period, .. period];
        yield return period;
        foreach (int distance in (int[])[largest - 1, largest, largest + 1, largest + 6, largest + 262, 2 * largest])
        {
            byte[] word = new byte[20];
            random.NextBytes(word);
            byte[] filler = new byte[Math.Max(1, distance - word.Length)];
            random.NextBytes(filler);
            yield return [.. word, .. filler, .. word];
        }
    }
}
