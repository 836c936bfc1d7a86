using static Sockeye.Protocol.Tests.Framing.Wire;

namespace Sockeye.Protocol.Tests.Framing;

public sealed class MaskingTests
{
    private const byte Canary = 0xC3;
    private static readonly byte[] Key = [0x37, 0xFA, 0x21, 0x3D];

    // The 300 bytes pass every width twice, with every rest behind it.
    private const int MaxLength = 300;

    [Fact]
    public void CreateKey_takes_the_bytes_in_the_order_of_the_wire()
    {
        byte[] data = new byte[4];
        Masking.Apply(data, Masking.CreateKey(Key));
        Assert.Equal(Key, data);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    public void CreateKey_of_another_number_of_bytes_throws(int count) =>
        Assert.Throws<ArgumentException>("randomBytes", () => Masking.CreateKey(new byte[count]));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(1_000_003)]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    public void Apply_of_each_length_and_alignment_equals_the_loop_of_the_RFC(int phase)
    {
        uint key = Masking.CreateKey(Key);
        byte[] plain = [.. Enumerable.Range(0, MaxLength).Select(i => (byte)(i * 151))];
        byte[] masked = Mask(plain, Key, phase & 3);
        byte[] source = new byte[MaxLength + 64];
        byte[] destination = new byte[MaxLength + 64];
        for (int length = 0; length <= MaxLength; length++)
        {
            for (int offset = 0; offset < 16; offset++)
            {
                Span<byte> from = Fill(source, offset, plain.AsSpan(0, length));
                Span<byte> to = Fill(destination, 16 - offset, from);

                Masking.Apply(from, to, key, phase);
                Check(destination, 16 - offset, masked.AsSpan(0, length));
                Check(source, offset, plain.AsSpan(0, length));

                Masking.Apply(from, key, phase);
                Check(source, offset, masked.AsSpan(0, length));
                Masking.Apply(from, key, phase);
                Check(source, offset, plain.AsSpan(0, length));
            }
        }
    }

    [Fact]
    public void Apply_in_pieces_with_their_phase_equals_the_whole()
    {
        var random = new Random(20_1);
        uint key = Masking.CreateKey(Key);
        byte[] whole = new byte[5000];
        random.NextBytes(whole);
        byte[] expected = Mask(whole, Key);
        for (int round = 0; round < 200; round++)
        {
            byte[] pieces = [.. whole];
            for (int at = 0, next; at < pieces.Length; at = next)
            {
                next = Math.Min(pieces.Length, at + random.Next(1, 1 + random.Next(1, 600)));
                Masking.Apply(pieces.AsSpan(at, next - at), key, at);
            }

            Assert.Equal(expected, pieces);
        }
    }

    [Fact]
    public void Apply_onto_the_same_memory_equals_in_place()
    {
        byte[] data = [.. Enumerable.Range(0, MaxLength).Select(i => (byte)i)];
        byte[] expected = Mask(data, Key);
        Masking.Apply(data, data, Masking.CreateKey(Key));
        Assert.Equal(expected, data);
    }

    [Fact]
    public void Apply_into_too_little_memory_throws() =>
        Assert.Throws<ArgumentException>("destination", () => Masking.Apply(new byte[5], new byte[4], 1));

    private static Span<byte> Fill(byte[] array, int offset, ReadOnlySpan<byte> data)
    {
        array.AsSpan().Fill(Canary);
        data.CopyTo(array.AsSpan(offset));
        return array.AsSpan(offset, data.Length);
    }

    private static void Check(byte[] array, int offset, ReadOnlySpan<byte> expected)
    {
        Assert.True(array.AsSpan(offset, expected.Length).SequenceEqual(expected));
        Assert.False(array.AsSpan(0, offset).ContainsAnyExcept(Canary));
        Assert.False(array.AsSpan(offset + expected.Length).ContainsAnyExcept(Canary));
    }
}
