using System.Buffers;
using static Sockeye.Protocol.Tests.Framing.Wire;

namespace Sockeye.Protocol.Tests.Framing;

public sealed class FrameWriterTests
{
    private static readonly byte[] Key = [0x37, 0xFA, 0x21, 0x3D];

    private static readonly Opcode[] Opcodes = [Opcode.Continuation, Opcode.Text, Opcode.Binary, Opcode.Close, Opcode.Ping, Opcode.Pong];

    [Fact]
    public void WriteHeader_of_each_length_takes_the_shortest_form()
    {
        foreach (ulong length in EdgeLengths.Where(length => length <= long.MaxValue))
        {
            foreach (Opcode opcode in Opcodes)
            {
                byte[] buffer = new byte[FrameHeader.MaxSize];
                byte final = (byte)(0x80 | (byte)opcode);

                int size = FrameWriter.WriteHeader(buffer, opcode, isFinal: true, (long)length);
                Assert.Equal(Header(final, length, null), buffer[..size]);
                Assert.Equal(size, FrameWriter.GetHeaderSize((long)length, masked: false));

                size = FrameWriter.WriteHeader(buffer, opcode, isFinal: false, (long)length, rsv1: true);
                Assert.Equal(Header((byte)(0x40 | (byte)opcode), length, null), buffer[..size]);

                size = FrameWriter.WriteMaskedHeader(buffer, opcode, isFinal: true, (long)length, BitConverter.ToUInt32(Key), rsv1: true);
                Assert.Equal(Header((byte)(0x40 | final), length, Key), buffer[..size]);
                Assert.Equal(size, FrameWriter.GetHeaderSize((long)length, masked: true));
            }
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    public void WriteHeader_of_a_negative_length_throws(long length)
    {
        byte[] buffer = new byte[FrameHeader.MaxSize];

        Assert.Throws<ArgumentOutOfRangeException>("payloadLength", () => FrameWriter.WriteHeader(buffer, Opcode.Text, true, length));
        Assert.Throws<ArgumentOutOfRangeException>("payloadLength", () => FrameWriter.WriteMaskedHeader(buffer, Opcode.Text, true, length, 1));
    }

    [Fact]
    public void WriteFrame_then_TryReadFrame_gives_the_same_frame()
    {
        foreach (int length in (int[])[0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 1000, 65_535, 65_536, 70_001])
        {
            foreach (Opcode opcode in Opcodes.Where(opcode => opcode < Opcode.Close || length <= 125))
            {
                foreach (bool isFinal in opcode < Opcode.Close ? (bool[])[true, false] : [true])
                {
                    foreach (uint? key in (uint?[])[null, 0, BitConverter.ToUInt32(Key), uint.MaxValue])
                        RoundTrip(opcode, Payload(length), isFinal, key);
                }
            }
        }
    }

    // RFC 6455, section 10.3: what the application holds is never changed.
    [Fact]
    public void WriteFrame_with_a_mask_leaves_the_payload_as_it_is()
    {
        byte[] payload = Payload(1000);
        FrameWriter.WriteFrame(new ArrayBufferWriter<byte>(), Opcode.Binary, payload, maskKey: 0xFFFFFFFF);
        Assert.Equal(Payload(1000), payload);
    }

    [Fact]
    public void WriteFrame_asks_for_no_more_than_it_writes()
    {
        foreach ((int length, uint? key) in ((int, uint?)[])[(0, null), (5, 7), (125, 7), (126, 7), (65_536, null)])
        {
            var exact = new ExactWriter(FrameWriter.GetHeaderSize(length, key.HasValue) + length);
            FrameWriter.WriteFrame(exact, Opcode.Binary, Payload(length), maskKey: key);
            Assert.Equal(exact.Memory.Length, exact.Written);
        }
    }

    [Fact]
    public void WriteFrame_of_what_no_control_frame_may_be_throws()
    {
        var writer = new ArrayBufferWriter<byte>();
        foreach (Opcode opcode in (Opcode[])[Opcode.Close, Opcode.Ping, Opcode.Pong])
        {
            Assert.Throws<ArgumentException>("isFinal", () => FrameWriter.WriteFrame(writer, opcode, [], isFinal: false));
            ArgumentException e = Assert.Throws<ArgumentException>("payload", () => FrameWriter.WriteFrame(writer, opcode, new byte[126]));
            Assert.Contains("126", e.Message, StringComparison.Ordinal);
        }

        // more than four bits would set RSV bits or FIN
        foreach (int opcode in (int[])[0x10, 0x41, 0x81, 0xFF])
            Assert.Throws<ArgumentOutOfRangeException>("opcode", () => FrameWriter.WriteFrame(writer, (Opcode)opcode, []));
        Assert.Throws<ArgumentNullException>("destination", () => FrameWriter.WriteFrame(null!, Opcode.Text, []));
        Assert.Equal(0, writer.WrittenCount);
    }

    private static byte[] Payload(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 31))];

    private static void RoundTrip(Opcode opcode, byte[] payload, bool isFinal, uint? key)
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameWriter.WriteFrame(writer, opcode, payload, isFinal, key);
        byte[] wire = writer.WrittenSpan.ToArray();

        Assert.Equal(
            Frame((byte)((isFinal ? 0x80 : 0) | (byte)opcode), payload, key is { } k ? BitConverter.GetBytes(k) : null), wire);
        Assert.True(FrameReader.TryReadFrame(wire, out FrameHeader header, out ReadOnlySpan<byte> masked));
        byte[] unmasked = new byte[masked.Length];
        Masking.Apply(masked, unmasked, header.MaskKey);
        Assert.Equal(payload, unmasked);
        Assert.Equal((opcode, isFinal, key.HasValue), (header.Opcode, header.IsFinal, header.IsMasked));
        Assert.True(header.IsLengthMinimal);
        Assert.Null(FrameRules.Check(header, key.HasValue ? Role.Server : Role.Client));
    }

    private sealed class ExactWriter(int size) : IBufferWriter<byte>
    {
        public byte[] Memory { get; } = new byte[size];

        public int Written { get; private set; }

        public void Advance(int count) => Written += count;

        public Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException();

        public Span<byte> GetSpan(int sizeHint = 0)
        {
            Assert.True(sizeHint <= Memory.Length - Written);
            return Memory.AsSpan(Written);
        }
    }
}
