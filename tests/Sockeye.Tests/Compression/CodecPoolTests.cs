using System.Buffers;
using System.Runtime.Loader;
using Sockeye.Compression;

namespace Sockeye.Tests.Compression;

/// <summary>Who holds a codec, for how long, and that none is left behind.</summary>
public sealed class CodecPoolTests
{
    private const int Kept = 2;

    private static readonly byte[] Data = Samples.Json(new Random(1), 500);

    // V19
    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Thousand_idle_connections_without_context_hold_no_codec(CodecKind kind)
    {
        CodecPool<Deflater> deflaters = kind.Deflaters();
        CodecPool<Inflater> inflaters = kind.Inflaters();
        for (int i = 0; i < 1_000; i++)
        {
            var deflater = new MessageDeflater(deflaters, keepsContext: false);
            var inflater = new MessageInflater(inflaters, keepsContext: false);
            Assert.Equal(Data, inflater.Inflate(deflater.Compress(Data)));
            Assert.False(deflater.HoldsDeflater);
        }

        Assert.Equal((0, 1), (deflaters.Rented, deflaters.Live));
        Assert.Equal((0, 1), (inflaters.Rented, inflaters.Live));
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Connection_with_context_holds_its_own_from_the_first_compressed_message_to_its_end(CodecKind kind)
    {
        CodecPool<Deflater> deflaters = kind.Deflaters();
        CodecPool<Inflater> inflaters = kind.Inflaters();
        (MessageDeflater Deflater, MessageInflater Inflater)[] connections =
            [.. Enumerable.Range(0, 5).Select(_ => (new MessageDeflater(deflaters, keepsContext: true), new MessageInflater(inflaters, keepsContext: true)))];
        Assert.Equal((0, 0), (deflaters.Live, inflaters.Live));

        foreach ((MessageDeflater deflater, MessageInflater inflater) in connections)
            Assert.Equal(Data, inflater.Inflate(deflater.Compress(Data)));
        Assert.Equal((5, 5), (deflaters.Rented, inflaters.Rented));

        foreach ((MessageDeflater deflater, MessageInflater inflater) in connections)
        {
            deflater.Dispose();
            deflater.Dispose();
            inflater.Dispose();
            inflater.Dispose();
        }

        Assert.Equal((0, Kept), (deflaters.Rented, deflaters.Live));
        Assert.Equal((0, Kept), (inflaters.Rented, inflaters.Live));
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public void Codec_given_back_in_the_middle_of_anything_knows_nothing(CodecKind kind)
    {
        CodecPool<Deflater> deflaters = kind.Deflaters();
        CodecPool<Inflater> inflaters = kind.Inflaters();
        byte[] compressed;
        using (var deflater = new MessageDeflater(deflaters, keepsContext: true))
        {
            compressed = deflater.Compress(Data);
            deflater.Compress(Data, endsMessage: false);
        }

        byte[] room = new byte[10_000];
        byte[] wrong = [.. compressed];
        wrong[^1] = 0x06;
        for (int length = 0; length <= compressed.Length; length++)
        {
            using (var inflater = new MessageInflater(inflaters, keepsContext: true))
                inflater.TryInflate((length % 2 == 0 ? compressed : wrong).AsSpan(0, length), room.AsSpan(0, 1 + length), out _, out _);
            using var next = new MessageInflater(inflaters, keepsContext: true);
            Assert.Equal(Data, next.Inflate(compressed));
        }

        using var nextDeflater = new MessageDeflater(deflaters, keepsContext: true);
        using var alone = new MessageInflater(inflaters, keepsContext: true);
        Assert.Equal(Data, alone.Inflate(nextDeflater.Compress(Data)));
        Assert.Equal((1, 1), (deflaters.Live, inflaters.Live));
    }

    [Fact]
    public void Deflater_that_fails_is_not_used_again()
    {
        List<FailingDeflater> made = [];
        var pool = new CodecPool<Deflater>(() => new FailingDeflater(made), Kept);
        using var deflater = new MessageDeflater(pool, keepsContext: true);

        for (int i = 1; i <= 3; i++)
        {
            Assert.Throws<InvalidOperationException>(() => deflater.Compress(Data));
            Assert.Equal((i, i), (made.Count, made.Count(codec => codec.IsDisposed)));
            Assert.Equal((false, 0), (deflater.HoldsDeflater, pool.Live));
        }
    }

    // V17: whoever disposes while another works ends nothing under its feet.
    [Fact]
    public async Task Native_stream_that_is_disposed_while_it_works_is_ended_afterwards()
    {
        byte[] data = Samples.Json(new Random(2), 50_000);
        for (int i = 0; i < 300; i++)
        {
            var deflater = new NativeDeflater(new DeflaterSettings(6, 15, 8, 0));
            using var started = new ManualResetEventSlim();
            var working = Task.Run(() =>
            {
                var output = new OutputArray(ArrayPool<byte>.Shared, 100_000);
                try
                {
                    started.Set();
                    while (true)
                    {
                        deflater.Compress(data, ref output);
                        output.Shorten(output.Length);
                    }
                }
                finally
                {
                    output.Return();
                }
            });
            started.Wait();
            deflater.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => working);
        }
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public async Task Pool_that_many_threads_use_loses_and_shares_no_codec(CodecKind kind)
    {
        CodecPool<Deflater> deflaters = kind.Deflaters(level: 1);
        CodecPool<Inflater> inflaters = kind.Inflaters();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() =>
        {
            byte[] data = Samples.Json(new Random(worker), 300 + worker);
            using var deflater = new MessageDeflater(deflaters, keepsContext: false);
            using var inflater = new MessageInflater(inflaters, keepsContext: false);
            for (int i = 0; i < 200; i++)
                Assert.Equal(data, inflater.Inflate(deflater.Compress(data)));
        })));
        Assert.Equal((0, 0), (deflaters.Rented, inflaters.Rented));
        Assert.InRange(deflaters.Live, 1, Kept);
        Assert.InRange(inflaters.Live, 1, Kept);
    }

    [Fact]
    public void Native_library_is_found_and_chosen_and_its_pools_are_shared()
    {
        Assert.True(NativeZLib.IsAvailable);
        Assert.True(Codecs.Shared.CanLimitWindow);
        var settings = new DeflaterSettings(3, 12, 8, 0);
        Assert.Same(Codecs.Shared.Deflaters(settings), Codecs.Shared.Deflaters(settings));
        Assert.NotSame(Codecs.Shared.Deflaters(settings), Codecs.Shared.Deflaters(settings with { Level = 4 }));
    }

    [Fact]
    public void Codec_that_cannot_be_emptied_is_not_kept()
    {
        List<FailingDeflater> made = [];
        var pool = new CodecPool<Deflater>(() => new FailingDeflater(made), Kept);
        pool.Return(pool.Rent());
        Assert.True(Assert.Single(made).IsDisposed);
        Assert.Equal((0, 0), (pool.Rented, pool.Live));
    }

    // The switch is read once, so another copy of the library reads it here.
    [Fact]
    public void Switch_turns_the_native_library_off()
    {
        Assert.True(Codecs.Shared.CanLimitWindow);
        AppContext.SetSwitch(Codecs.FallbackSwitch, isEnabled: true);
        try
        {
            var context = new AssemblyLoadContext(name: null);
            Type codecs = context.LoadFromAssemblyPath(typeof(Codecs).Assembly.Location).GetType(typeof(Codecs).FullName!)!;
            Assert.NotEqual(typeof(Codecs), codecs);
            object shared = codecs.GetProperty(nameof(Codecs.Shared))!.GetValue(null)!;
            Assert.Equal(false, codecs.GetProperty(nameof(Codecs.CanLimitWindow))!.GetValue(shared));
            object inflaters = codecs.GetProperty(nameof(Codecs.Inflaters))!.GetValue(shared)!;
            object inflater = inflaters.GetType().GetMethod(nameof(CodecPool<Inflater>.Rent))!.Invoke(inflaters, null)!;
            Assert.Equal(nameof(ManagedInflater), inflater.GetType().Name);
        }
        finally
        {
            AppContext.SetSwitch(Codecs.FallbackSwitch, isEnabled: false);
        }
    }

    private sealed class FailingDeflater : Deflater
    {
        public FailingDeflater(List<FailingDeflater> made) => made.Add(this);

        public bool IsDisposed { get; private set; }

        public override void Compress(ReadOnlySpan<byte> source, ref OutputArray output) => throw new InvalidOperationException();

        public override void Reset() => throw new InvalidOperationException();

        public override void Dispose() => IsDisposed = true;
    }
}
