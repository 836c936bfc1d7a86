using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using static Sockeye.Tests.Compression.DeflatedPeer;

namespace Sockeye.Tests.Compression;

/// <summary>Messages that wait to be compressed: their order, who may withdraw them, and what the end of the connection makes of them.</summary>
public sealed class DeflatedQueueTests
{
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

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public async Task S10_Small_messages_that_gather_behind_a_write_are_compressed_into_one(int more)
    {
        await using RawPeer peer = Open(Role.Server, keepsContext: true, wrap: true);
        peer.Gate().Hold();
        await peer.Connection.SendTextAsync("first");
        await peer.Gate().WriteAsync();
        for (int i = 0; i < 100; i++)
            await peer.Connection.SendTextAsync($"message {i}{Text(more, i)}");
        peer.Gate().Release();
        var inflater = new PeerInflater(keepsContext: true);
        Assert.Equal("first", (await ReadAsync(peer, inflater)).Message.Text);
        for (int i = 0; i < 100; i++)
            Assert.Equal($"message {i}{Text(more, i)}", (await ReadAsync(peer, inflater)).Message.Text);
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
}
