using static Sockeye.Protocol.Tests.Framing.Wire;

namespace Sockeye.Protocol.Tests.Framing;

public sealed class FrameReaderTests
{
    private static readonly byte[] Key = [0x37, 0xFA, 0x21, 0x3D];

    public static TheoryData<ulong, LengthForm, bool> Headers()
    {
        TheoryData<ulong, LengthForm, bool> rows = [];
        foreach (ulong length in EdgeLengths)
        {
            foreach (bool masked in (bool[])[false, true])
            {
                if (length < 126)
                    rows.Add(length, LengthForm.Bits7, masked);
                if (length < 65_536)
                    rows.Add(length, LengthForm.Bits16, masked);
                rows.Add(length, LengthForm.Bits64, masked);
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Headers))]
    public void TryReadHeader_of_each_form_gives_what_was_written(ulong length, LengthForm form, bool masked)
    {
        byte[] bytes = Header(0x82, length, masked ? Key : null, form);

        Assert.True(FrameReader.TryReadHeader([.. bytes, 0xFF, 0xFF], out FrameHeader header));

        Assert.Equal((length, masked, bytes.Length), (header.PayloadLength, header.IsMasked, header.Size));
        Assert.Equal(masked ? BitConverter.ToUInt32(Key) : 0, header.MaskKey);
        Assert.Equal((Opcode.Binary, true, false), (header.Opcode, header.IsFinal, header.IsControl));
        bool isShortest = form switch { LengthForm.Bits7 => true, LengthForm.Bits16 => length > 125, _ => length > 65_535 };
        Assert.Equal(isShortest, header.IsLengthMinimal);
        Assert.Equal(form != LengthForm.Bits7, header.IsLengthExtended);
    }

    [Theory]
    [MemberData(nameof(Headers))]
    public void TryReadHeader_of_a_part_waits_and_TryPeekHeader_tells_what_is_known(ulong length, LengthForm form, bool masked)
    {
        byte[] bytes = Header(0x5A, length, masked ? Key : null, form);
        int lengthEnd = bytes.Length - (masked ? 4 : 0);
        for (int count = 0; count < bytes.Length; count++)
        {
            Assert.False(FrameReader.TryReadHeader(bytes.AsSpan(0, count), out FrameHeader none));
            Assert.Equal(0UL, none.PayloadLength);
            Assert.False(FrameReader.TryReadFrame(bytes.AsSpan(0, count), out _, out ReadOnlySpan<byte> payload));
            Assert.True(payload.IsEmpty);

            bool peeked = FrameReader.TryPeekHeader(bytes.AsSpan(0, count), out FrameHeader early, out bool lengthKnown);
            Assert.Equal((count >= 2, count >= lengthEnd && count >= 2), (peeked, lengthKnown));
            if (!peeked)
                continue;
            Assert.Equal((Opcode.Pong, false, true, true), (early.Opcode, early.IsFinal, early.IsRsv1Set, early.AreReservedBitsSet));
            Assert.Equal((masked, lengthKnown ? length : 0, 0U), (early.IsMasked, early.PayloadLength, early.MaskKey));
        }
    }

    [Fact]
    public void TryReadHeader_of_each_first_byte_gives_its_bits()
    {
        for (int first = 0; first < 256; first++)
        {
            Assert.True(FrameReader.TryReadHeader([(byte)first, 0], out FrameHeader header));
            Assert.Equal(first >= 0x80, header.IsFinal);
            Assert.Equal((first & 0x40) != 0, header.IsRsv1Set);
            Assert.Equal((first & 0x30) != 0, header.AreReservedBitsSet);
            Assert.Equal(first & 0x0F, (int)header.Opcode);
            Assert.Equal((first & 0x0F) >= 8, header.IsControl);
        }
    }

    // The examples of RFC 6455, section 5.7.
    [Theory]
    [InlineData("81 05 48656c6c6f", Opcode.Text, true, "48656c6c6f")]
    [InlineData("81 85 37fa213d 7f9f4d5158", Opcode.Text, true, "48656c6c6f")]
    [InlineData("01 03 48656c", Opcode.Text, false, "48656c")]
    [InlineData("80 02 6c6f", Opcode.Continuation, true, "6c6f")]
    [InlineData("89 05 48656c6c6f", Opcode.Ping, true, "48656c6c6f")]
    [InlineData("8a 85 37fa213d 7f9f4d5158", Opcode.Pong, true, "48656c6c6f")]
    public void TryReadFrame_of_the_examples_in_the_RFC_gives_their_payload(string hex, Opcode opcode, bool isFinal, string payloadHex)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

        Assert.True(FrameReader.TryReadFrame([.. bytes, 0x81], out FrameHeader header, out ReadOnlySpan<byte> payload));

        byte[] unmasked = payload.ToArray();
        Masking.Apply(unmasked, header.MaskKey);
        Assert.Equal((opcode, isFinal, bytes.Length), (header.Opcode, header.IsFinal, header.Size + payload.Length));
        Assert.Equal(payloadHex, Convert.ToHexStringLower(unmasked));
        for (int count = 0; count < bytes.Length; count++)
            Assert.False(FrameReader.TryReadFrame(bytes.AsSpan(0, count), out _, out _));
    }

    // V01: a length near an overflow is compared before anything is added to it.
    [Fact]
    public void TryReadFrame_of_a_huge_length_waits()
    {
        foreach (ulong length in EdgeLengths.Where(length => length > 70_000))
        {
            byte[] bytes = [.. Header(0x82, length, Key), .. new byte[100]];
            Assert.False(FrameReader.TryReadFrame(bytes, out FrameHeader header, out ReadOnlySpan<byte> payload));
            Assert.Equal(length, header.PayloadLength);
            Assert.True(payload.IsEmpty);
        }
    }
}
