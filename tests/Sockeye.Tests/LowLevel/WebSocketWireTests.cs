using System.Buffers;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.LowLevel;

/// <summary>Single frames over a stream.</summary>
public sealed class WebSocketWireTests
{
    private static readonly int[] Lengths = [0, 1, 125, 126, 127, 255, 256, 65_521, 65_522, 65_534, 65_535, 65_536, 65_537, 300_000];

    public static TheoryData<string, Role?, Rule> Malformed => new()
    {
        { "A100", null, Rule.ReservedBitsMustBeClear },
        { "9100", null, Rule.ReservedBitsMustBeClear },
        { "C100", null, Rule.Rsv1MustBeClear },
        { "8300", null, Rule.OpcodeMustBeKnown },
        { "8700", null, Rule.OpcodeMustBeKnown },
        { "8B00", null, Rule.OpcodeMustBeKnown },
        { "8F00", null, Rule.OpcodeMustBeKnown },
        { "0900", null, Rule.ControlFrameMustNotBeFragmented },
        { "0800", null, Rule.ControlFrameMustNotBeFragmented },
        { "897E", null, Rule.ControlFrameMustBeShort },
        { "8AFF", null, Rule.ControlFrameMustBeShort },
        { "827E007D", null, Rule.LengthMustBeMinimal },
        { "827F000000000000FFFF", null, Rule.LengthMustBeMinimal },
        { "827F8000000000000000", null, Rule.LengthMustBeBelow2To63 },
        { "827FFFFFFFFFFFFFFFFF", null, Rule.LengthMustBeBelow2To63 },
        { "82FFFFFFFFFFFFFFFFF301020304", null, Rule.LengthMustBeBelow2To63 },
        { "827F7FFFFFFFFFFFFFFF", null, Rule.MessageMustFitLimit },
        { "827F0000000001000001", null, Rule.MessageMustFitLimit },
        { "8200", Role.Server, Rule.ClientFrameMustBeMasked },
        { "828001020304", Role.Client, Rule.ServerFrameMustNotBeMasked },
    };

    [Fact]
    public async Task WriteFrameAsync_writes_what_FrameWriter_writes_and_leaves_the_payload_as_it_is()
    {
        foreach (int length in Lengths)
        {
            byte[] payload = Payload(length);
            foreach (uint? key in (uint?[])[null, 0, 0x04030201u])
            {
                foreach (bool isFinal in (bool[])[true, false])
                {
                    var stream = new MemoryStream();
                    await WebSocketWire.WriteFrameAsync(stream, Opcode.Binary, payload, isFinal, key, TestContext.Current.CancellationToken);

                    var expected = new ArrayBufferWriter<byte>();
                    FrameWriter.WriteFrame(expected, Opcode.Binary, payload, isFinal, key);
                    Assert.True(expected.WrittenSpan.SequenceEqual(stream.ToArray()), $"{length} bytes, key {key}, FIN {isFinal}");
                }
            }

            Assert.Equal(Payload(length), payload);
        }
    }

    [Fact]
    public async Task WriteFrameAsync_writes_a_small_frame_at_once_and_flushes()
    {
        var stream = new CountedStream(new MemoryStream());

        await WebSocketWire.WriteFrameAsync(stream, Opcode.Text, "hello"u8.ToArray(), maskKey: 1);

        Assert.Equal((1, 1), (stream.Writes, stream.Flushes));
    }

    [Fact]
    public async Task ReadFrameAsync_reads_what_was_written_and_nothing_beyond_it()
    {
        foreach (int length in Lengths)
        {
            foreach (uint? key in (uint?[])[null, 0x04030201u])
            {
                var stream = new MemoryStream();
                await WebSocketWire.WriteFrameAsync(stream, Opcode.Text, Payload(length), isFinal: false, key);
                long end = stream.Position;
                await WebSocketWire.WriteFrameAsync(stream, Opcode.Ping, default, maskKey: key);
                stream.Position = 0;

                WebSocketFrame frame = (await WebSocketWire.ReadFrameAsync(stream)).GetValueOrDefault();

                Assert.Equal((Opcode.Text, false), (frame.Opcode, frame.IsFinal));
                Assert.Equal((key is not null, key ?? 0), (frame.Header.IsMasked, frame.Header.MaskKey));
                Assert.True(frame.Payload.Span.SequenceEqual(Payload(length)));
                Assert.Equal(end, stream.Position);
                Assert.Equal(Opcode.Ping, (await WebSocketWire.ReadFrameAsync(stream))?.Opcode);
                Assert.Null(await WebSocketWire.ReadFrameAsync(stream));
            }
        }
    }

    [Fact]
    public async Task ReadFrameAsync_of_single_bytes_reads_the_same()
    {
        var written = new MemoryStream();
        await WebSocketWire.WriteFrameAsync(written, Opcode.Binary, Payload(300), maskKey: 7);
        await WebSocketWire.WriteFrameAsync(written, Opcode.Close, default);
        var stream = new CountedStream(new MemoryStream(written.ToArray())) { AtMost = 1 };

        Assert.Equal(Payload(300), (await WebSocketWire.ReadFrameAsync(stream))?.Payload.ToArray());
        Assert.Equal(Opcode.Close, (await WebSocketWire.ReadFrameAsync(stream))?.Opcode);
        Assert.Null(await WebSocketWire.ReadFrameAsync(stream));
    }

    [Fact]
    public async Task ReadFrameAsync_of_a_stream_that_ends_in_the_middle_throws_at_every_cut()
    {
        var written = new MemoryStream();
        await WebSocketWire.WriteFrameAsync(written, Opcode.Binary, Payload(200), maskKey: 7);
        byte[] frame = written.ToArray();

        for (int cut = 1; cut < frame.Length; cut++)
            await Assert.ThrowsAsync<EndOfStreamException>(() => WebSocketWire.ReadFrameAsync(new MemoryStream(frame[..cut])).AsTask());
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task ReadFrameAsync_of_a_malformed_frame_throws_the_rule(string bytes, Role? receiver, Rule rule)
    {
        byte[] header = Convert.FromHexString(bytes);
        var stream = new MemoryStream([.. header, .. new byte[64]]);

        var thrown = await Assert.ThrowsAsync<WebSocketProtocolException>(() => WebSocketWire.ReadFrameAsync(stream, receiver).AsTask());

        Assert.Equal(rule, thrown.Violation.Rule);
        Assert.InRange(stream.Position, 2, header.Length); // nothing of the payload
    }

    [Theory]
    [InlineData(Role.Server, "818001020304")]
    [InlineData(Role.Client, "8100")]
    [InlineData(null, "818001020304")]
    [InlineData(null, "8100")]
    public async Task ReadFrameAsync_of_a_frame_in_the_right_direction_takes_it(Role? receiver, string bytes) =>
        Assert.Equal(Opcode.Text, (await WebSocketWire.ReadFrameAsync(new MemoryStream(Convert.FromHexString(bytes)), receiver))?.Opcode);

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    [InlineData(70_000)]
    public async Task ReadFrameAsync_takes_a_payload_of_the_limit_and_refuses_one_byte_more(int limit)
    {
        var stream = new MemoryStream();
        await WebSocketWire.WriteFrameAsync(stream, Opcode.Binary, Payload(limit));
        await WebSocketWire.WriteFrameAsync(stream, Opcode.Binary, Payload(limit + 1));
        stream.Position = 0;

        Assert.Equal(limit, (await WebSocketWire.ReadFrameAsync(stream, maxPayloadSize: limit))?.Payload.Length);
        var thrown = await Assert.ThrowsAsync<WebSocketProtocolException>(
            () => WebSocketWire.ReadFrameAsync(stream, maxPayloadSize: limit).AsTask());

        Assert.Equal(CloseCode.MessageTooBig, thrown.Violation.CloseCode);
        Assert.Contains("maxPayloadSize", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(limit + 1, stream.Length - stream.Position);
    }

    // V02
    [Fact]
    public async Task ReadFrameAsync_of_a_length_without_its_bytes_allocates_for_what_has_come()
    {
        byte[] bytes = [.. Convert.FromHexString("827F0000000001000000"), 1]; // declares 16 MiB, brings one byte
        await ReadAsync(); // what is made once

        long before = GC.GetAllocatedBytesForCurrentThread();
        await ReadAsync();

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 256 * 1024);

        async Task ReadAsync() =>
            await Assert.ThrowsAsync<EndOfStreamException>(() => WebSocketWire.ReadFrameAsync(new MemoryStream(bytes)).AsTask());
    }

    [Fact]
    public async Task Token_that_is_cancelled_already_reads_and_writes_nothing()
    {
        (DuplexStream stream, _) = StreamPair.Create();
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WebSocketWire.ReadFrameAsync(stream, cancellationToken: cancelled).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WebSocketWire.WriteFrameAsync(stream, Opcode.Text, default, cancellationToken: cancelled).AsTask());

        Assert.Equal(0, stream.Calls);
    }

    [Fact]
    public async Task ReadFrameAsync_that_is_cancelled_in_the_middle_throws()
    {
        (DuplexStream stream, DuplexStream peer) = StreamPair.Create();
        using var cancel = new CancellationTokenSource();
        await peer.WriteAsync(Convert.FromHexString("820501"));
        ValueTask<WebSocketFrame?> reading = WebSocketWire.ReadFrameAsync(stream, cancellationToken: cancel.Token);
        Assert.False(reading.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.AsTask());
    }

    [Fact]
    public async Task Stream_that_fails_fails_the_call()
    {
        await Assert.ThrowsAsync<ObjectDisposedException>(() => WebSocketWire.ReadFrameAsync(Disposed()).AsTask());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => WebSocketWire.WriteFrameAsync(Disposed(), Opcode.Text, Payload(3)).AsTask());

        static MemoryStream Disposed()
        {
            var stream = new MemoryStream();
            stream.Dispose();
            return stream;
        }
    }

    [Fact]
    public async Task Arguments_that_make_no_frame_throw_and_write_nothing()
    {
        var stream = new MemoryStream();

        await Assert.ThrowsAsync<ArgumentException>("isFinal", () => WebSocketWire.WriteFrameAsync(stream, Opcode.Ping, default, isFinal: false).AsTask());
        await Assert.ThrowsAsync<ArgumentException>("payload", () => WebSocketWire.WriteFrameAsync(stream, Opcode.Close, Payload(126)).AsTask());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>("opcode", () => WebSocketWire.WriteFrameAsync(stream, (Opcode)0x41, default).AsTask());
        await Assert.ThrowsAsync<ArgumentNullException>("stream", () => WebSocketWire.WriteFrameAsync(null!, Opcode.Text, default).AsTask());
        await Assert.ThrowsAsync<ArgumentNullException>("stream", () => WebSocketWire.ReadFrameAsync(null!).AsTask());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            "maxPayloadSize", () => WebSocketWire.ReadFrameAsync(stream, maxPayloadSize: -1).AsTask());

        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public void Random_values_are_fresh_each_time_and_valid()
    {
        HashSet<uint> masks = [.. Enumerable.Range(0, 1000).Select(_ => WebSocketWire.CreateMaskKey())];
        HashSet<string> keys = [.. Enumerable.Range(0, 1000).Select(_ => WebSocketWire.CreateHandshakeKey())];

        Assert.InRange(masks.Count, 990, 1000); // of 2^32 values a pair among a thousand is rare, ten of them are not random
        Assert.Equal(1000, keys.Count);
        Assert.All(keys, key => Assert.True(HandshakeKey.IsValid(key)));
    }

    private static byte[] Payload(int length)
    {
        byte[] payload = new byte[length];
        for (int i = 0; i < length; i++)
            payload[i] = (byte)(i * 7);
        return payload;
    }

    /// <summary>A stream that counts calls and reads at most so many bytes at a time.</summary>
    private sealed class CountedStream(MemoryStream inner) : TestStream
    {
        public int Writes { get; private set; }

        public int Flushes { get; private set; }

        public int AtMost { get; init; } = int.MaxValue;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer[..Math.Min(AtMost, buffer.Length)], cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Writes++;
            return inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            Flushes++;
            return Task.CompletedTask;
        }

        public override void Flush() => Flushes++;
    }
}
