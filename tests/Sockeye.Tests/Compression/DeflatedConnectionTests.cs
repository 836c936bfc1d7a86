using System.Net;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Compression;

/// <summary>permessage-deflate from one end to the other: a client and a server over a socket, with either codec.</summary>
public sealed class DeflatedConnectionTests
{
    private static readonly DeflateParameters NoContext = new() { ServerNoContextTakeover = true, ClientNoContextTakeover = true };

    public static TheoryData<CodecKind, bool> KindsAndContexts => new()
    {
        { CodecKind.Native, true }, { CodecKind.Native, false }, { CodecKind.Fallback, true }, { CodecKind.Fallback, false },
    };

    [Theory]
    [MemberData(nameof(KindsAndContexts))]
    public async Task Messages_come_back_whole_whatever_their_size_and_kind(CodecKind kind, bool keepsContext)
    {
        Codecs codecs = kind.Create();
        PerMessageDeflateOptions options = Options(codecs, keepsContext);
        await using (WebSocketServer server = await EchoServerAsync(options))
        await using (WebSocketConnection socket = await ConnectAsync(server, options))
        {
            Assert.Equal(keepsContext ? new DeflateParameters() : NoContext, socket.PerMessageDeflate);
            var random = new Random(7);
            foreach (int size in new[] { 0, 1, 100, 1023, 1024, 16_384, 16_385, 65_536, 300_000, 2_000_000, 10 })
            {
                string text = Samples.Words(random, size);
                Task sent = socket.SendTextAsync(text).AsTask();
                Assert.Equal(text, (await socket.ReceiveAsync().Soon()).GetText());
                await sent.Soon();
                byte[] noise = GatedPeer.Bytes(size);
                sent = socket.SendAsync(noise).AsTask();
                Assert.True((await socket.ReceiveAsync().Soon()).Span.SequenceEqual(noise));
                await sent.Soon();
                sent = socket.SendTextAsync(text, SendOptions.Sensitive).AsTask();
                Assert.Equal(text, (await socket.ReceiveAsync().Soon()).GetText());
                await sent.Soon();
            }

            Assert.True((await socket.CloseAsync().Soon()).IsClean);
        }

        await Settle.UntilAsync(() => codecs.Inflaters.Rented == 0 && codecs.Deflaters(Settings(options)).Rented == 0);
    }

    [Fact]
    public async Task Connection_holds_a_codec_only_where_the_context_is_kept_and_from_the_first_compressed_message_on()
    {
        foreach (bool keepsContext in new[] { true, false })
        {
            var codecs = Codecs.CreateNative();
            PerMessageDeflateOptions options = Options(codecs, keepsContext);
            await using WebSocketServer server = await EchoServerAsync(options);
            await using WebSocketConnection socket = await ConnectAsync(server, options);
            CodecPool<Deflater> deflaters = codecs.Deflaters(Settings(options));
            Assert.Equal((0, 0), (codecs.Inflaters.Live, deflaters.Live));
            await socket.SendTextAsync("secret", SendOptions.Sensitive);
            await socket.ReceiveAsync().Soon();
            Assert.Equal(keepsContext ? 1 : 0, deflaters.Rented); // the echo is compressed where there is a context
            await socket.SendTextAsync("x", SendOptions.Compress);
            await socket.ReceiveAsync().Soon();
            // Two ends, one process.
            await Settle.UntilAsync(() => (codecs.Inflaters.Rented, deflaters.Rented) == (keepsContext ? (2, 2) : (0, 0)));
        }
    }

    [Fact]
    public async Task ConcurrencyLimit_lets_others_wait_and_nothing_is_lost()
    {
        PerMessageDeflateOptions options = Options(Codecs.CreateNative(), keepsContext: false) with { ConcurrencyLimit = 1 };
        Assert.NotSame(options.Gate, (options with { Level = 9 }).Gate);
        await using WebSocketServer server = await EchoServerAsync(options);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            await using WebSocketConnection socket = await ConnectAsync(server, options);
            for (int i = 0; i < 50; i++)
            {
                string text = Samples.Words(new Random(i), 5000);
                await socket.SendTextAsync(text);
                Assert.Equal(text, (await socket.ReceiveAsync().Soon()).GetText());
            }
        }))).Soon();
        Assert.Equal(1, options.Gate!.CurrentCount);
    }

    [Fact]
    public async Task ConcurrencyLimit_is_held_while_a_codec_works()
    {
        PerMessageDeflateOptions options = Options(Codecs.CreateNative(), keepsContext: true) with { ConcurrencyLimit = 1 };
        await using RawPeer peer = RawPeer.Create(deflate: new DeflateAgreement(Role.Server, new DeflateParameters(), options));
        peer.Connection.Start();
        await options.Gate!.WaitAsync();
        Task sent = Task.Run(() => peer.Connection.SendTextAsync("waits").AsTask());
        Task<ReceivedFrame?> read = peer.ReadFrameAsync();
        await sent.Soon();
        await Settle.UntilAsync(() => peer.Connection.BufferedBytes > 0);
        Assert.False(read.IsCompleted);
        options.Gate.Release();
        Assert.True((await read.Soon())!.IsCompressed);
    }

    [Fact]
    public async Task Z1_Codec_that_fails_to_compress_ends_the_connection_with_1011_and_what_was_sent_before_arrives()
    {
        var codecs = new Codecs(_ => new FailingDeflater(2), () => new ManagedInflater(), canLimitWindow: false);
        PerMessageDeflateOptions options = Options(codecs, keepsContext: true);
        await using RawPeer peer = RawPeer.Create(
            deflate: new DeflateAgreement(Role.Server, new DeflateParameters(), options), wrap: own => new GatedTransport(own));
        peer.Connection.Start();
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("0");
        await peer.Gate().WriteAsync();
        await peer.Connection.SendTextAsync("1");
        await peer.Connection.SendTextAsync("2");
        Task large = peer.Connection.SendAsync(new byte[50_000]).AsTask();
        Task drained = peer.Connection.DrainAsync().AsTask();
        peer.Gate().Release();

        byte[] mark = [FailingDeflater.Mark];
        Assert.Equal(mark, (await peer.ReadFrameAsync())!.Payload);
        Assert.Equal(mark, (await peer.ReadFrameAsync())!.Payload);
        Assert.Equal((Opcode.Close, 1011), await peer.ReadFrameAsync() is { } close ? (close.Opcode, close.CloseCode) : default);
        await peer.SendAsync(peer.CloseFrame(CloseCode.InternalError));
        await peer.Transport.ShutdownAsync();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.CompressionFailed, 2L), (result.Cause, result.UnsentMessages));
        Assert.IsType<InvalidOperationException>(result.Exception);
        WebSocketClosedException told = await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
        Assert.Equal((CloseCause.CompressionFailed, true), (told.Result.Cause, told.Result.Exception is InvalidOperationException));
        await Assert.ThrowsAsync<WebSocketClosedException>(() => drained.Soon());
    }

    [Fact]
    public async Task T1_Thread_that_has_just_stopped_writing_does_not_compress_what_another_one_writes()
    {
        var deflater = new HeldDeflater();
        await using RawPeer peer = RawPeer.Create(
            deflate: new DeflateAgreement(Role.Server, new DeflateParameters(), Options(deflater.Codecs, keepsContext: true)),
            wrap: own => new GatedTransport(own));
        peer.Connection.Start();
        var context = new PostingContext(() =>
        {
            // Where the writing thread tells that all has been sent, another one begins to write.
            _ = Task.Run(() => peer.Connection.SendTextAsync("compressed"));
            deflater.EnteredAsync().Wait();
        });
        peer.Gate().OnWrite = () =>
        {
            peer.Gate().OnWrite = null;
            context.Await(peer.Connection.DrainAsync());
        };
        // What leaves from the memory of its sender is written by the thread that sends it. It comes back when it writes no more.
        await Task.Run(() => { _ = peer.Connection.SendAsync(new byte[50_000], WebSocketMessageKind.Binary, SendOptions.DoNotCompress); }).Soon();
        Assert.True(context.HasPosted);
        deflater.Release();
        Assert.False((await peer.ReadFrameAsync().Soon())!.IsCompressed);
        Assert.True((await peer.ReadFrameAsync().Soon())!.IsCompressed);
        await peer.Connection.DrainAsync().Soon();
        Assert.Equal((1, 0), (deflater.Calls, deflater.Overlaps));
    }

    [Fact]
    public async Task Z1_Codec_that_fails_under_a_close_is_told_and_the_end_is_not_clean()
    {
        var codecs = new Codecs(_ => new FailingDeflater(1), () => new ManagedInflater(), canLimitWindow: false);
        await using RawPeer peer = RawPeer.Create(
            deflate: new DeflateAgreement(Role.Server, new DeflateParameters(), Options(codecs, keepsContext: true)),
            wrap: own => new GatedTransport(own));
        peer.Connection.Start();
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("0");
        await peer.Gate().WriteAsync();
        Task lost = peer.Connection.SendAsync(new byte[50_000]).AsTask();
        Task<CloseResult> closed = peer.Connection.CloseAsync();
        peer.Gate().Release();
        WebSocketClosedException told = await Assert.ThrowsAsync<WebSocketClosedException>(() => lost.Soon());
        Assert.IsType<InvalidOperationException>(told.Result.Exception);
        await peer.ReadFrameAsync();
        Assert.Equal(Opcode.Close, (await peer.ReadFrameAsync())!.Opcode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        CloseResult result = await closed.Soon();
        Assert.Equal((CloseCause.Local, false, 1L), (result.Cause, result.IsClean, result.UnsentMessages));
        Assert.IsType<InvalidOperationException>(result.Exception);
    }

    [Fact]
    public async Task ConcurrencyLimit_survives_codecs_that_cannot_be_made()
    {
        int made = 0;
        var codecs = new Codecs(
            _ => made++ == 0 ? throw new InvalidOperationException("No memory.") : new FailingDeflater(int.MaxValue),
            () => new ManagedInflater(),
            canLimitWindow: false);
        PerMessageDeflateOptions options = Options(codecs, keepsContext: true) with { ConcurrencyLimit = 1 };
        for (int i = 0; i < 2; i++)
        {
            await using RawPeer peer = RawPeer.Create(deflate: new DeflateAgreement(Role.Server, new DeflateParameters(), options));
            peer.Connection.Start();
            _ = peer.Connection.SendTextAsync("x");
            Assert.Equal(i == 0 ? Opcode.Close : Opcode.Text, (await peer.ReadFrameAsync().Soon())!.Opcode);
            Assert.Equal(1, options.Gate!.CurrentCount);
        }
    }

    [Fact]
    public async Task Codec_that_fails_to_inflate_ends_the_connection_and_is_told()
    {
        var codecs = new Codecs(_ => new FailingDeflater(0), () => throw new InvalidOperationException("No memory."), canLimitWindow: false);
        await using RawPeer peer = RawPeer.Create(
            deflate: new DeflateAgreement(Role.Server, new DeflateParameters(), Options(codecs, keepsContext: true)));
        peer.Connection.Start();
        byte[] frame = peer.Frame(Opcode.Text, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
        frame[0] |= 0x40; // RSV1
        Task<WebSocketMessage> read = peer.Connection.ReceiveAsync().AsTask();
        await peer.SendAsync(frame);
        ReceivedFrame close = (await peer.ReadFrameAsync().Soon())!;
        Assert.Equal((Opcode.Close, 1011), (close.Opcode, close.CloseCode));
        await peer.Transport.ShutdownAsync();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.CompressionFailed, "No memory."), (result.Cause, result.Exception!.Message));
        await Assert.ThrowsAsync<WebSocketClosedException>(() => read.Soon());
    }

    [Fact]
    public async Task Bomb_ends_with_1009_after_what_came_before_it()
    {
        PerMessageDeflateOptions options = Options(Codecs.CreateNative(), keepsContext: true);
        await using WebSocketServer server = await EchoServerAsync(options);
        await using WebSocketConnection socket = await ConnectAsync(server, options);
        await socket.SendTextAsync("before");
        await socket.SendAsync(new byte[17 * 1024 * 1024]); // some KiB on the wire
        Assert.Equal("before", (await socket.ReceiveAsync().Soon()).GetText());
        Assert.True((await socket.ReceiveAsync().Soon()).IsEnd);
        Assert.Equal(CloseCode.MessageTooBig, (await socket.Closed).ReceivedCode);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task Side_that_has_compression_off_gets_none(bool server, bool client)
    {
        await using WebSocketServer host = await EchoServerAsync(server ? PerMessageDeflateOptions.Default : null);
        await using WebSocketConnection socket = await ConnectAsync(host, client ? PerMessageDeflateOptions.Default : null);
        Assert.Null(socket.PerMessageDeflate);
        await socket.SendTextAsync("plain", SendOptions.Compress);
        Assert.Equal("plain", (await socket.ReceiveAsync().Soon()).GetText());
    }

    [Fact]
    public async Task Fallback_declines_a_smaller_window_and_the_connection_opens()
    {
        PerMessageDeflateOptions fallback = Options(Codecs.CreateFallback(), keepsContext: true);
        await using WebSocketServer server = await EchoServerAsync(fallback);
        await using WebSocketConnection small = await ConnectAsync(server, PerMessageDeflateOptions.Default with { ServerMaxWindowBits = 10 });
        Assert.Null(small.PerMessageDeflate);
        await using WebSocketConnection large = await ConnectAsync(server, fallback);
        Assert.NotNull(large.PerMessageDeflate);
        Assert.DoesNotContain("client_max_window_bits", large.Request!.Headers["Sec-WebSocket-Extensions"], StringComparison.Ordinal);
    }

    private static PerMessageDeflateOptions Options(Codecs codecs, bool keepsContext) => new()
    {
        Codecs = codecs,
        ServerNoContextTakeover = !keepsContext,
        ClientNoContextTakeover = !keepsContext,
    };

    private static DeflaterSettings Settings(PerMessageDeflateOptions options) =>
        new(options.Level, DeflateParameters.MaxWindowBits, options.MemoryLevel, (int)options.Strategy);

    private static async Task<WebSocketServer> EchoServerAsync(PerMessageDeflateOptions? options)
    {
        var server = new WebSocketServer(new() { Port = 0 });
        server.Map("/", EchoAsync, new() { PerMessageDeflate = options });
        await server.StartAsync();
        return server;

        static async Task EchoAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await socket.SendAsync(message, cancel);
        }
    }

    private static Task<WebSocketConnection> ConnectAsync(WebSocketServer server, PerMessageDeflateOptions? options) =>
        WebSocketClient.ConnectAsync($"ws://{(IPEndPoint)server.EndPoints[0]}/", new() { PerMessageDeflate = options });

    /// <summary>Runs something where a continuation is posted to it.</summary>
    private sealed class PostingContext(Action onPost) : SynchronizationContext
    {
        public bool HasPosted { get; private set; }

        public void Await(ValueTask task)
        {
            Assert.False(task.IsCompleted);
            SynchronizationContext? outer = Current;
            SetSynchronizationContext(this);
            task.GetAwaiter().OnCompleted(() => { });
            SetSynchronizationContext(outer);
        }

        public override void Post(SendOrPostCallback d, object? state)
        {
            HasPosted = true;
            onPost();
            d(state);
        }
    }

    /// <summary>Gives a mark for each message, until it fails.</summary>
    private sealed class FailingDeflater(int successes) : Deflater
    {
        public const byte Mark = 0x5A;
        private int _calls;

        public override void Compress(ReadOnlySpan<byte> source, ref OutputArray output)
        {
            if (_calls++ == successes)
                throw new InvalidOperationException("The codec has failed.");
            output.Append([Mark, 0x00, 0x00, 0xFF, 0xFF]);
        }

        public override void Reset() => _calls = 0;

        public override void Dispose()
        {
        }
    }
}
