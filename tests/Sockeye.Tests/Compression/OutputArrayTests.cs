using Sockeye.Compression;
using Sockeye.Testing;

namespace Sockeye.Tests.Compression;

/// <summary>The array that compressed bytes are written into.</summary>
public sealed class OutputArrayTests
{
    [Fact]
    public void Array_that_grows_keeps_what_was_written_and_gives_every_other_one_back()
    {
        var pool = new CountingPool();
        var output = new OutputArray(pool, 16);
        byte[] bytes = Samples.Json(new Random(1), 5000);
        for (int written = 0; written < bytes.Length; written += 100)
            output.Append(bytes.AsSpan(written, 100));
        output.Append(bytes);
        Assert.True(output.Written.SequenceEqual((byte[])[.. bytes, .. bytes]));
        Assert.Equal(1, pool.Outstanding);
        output.Return();
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void Array_grows_to_twice_its_size_or_what_is_needed_and_to_no_more_than_arrays_can_hold()
    {
        const int HalfOfAll = 1 << 30;
        Assert.Equal(200, OutputArray.NextSize(100, 101));
        Assert.Equal(500, OutputArray.NextSize(100, 500));
        Assert.Equal(Array.MaxLength, OutputArray.NextSize(HalfOfAll, HalfOfAll + 1));
        Assert.Equal(Array.MaxLength, OutputArray.NextSize(Array.MaxLength - 1, Array.MaxLength));
    }
}
