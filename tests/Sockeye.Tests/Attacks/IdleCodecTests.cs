using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Compression;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Attacks;

/// <summary>What idle compressed connections hold. Row V19 of the attack catalogue.</summary>
public sealed class IdleCodecTests(ITestOutputHelper output)
{
    // Text of a size that is worth compressing by itself.
    private static readonly byte[] Text = [.. Enumerable.Repeat("idle compressed connections "u8.ToArray(), 60).SelectMany(b => b)];

    private readonly CountingPool _pool = new(trace: false);
    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public async Task V19_Ten_thousand_idle_connections_without_context_hold_no_codec_and_no_buffer(CodecKind kind)
    {
        var buffers = new BufferPool(_pool);
        Codecs codecs = kind.Create();
        List<Idle> all = await OpenAsync(buffers, 10_000, keepsContext: false, codecs);
        await Settle.UntilAsync(() => buffers.SlabsHeld == 0);
        Assert.Equal((0, 0), (codecs.Inflaters.Rented, DeflateAttackTests.Deflaters(codecs).Rented));
        Assert.InRange(codecs.Inflaters.Live, 1, 2 * Environment.ProcessorCount);
        Assert.InRange(DeflateAttackTests.Deflaters(codecs).Live, 1, 2 * Environment.ProcessorCount);
        Assert.Equal(0, _pool.Outstanding);
        await EndAsync(all);
    }

    [Theory]
    [InlineData(CodecKind.Native)]
    [InlineData(CodecKind.Fallback)]
    public async Task V19_Idle_connections_with_context_hold_one_codec_each_way_until_they_end(CodecKind kind)
    {
        const int Count = 100;
        var buffers = new BufferPool(_pool);
        Codecs codecs = kind.Create();
        CodecPool<Deflater> deflaters = DeflateAttackTests.Deflaters(codecs);
        List<Idle> all = await OpenAsync(buffers, Count, keepsContext: true, codecs);
        Assert.Equal((Count, Count), (codecs.Inflaters.Rented, deflaters.Rented));

        // The compressor goes with the silence; the window of the peer's messages cannot.
        _time.Advance(TimeSpan.FromMinutes(2));
        await Settle.UntilAsync(() => deflaters.Rented == 0);
        Assert.Equal(Count, codecs.Inflaters.Rented);

        await EndAsync(all);
        await Settle.UntilAsync(() => codecs.Inflaters.Rented == 0);
        Assert.Equal(0, _pool.Outstanding);
    }

    // A figure, for the shared pools of the runtime grow and shrink by more than a few connections cost.
    [Fact]
    [Trait("Category", "Figures")]
    public async Task V19_Idle_compressed_connection_costs_little_more_than_any_other()
    {
        const int Count = 10_000;
        var buffers = new BufferPool(_pool);
        await EndAsync(await OpenAsync(buffers, Count, keepsContext: false)); // what is made once
        await Task.Yield(); // off the stack of that, which still knows its connections
        long before = Held();
        List<Idle> plain = await OpenAsync(buffers, Count, keepsContext: null);
        long between = Held();
        List<Idle> compressed = await OpenAsync(buffers, Count, keepsContext: false);
        long after = Held();
        await EndAsync(plain);
        await EndAsync(compressed);
        string figure = $"V19: {(between - before) / Count} bytes an idle connection with its in-memory transport, {(after - between) / Count} a compressed one";
        output.WriteLine(figure);
        Console.WriteLine($"FIGURE {figure}");
        Assert.InRange(after - between, Count, between - before + (Count * 1024));

        static long Held()
        {
            for (int i = 0; i < 5; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }

            return GC.GetTotalMemory(forceFullCollection: true);
        }
    }

    private static async Task EndAsync(List<Idle> all)
    {
        foreach (Idle idle in all)
        {
            idle.Connection.Abort();
            idle.Peer.Abort();
        }

        foreach (Idle idle in all)
            await idle.Handling.Soon();
    }

    /// <summary>Opens connections, each of which has received and sent a message; with null, they do not compress.</summary>
    private async Task<List<Idle>> OpenAsync(BufferPool buffers, int count, bool? keepsContext, Codecs? codecs = null)
    {
        using var deflater = new MessageDeflater(CodecKind.Native.Deflaters(), keepsContext: false);
        byte[] frame = keepsContext is null
            ? Wire.Frame(Role.Server, Opcode.Text, Text)
            : Wire.Raw(0xC1, deflater.Compress(Text), isMasked: true);
        var options = new WebSocketConnectionOptions { TimeProvider = _time, Buffers = buffers, IdleTimeout = TimeSpan.Zero };
        List<Idle> all = [];
        for (int i = 0; i < count; i++)
        {
            (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(buffers, BufferPool.Shared);
            DeflateAgreement? agreement = keepsContext is { } keeps ? DeflateAttackTests.Agree(Role.Server, keeps, codecs) : null;
            var connection = new WebSocketConnection(own, Role.Server, options, new ConnectionDetails { Deflate = agreement }, []);
            Task handling = connection.RunAsync(new WebSocketHandler { Message = static (socket, message) => socket.SendAsync(message) });
            all.Add(new Idle(connection, peer, handling));
            await peer.SendAsync(frame, default);
        }

        foreach ((WebSocketConnection connection, InMemoryTransport peer, _) in all)
        {
            ReceivedBlock echo = await peer.ReceiveAsync(default).Soon();
            Assert.Equal(keepsContext is null ? 0x81 : 0xC1, echo.Memory[0]);
            peer.Advance(echo.Memory.Count);
            peer.ReleaseBlock();
            await connection.DrainAsync().Soon();
        }

        return all;
    }

    private sealed record Idle(WebSocketConnection Connection, InMemoryTransport Peer, Task Handling);
}
