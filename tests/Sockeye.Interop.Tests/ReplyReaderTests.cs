using System.Buffers;
using Sockeye.Cli.Bench;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>How the verb bench reads what a server sends.</summary>
public sealed class ReplyReaderTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(300)]
    [InlineData(65_536)]
    public void Replies_are_counted_however_they_are_cut(int size)
    {
        BenchMessages message = Message(size);
        byte[] stream = Session(message);
        foreach (int piece in (int[])[1, 2, 3, 5, 7, 64, 1000, stream.Length])
        {
            if (stream.Length / piece > 10_000)
                continue;
            var reader = new ReplyReader(message, verified: 2);
            int messages = 0;
            for (int i = 0; i < stream.Length; i += piece)
                messages += reader.Read(stream.AsSpan(i, Math.Min(piece, stream.Length - i)));
            AssertSessionRead(reader, messages, size);
        }
    }

    [Theory]
    [InlineData(16_383, false)]
    [InlineData(16_384, true)]
    [InlineData(65_536, true)]
    public void Large_payloads_are_skipped_once_the_first_are_verified(int size, bool isSkipped)
    {
        BenchMessages message = Message(size);
        byte[] stream = Session(message);
        foreach (int piece in (int[])[13, 1000, 20_000])
        {
            var reader = new ReplyReader(message, verified: 2);
            int messages = 0;
            int skipped = 0;
            for (int i = 0, count; i < stream.Length; i += count)
            {
                int left = Math.Min(piece, stream.Length - i);
                if (reader.Skippable > 0)
                {
                    count = Math.Min(left, reader.Skippable);
                    messages += reader.Skip(count);
                    skipped += count;
                }
                else
                {
                    count = Math.Min(left, reader.Room);
                    messages += reader.Read(stream.AsSpan(i, count));
                }
            }

            AssertSessionRead(reader, messages, size);
            Assert.InRange(skipped, isSkipped ? 1 : 0, isSkipped ? 5 * size : 0);
        }
    }

    [Fact]
    public void Length_of_a_skipped_payload_is_judged()
    {
        BenchMessages message = Message(65_536);
        byte[] payload = message.PayloadOf(0).ToArray();
        byte[] stream = [.. Frame(Opcode.Binary, payload), .. Frame(Opcode.Binary, payload[..^1])];
        var reader = new ReplyReader(message, verified: 1);
        Assert.Equal(1, reader.Read(stream.AsSpan(0, stream.Length - payload.Length + 5)));
        Assert.Equal(0, reader.Skip(reader.Skippable));
        Assert.Equal("the server sent 65535 bytes instead of 65536", reader.Fault);
    }

    [Fact]
    public void Compressed_replies_are_counted_and_the_first_one_is_inflated()
    {
        BenchMessages message = Message(4096, isCompressed: true);
        byte[] payload = message.PayloadOf(0).ToArray();
        byte[] deflated = Deflated(message);
        Assert.Equal(payload, BenchMessages.Inflate(deflated));
        byte[] good = [.. Compressed(deflated), .. Compressed(deflated), .. Frames(writer => FrameWriter.WriteFrame(writer, Opcode.Text, payload))];
        var reader = new ReplyReader(message, verified: 3);
        Assert.Equal(3, reader.Read(good));
        Assert.Null(reader.Fault);
        Assert.Equal(3 * 4096, reader.PayloadBytes);
        Assert.Equal(2 * deflated.Length + 4096, reader.WireBytes);

        deflated[100] ^= 1;
        reader = new ReplyReader(message, verified: 3);
        Assert.Equal(0, reader.Read(Compressed(deflated)));
        Assert.Equal("the server sent other bytes than were sent to it", reader.Fault);
    }

    public static TheoryData<string, byte[]> Faults => new()
    {
        { "the server sent other bytes than were sent to it", Frame(Opcode.Binary, Message(64).PayloadOf(0).ToArray().Reverse().ToArray()) },
        { "the server sent 63 bytes instead of 64", Frame(Opcode.Binary, Message(64).PayloadOf(0).ToArray()[..63]) },
        { "the server sent more than the 64 bytes of the message", Frame(Opcode.Binary, [.. Message(64).PayloadOf(0).ToArray(), 0]) },
        { "the server sent a frame of the kind Text, which is not what was sent to it", Frame(Opcode.Text, Message(64).PayloadOf(0).ToArray()) },
        { "the server sent a frame of the kind Continuation, which is not what was sent to it", Frame(Opcode.Continuation, Message(64).PayloadOf(0).ToArray()) },
        { "the server sent a masked frame", [0x82, 0x80 | 64, 1, 2, 3, 4] },
        { "the server set reserved bits that mean nothing here", [0xC2, 64] },
        { "the server set reserved bits that mean nothing here", [0xA2, 64] },
        { "the server sent a control frame that is none", [0x09, 0] },
        { "the server sent a control frame that is none", [0x8B, 0] },
        { "the server sent a control frame that is none", [0x89, 126, 0, 126] },
        { "the server sent more than the 64 bytes of the message", [0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void What_is_no_reply_is_told(string fault, byte[] stream)
    {
        var reader = new ReplyReader(Message(64), verified: 1);
        Assert.Equal(0, reader.Read(stream));
        Assert.Equal(fault, reader.Fault);
    }

    [Fact]
    public void Headers_are_looked_at_when_the_payloads_are_not_any_more()
    {
        BenchMessages message = Message(64);
        byte[] payload = message.PayloadOf(0).ToArray();
        byte[] reply = Frame(Opcode.Binary, payload);
        var reader = new ReplyReader(message, verified: 1);
        Assert.Equal(2, reader.Read([.. reply, .. reply]));
        reply[0] = 0x81;
        Assert.Equal(1, reader.Read([.. Frame(Opcode.Binary, payload), .. reply]));
        Assert.Equal("the server sent a frame of the kind Text, which is not what was sent to it", reader.Fault);
    }

    private static BenchMessages Message(int size, bool isCompressed = false) =>
        BenchMessagesTests.Create(size, depth: 3, isBinary: !isCompressed, isCompressed);

    /// <summary>Makes what a server may send: replies, one of them in fragments, with control frames between them.</summary>
    private static byte[] Session(BenchMessages message) => Frames(writer =>
    {
        byte[] payload = message.PayloadOf(0).ToArray();
        for (int i = 0; i < 5; i++)
            FrameWriter.WriteFrame(writer, Opcode.Binary, payload);
        FrameWriter.WriteFrame(writer, Opcode.Ping, "ping"u8);
        int half = payload.Length / 2;
        FrameWriter.WriteFrame(writer, Opcode.Binary, payload.AsSpan(0, half), isFinal: false);
        FrameWriter.WriteFrame(writer, Opcode.Pong, []);
        FrameWriter.WriteFrame(writer, Opcode.Continuation, payload.AsSpan(half), isFinal: false);
        FrameWriter.WriteFrame(writer, Opcode.Continuation, []);
        FrameWriter.WriteFrame(writer, Opcode.Binary, payload);
        FrameWriter.WriteFrame(writer, Opcode.Close, [0x03, 0xE8]);
    });

    private static void AssertSessionRead(ReplyReader reader, int messages, int size)
    {
        Assert.Null(reader.Fault);
        Assert.Equal(7, messages);
        Assert.Equal(7 * size, reader.PayloadBytes);
        Assert.Equal(7 * size, reader.WireBytes);
        Assert.Equal(1000, reader.CloseCode);
        Assert.True(reader.HasPing);
        Assert.Equal("ping"u8, reader.TakePing());
        Assert.False(reader.HasPing);
        Assert.True(reader.IsBetweenMessages);
    }

    /// <summary>Takes the deflated payload out of the first frame that the client would send.</summary>
    private static byte[] Deflated(BenchMessages message)
    {
        Assert.True(FrameReader.TryReadFrame(message.Frames, out FrameHeader header, out ReadOnlySpan<byte> masked));
        byte[] deflated = masked.ToArray();
        Masking.Apply(deflated, header.MaskKey);
        return deflated;
    }

    private static byte[] Compressed(byte[] deflated)
    {
        byte[] header = new byte[FrameHeader.MaxSize];
        int size = FrameWriter.WriteHeader(header, Opcode.Text, isFinal: true, deflated.Length, rsv1: true);
        return [.. header[..size], .. deflated];
    }

    private static byte[] Frame(Opcode opcode, byte[] payload) => Frames(writer => FrameWriter.WriteFrame(writer, opcode, payload));

    private static byte[] Frames(Action<ArrayBufferWriter<byte>> write)
    {
        var writer = new ArrayBufferWriter<byte>();
        write(writer);
        return writer.WrittenSpan.ToArray();
    }
}
