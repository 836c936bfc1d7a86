using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using static Sockeye.Tests.Compression.DeflatedPeer;

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
}
