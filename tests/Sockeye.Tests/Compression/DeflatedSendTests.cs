using System.Text;
using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Compression;

/// <summary>The sending half of permessage-deflate: what is compressed, when, and into which frames (RFC 7692, sections 6 and 7.2.1).</summary>
public sealed class DeflatedSendTests
{
    [Theory]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Client, true)]
    [InlineData(Role.Client, false)]
    public async Task Every_way_of_sending_gives_one_compressed_message(Role role, bool keepsContext)
    {
        await using RawPeer peer = Open(role, keepsContext, o => o with { Threshold = 0 });
        var inflater = new PeerInflater(keepsContext);
        foreach (int length in new[] { 0, 1, 5, 125, 1024, 16_384, 16_385, 70_000, 131_072, 131_073, 1_500_000 })
        {
            string text = Text(length);
            byte[] payload = Encoding.UTF8.GetBytes(text);
            for (int way = 0; way < 6; way++)
            {
                ValueTask sent = default;
                if (way == 0)
                    sent = peer.Connection.SendTextAsync(text);
                else if (way == 1)
                    sent = peer.Connection.SendAsync(payload, WebSocketMessageKind.Text);
                else if (way == 2)
                    Assert.NotEqual(SendResult.Full, peer.Connection.TrySend(payload, WebSocketMessageKind.Text));
                else if (way == 3)
                    sent = peer.Connection.SendSpanAsync<byte>(payload);
                else if (way == 4)
                    sent = StreamAsync(peer.Connection, payload, Math.Max(1, length / 3));
                else
                    sent = StreamAsync(peer.Connection, payload, 100_000);
                (ReceivedFrame message, bool isCompressed) = await ReadAsync(peer, inflater);
                Assert.True(isCompressed);
                Assert.Equal(way == 3 ? Opcode.Binary : Opcode.Text, message.Opcode);
                Assert.True(message.Payload.AsSpan().SequenceEqual(payload));
                await sent.Soon();
            }
        }

        await peer.Connection.DrainAsync().Soon();
        Assert.Equal(0, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task Context_that_is_kept_makes_a_repetition_small_and_one_that_is_not_does_not()
    {
        byte[] payload = GatedPeer.Bytes(4000);
        foreach (bool keepsContext in new[] { true, false })
        {
            await using RawPeer peer = Open(Role.Server, keepsContext);
            await peer.Connection.SendAsync(payload);
            await peer.Connection.SendAsync(payload);
            int first = (await peer.ReadFrameAsync())!.Payload.Length;
            int second = (await peer.ReadFrameAsync())!.Payload.Length;
            Assert.InRange(first, payload.Length, payload.Length + 20);
            Assert.Equal(keepsContext, second < 100);
        }
    }

    [Theory]
    [InlineData(true, 10, SendOptions.None, true)]
    [InlineData(false, 1023, SendOptions.None, false)]
    [InlineData(false, 1024, SendOptions.None, true)]
    [InlineData(false, 10, SendOptions.Compress, true)]
    [InlineData(false, 5000, SendOptions.DoNotCompress, false)]
    [InlineData(true, 5000, SendOptions.DoNotCompress, false)]
    [InlineData(true, 5000, SendOptions.Sensitive, false)]
    [InlineData(true, 5000, SendOptions.Sensitive | SendOptions.Compress, false)]
    [InlineData(false, 50_000, SendOptions.Sensitive, false)]
    [InlineData(false, 50_000, SendOptions.None, true)]
    public async Task Message_is_compressed_as_the_options_say(bool keepsContext, int length, SendOptions options, bool isCompressed)
    {
        await using RawPeer peer = Open(Role.Server, keepsContext);
        var inflater = new PeerInflater(keepsContext);
        string text = Text(length);
        byte[] payload = Encoding.UTF8.GetBytes(text);
        WebSocketConnection socket = peer.Connection;
        Func<ValueTask>[] ways =
        [
            () => socket.SendTextAsync(text, options),
            () => socket.SendAsync(payload, WebSocketMessageKind.Text, options),
            () => new ValueTask(Task.FromResult(socket.TrySend(payload, WebSocketMessageKind.Text, options))),
            async () =>
            {
                await using StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text, options);
                await message.CompleteAsync(payload);
            },
        ];
        foreach (Func<ValueTask> send in ways)
        {
            ValueTask sent = send();
            (ReceivedFrame message, bool wasCompressed) = await ReadAsync(peer, inflater);
            await sent.Soon();
            Assert.Equal(isCompressed, wasCompressed);
            Assert.Equal(text, message.Text);
        }
    }

    [Fact]
    public async Task Uncompressed_messages_in_between_do_not_touch_the_context()
    {
        await using RawPeer peer = Open(Role.Client, keepsContext: true);
        var inflater = new PeerInflater(keepsContext: true);
        for (int i = 0; i < 50; i++)
        {
            SendOptions options = (i % 3) switch { 0 => SendOptions.None, 1 => SendOptions.Sensitive, _ => SendOptions.DoNotCompress };
            string text = Text(100 + (i * 700));
            ValueTask sent = peer.Connection.SendTextAsync(text, options);
            (ReceivedFrame message, bool isCompressed) = await ReadAsync(peer, inflater);
            Assert.Equal((text, i % 3 == 0), (message.Text, isCompressed));
            await sent.Soon();
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(12)]
    [InlineData(15)]
    public async Task Distances_stay_within_the_window_that_was_agreed_on(int windowBits)
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, o => o with { Level = 9 }, windowBits);
        var inflater = new PeerInflater(keepsContext: true);
        for (int i = 0; i < 20; i++)
        {
            string text = Text(3000, seed: i % 4);
            await peer.Connection.SendTextAsync(text);
            Assert.Equal(text, (await ReadAsync(peer, inflater)).Message.Text);
        }

        Assert.InRange(inflater.LargestDistance, 1 << (windowBits - 2), windowBits == 8 ? 250 : 1 << windowBits);
    }

    [Theory]
    [InlineData(64, 2000)]
    [InlineData(1000, 500_000)]
    [InlineData(1 << 20, 3_000_000)]
    [InlineData(0, 3_000_000)]
    public async Task Fragments_keep_their_size_and_the_first_one_alone_has_RSV1(int fragmentSize, int length)
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, connection: o => o with { FragmentSize = fragmentSize }, capacity: 8 << 20);
        byte[] payload = GatedPeer.Bytes(length); // does not get smaller
        ValueTask sent = peer.Connection.SendAsync(payload);
        var inflater = new PeerInflater(keepsContext: true);
        List<ReceivedFrame> frames = [];
        do
            frames.Add((await peer.ReadFrameAsync())!);
        while (!frames[^1].IsFinal);
        await sent.Soon();
        Assert.Equal([true, .. Enumerable.Repeat(false, frames.Count - 1)], frames.Select(frame => frame.IsCompressed));
        Assert.Equal([Opcode.Binary, .. Enumerable.Repeat(Opcode.Continuation, frames.Count - 1)], frames.Select(frame => frame.Opcode));
        if (fragmentSize > 0)
            Assert.All(frames, frame => Assert.InRange(frame.Payload.Length, 1, fragmentSize));
        else
            Assert.Single(frames);
        Assert.True(inflater.Inflate([.. frames.SelectMany(frame => frame.Payload)]).AsSpan().SequenceEqual(payload));
    }

    [Fact]
    public async Task Streamed_message_decides_with_its_first_piece()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: false);
        var inflater = new PeerInflater(keepsContext: false);
        foreach (SendOptions options in new[] { SendOptions.None, SendOptions.Sensitive })
        {
            await using StreamedMessage message = peer.Connection.OpenMessage(WebSocketMessageKind.Text, options);
            await message.WriteAsync("a"u8.ToArray()); // smaller than the threshold, but nobody knows what comes
            await message.WriteAsync(ReadOnlyMemory<byte>.Empty);
            await message.CompleteAsync(Encoding.UTF8.GetBytes(Text(40_000)));
            (ReceivedFrame received, bool isCompressed) = await ReadAsync(peer, inflater);
            Assert.Equal(options == SendOptions.None, isCompressed);
            Assert.Equal("a" + Text(40_000), received.Text);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task S3_Messages_of_many_senders_leave_in_the_order_of_each_whether_compressed_or_not(bool keepsContext)
    {
        await using RawPeer peer = Open(Role.Server, keepsContext, o => o with { Threshold = 100 });
        const int Senders = 32;
        const int Each = 40;
        Task sending = Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                string text = $"{sender}:{i}:{Text((i * 997) % 40_000)}";
                SendOptions options = i % 4 == 1 ? SendOptions.DoNotCompress : SendOptions.None;
                if (i % 3 == 0)
                    await peer.Connection.SendTextAsync(text, options);
                else if (i % 3 == 1)
                    await peer.Connection.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageKind.Text, options);
                else
                    await StreamAsync(peer.Connection, Encoding.UTF8.GetBytes(text), 9000);
            }
        })));
        var inflater = new PeerInflater(keepsContext);
        int[] next = new int[Senders];
        for (int i = 0; i < Senders * Each; i++)
        {
            string[] parts = (await ReadAsync(peer, inflater)).Message.Text.Split(':');
            int sender = int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
            int index = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
            Assert.Equal(next[sender]++, index);
            Assert.Equal(Text((index * 997) % 40_000), parts[2]);
        }

        await sending.Soon();
    }

    [Fact]
    public async Task S10_Small_messages_that_gather_behind_a_write_are_compressed_into_one()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, wrap: true);
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("first");
        await peer.Gate().WriteAsync();
        for (int i = 0; i < 100; i++)
            await peer.Connection.SendTextAsync($"message {i}");
        peer.Gate().Release();
        var inflater = new PeerInflater(keepsContext: true);
        Assert.Equal("first", (await ReadAsync(peer, inflater)).Message.Text);
        for (int i = 0; i < 100; i++)
            Assert.Equal($"message {i}", (await ReadAsync(peer, inflater)).Message.Text);
        Assert.Equal(2, peer.Gate().Writes.Count);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S5_Pings_pass_between_the_pieces_of_a_large_compressed_message(Role role)
    {
        await using RawPeer peer = Open(role, keepsContext: true, wrap: true, capacity: 64 * 1024);
        byte[] payload = GatedPeer.Bytes(4 << 20);
        Task sent = peer.Connection.SendAsync(payload).AsTask();
        List<ReceivedFrame> frames = [(await peer.ReadFrameAsync())!];
        Task<TimeSpan> pinged = peer.Connection.PingAsync();
        int before = 0;
        while (true)
        {
            ReceivedFrame frame = (await peer.ReadFrameAsync())!;
            if (frame.Opcode == Opcode.Ping)
            {
                before = frames.Count;
                await peer.SendAsync(peer.Frame(Opcode.Pong, frame.Payload));
                continue;
            }

            frames.Add(frame);
            if (frame.IsFinal)
                break;
        }

        await pinged.Soon();
        await sent.Soon();
        Assert.InRange(before, 1, frames.Count - 10);
        Assert.True(new PeerInflater(keepsContext: true).Inflate([.. frames.SelectMany(f => f.Payload)]).AsSpan().SequenceEqual(payload));
    }

    [Fact]
    public async Task S3_Token_withdraws_a_message_that_has_not_been_fed_to_the_compressor()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, wrap: true);
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("first");
        await peer.Gate().WriteAsync();
        using var cancel = new CancellationTokenSource();
        Task withdrawn = peer.Connection.SendAsync(new byte[30_000], cancellationToken: cancel.Token).AsTask();
        Task kept = peer.Connection.SendAsync(GatedPeer.Bytes(30_000)).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        peer.Gate().Release();
        var inflater = new PeerInflater(keepsContext: true);
        Assert.Equal("first", (await ReadAsync(peer, inflater)).Message.Text);
        Assert.Equal(GatedPeer.Bytes(30_000), (await ReadAsync(peer, inflater)).Message.Payload);
        await kept.Soon();
        await peer.Connection.DrainAsync().Soon();
        Assert.Equal(0, peer.Connection.BufferedBytes);
    }

    [Fact]
    public async Task S1_What_was_accepted_and_not_compressed_yet_counts_as_unsent()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, wrap: true);
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("first");
        await peer.Gate().WriteAsync();
        await peer.Connection.SendTextAsync("second");
        Task large = peer.Connection.SendAsync(new byte[100_000]).AsTask();
        Task drained = peer.Connection.DrainAsync().AsTask();
        peer.Connection.Abort();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal(3, result.UnsentMessages);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => large.Soon());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => drained.Soon());
    }

    [Fact]
    public async Task C2_Close_leaves_behind_compressed_messages()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: false);
        Task large = peer.Connection.SendAsync(GatedPeer.Bytes(400_000)).AsTask();
        Task<CloseResult> closed = peer.Connection.CloseAsync();
        var inflater = new PeerInflater(keepsContext: false);
        Assert.Equal(GatedPeer.Bytes(400_000), (await ReadAsync(peer, inflater)).Message.Payload);
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 1000), (close.Opcode, close.CloseCode));
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        Assert.True((await closed.Soon()).IsClean);
        await large.Soon();
    }

    [Fact]
    public async Task Z1_Compressor_is_released_in_silence_and_the_next_message_refers_to_nothing()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, connection: o => o with { IdleTimeout = TimeSpan.Zero });
        string text = Text(2000);
        await peer.Connection.SendTextAsync(text);
        Assert.Equal(text, (await ReadAsync(peer, new PeerInflater(keepsContext: true))).Message.Text);
        peer.Time.Advance(TimeSpan.FromSeconds(30));
        var inflater = new PeerInflater(keepsContext: true);
        await peer.Connection.SendTextAsync(text);
        ReceivedFrame within = (await peer.ReadFrameAsync())!;
        Assert.InRange(within.Payload.Length, 1, 60); // refers to the first one
        peer.Time.Advance(TimeSpan.FromSeconds(59));
        Assert.True(peer.Connection.Send.IsHoldingDeflater);
        peer.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(peer.Connection.Send.IsHoldingDeflater);
        await peer.Connection.SendTextAsync(text);
        Assert.Equal(text, (await ReadAsync(peer, inflater)).Message.Text);
        Assert.True(peer.Connection.Send.IsHoldingDeflater);
    }

    [Fact]
    public async Task Without_context_no_compressor_is_held_between_messages()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: false);
        await peer.Connection.SendTextAsync(Text(5000));
        await peer.ReadFrameAsync();
        Assert.False(peer.Connection.Send.IsHoldingDeflater);
    }

    [Fact]
    public async Task V17_Compressed_sends_survive_cancellation_and_the_end_at_any_moment()
    {
        for (int round = 0; round < 300; round++)
        {
            await using RawPeer peer = Open(Role.Server, keepsContext: round % 2 == 0, o => o with { Threshold = 0 });
            var random = new Random(round);
            using var cancel = new CancellationTokenSource();
            Task sending = Task.Run(async () =>
            {
                List<Task> sends = [];
                for (int i = 0; i < 20; i++)
                    sends.Add(peer.Connection.SendAsync(new byte[random.Next(60_000)], cancellationToken: cancel.Token).AsTask());
                foreach (Task send in sends)
                {
                    Exception? thrown = await Record.ExceptionAsync(() => send.Soon());
                    Assert.True(thrown is null or OperationCanceledException or WebSocketClosedException, $"{thrown}");
                }
            });
            Task ending = Task.Run(async () =>
            {
                await Task.Yield();
                Thread.SpinWait(random.Next(20_000));
                await cancel.CancelAsync();
                Thread.SpinWait(random.Next(20_000));
                peer.Connection.Abort();
            });
            await Task.WhenAll(sending, ending).Soon();
        }
    }

    [Fact]
    public async Task T1_Many_senders_and_drains_never_compress_at_the_same_time()
    {
        for (int round = 0; round < 3; round++)
        {
            await using RawPeer peer = Open(Role.Client, keepsContext: true, o => o with { Threshold = 0 });
            const int Senders = 6;
            const int Each = 400;
            Task sending = Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(async () =>
            {
                var random = new Random(sender);
                for (int i = 0; i < Each; i++)
                {
                    await peer.Connection.SendTextAsync($"{sender}:{i}:{Text(random.Next(8, 800))}");
                    await peer.Connection.DrainAsync();
                }
            })));
            var inflater = new PeerInflater(keepsContext: true);
            int[] next = new int[Senders];
            for (int i = 0; i < Senders * Each; i++)
            {
                string[] parts = (await ReadAsync(peer, inflater)).Message.Text.Split(':');
                int sender = int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
                Assert.Equal(next[sender]++, int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
            }

            await sending.Soon();
        }
    }

    [Fact]
    public async Task Memory_that_throws_ends_the_connection_and_every_wait()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, wrap: true);
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("first");
        await peer.Gate().WriteAsync();
        using var memory = new ThrowingMemory(20_000);
        Task sent = peer.Connection.SendAsync(memory.Memory).AsTask();
        memory.Throws = true;
        Task<WebSocketMessage> read = peer.Connection.ReceiveAsync().AsTask();
        peer.Gate().Release();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => sent.Soon());
        Assert.Equal("first", (await ReadAsync(peer, new PeerInflater(keepsContext: true))).Message.Text);
        Assert.Equal(1011, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        CloseResult result = await peer.Connection.Closed.Soon();
        Assert.Equal((CloseCause.CompressionFailed, 1L, false), (result.Cause, result.UnsentMessages, result.IsClean));
        await Assert.ThrowsAsync<WebSocketClosedException>(() => read.Soon());
    }

    [Fact]
    public async Task S3_Token_withdraws_also_a_small_message_that_has_not_been_fed_to_the_compressor()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, wrap: true, connection: o => o with { HighWaterMark = 1000 });
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("first");
        await peer.Gate().WriteAsync();
        Task large = peer.Connection.SendAsync(GatedPeer.Bytes(20_000)).AsTask();
        using var cancel = new CancellationTokenSource();
        Task[] withdrawn =
        [
            peer.Connection.SendAsync(new byte[100], cancellationToken: cancel.Token).AsTask(),
            peer.Connection.SendTextAsync("never", cancel.Token).AsTask(),
            peer.Connection.SendSpanAsync<int>([1, 2, 3], cancel.Token).AsTask(),
        ];
        await cancel.CancelAsync();
        foreach (Task send in withdrawn)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => send.Soon());
        peer.Gate().Release();
        await large.Soon();
        await peer.Connection.SendTextAsync("last");
        var inflater = new PeerInflater(keepsContext: true);
        Assert.Equal("first", (await ReadAsync(peer, inflater)).Message.Text);
        Assert.Equal(GatedPeer.Bytes(20_000), (await ReadAsync(peer, inflater)).Message.Payload);
        Assert.Equal("last", (await ReadAsync(peer, inflater)).Message.Text);
    }

    [Fact]
    public async Task S1_DrainAsync_tells_that_messages_were_dropped()
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true);
        StreamedMessage streamed = peer.Connection.OpenMessage();
        await streamed.WriteAsync("begun"u8.ToArray());
        await peer.Connection.SendTextAsync("behind");
        await streamed.DisposeAsync();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => peer.Connection.DrainAsync().AsTask().Soon());
    }

    private sealed class ThrowingMemory(int length) : System.Buffers.MemoryManager<byte>
    {
        private readonly byte[] _bytes = new byte[length];

        public bool Throws { get; set; }

        public override Span<byte> GetSpan() => Throws ? throw new InvalidOperationException("Gone.") : _bytes;

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin() => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
        }
    }

    private static RawPeer Open(
        Role role,
        bool keepsContext,
        Func<PerMessageDeflateOptions, PerMessageDeflateOptions>? configure = null,
        int windowBits = 15,
        Func<WebSocketConnectionOptions, WebSocketConnectionOptions>? connection = null,
        bool wrap = false,
        int capacity = 1 << 20)
    {
        PerMessageDeflateOptions options = configure?.Invoke(PerMessageDeflateOptions.Default) ?? PerMessageDeflateOptions.Default;
        var parameters = new DeflateParameters
        {
            ServerNoContextTakeover = !keepsContext,
            ClientNoContextTakeover = !keepsContext,
            ServerMaxWindowBits = windowBits,
            ClientMaxWindowBits = windowBits,
        };
        RawPeer peer = RawPeer.Create(
            role, connection, capacity, wrap ? own => new GatedTransport(own) : null, new DeflateAgreement(role, parameters, options));
        peer.Connection.Start();
        return peer;
    }

    private static async ValueTask StreamAsync(WebSocketConnection socket, byte[] payload, int pieceSize)
    {
        await using StreamedMessage message = socket.OpenMessage(WebSocketMessageKind.Text);
        int at = 0;
        for (; payload.Length - at > pieceSize; at += pieceSize)
            await message.WriteAsync(payload.AsMemory(at, pieceSize));
        await message.CompleteAsync(payload.AsMemory(at));
    }

    private static async Task<(ReceivedFrame Message, bool IsCompressed)> ReadAsync(RawPeer peer, PeerInflater inflater)
    {
        ReceivedFrame first = (await peer.ReadFrameAsync())!;
        List<byte> payload = [.. first.Payload];
        for (ReceivedFrame frame = first; !frame.IsFinal;)
        {
            frame = (await peer.ReadFrameAsync())!;
            Assert.Equal((Opcode.Continuation, false), (frame.Opcode, frame.IsCompressed));
            payload.AddRange(frame.Payload);
        }

        byte[] data = first.IsCompressed ? inflater.Inflate([.. payload]) : [.. payload];
        return (first with { Payload = data }, first.IsCompressed);
    }

    /// <summary>Text that compresses by about half: words of a small alphabet.</summary>
    private static string Text(int length, int seed = 0)
    {
        var random = new Random((length * 31) + seed);
        return string.Create(length, random, static (span, r) =>
        {
            for (int i = 0; i < span.Length; i++)
                span[i] = (char)('a' + r.Next(12));
        });
    }

    /// <summary>The peer's side, which shares nothing with the library.</summary>
    private sealed class PeerInflater(bool keepsContext)
    {
        private byte[] _history = [];

        public int LargestDistance { get; private set; }

        public byte[] Inflate(byte[] payload)
        {
            NaiveInflate inflated = NaiveInflate.Read([.. payload, 0, 0, 0xFF, 0xFF], _history);
            Assert.False(inflated.IsBroken);
            Assert.True(inflated.IsBetweenBlocks);
            LargestDistance = Math.Max(LargestDistance, inflated.LargestDistance);
            _history = keepsContext ? inflated.History : [];
            return inflated.Output;
        }
    }
}
