using System.Text;
using Sockeye.Protocol.Tests.Messages;

namespace Sockeye.Protocol.Tests.Closing;

public sealed class ClosePayloadTests
{
    // What RFC 6455, section 7.4, and the IANA registry let appear on the wire.
    private static bool MayAppear(int code) => code is (>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999);

    // V11
    [Fact]
    public void TryRead_of_each_code_takes_those_that_may_appear()
    {
        for (int code = 0; code <= 65_535; code++)
        {
            byte[] payload = [(byte)(code >> 8), (byte)code, (byte)'x'];
            bool isValid = ClosePayload.TryRead(payload, out CloseCode read, out string reason, out Violation? violation);

            Assert.Equal(MayAppear(code), isValid);
            Assert.Equal(MayAppear(code), ClosePayload.IsValid((CloseCode)code));
            Assert.Equal(isValid ? null : Rule.CloseCodeMustBeValid, violation?.Rule);
            Assert.Equal(isValid ? ((CloseCode)code, "x") : (CloseCode.NoStatus, ""), (read, reason));
        }
    }

    [Fact]
    public void Write_of_each_code_takes_those_that_may_appear()
    {
        byte[] buffer = new byte[2];
        foreach (int code in Enumerable.Range(-10, 65_536 + 20).Append(int.MinValue).Append(int.MaxValue).Append(65_536 + 1000))
        {
            if (MayAppear(code))
            {
                Assert.Equal(2, ClosePayload.Write(buffer, (CloseCode)code, ""));
                Assert.Equal(code, (buffer[0] << 8) | buffer[1]);
            }
            else if (code != (int)CloseCode.NoStatus)
            {
                ArgumentException e = Assert.Throws<ArgumentException>("code", () => ClosePayload.Validate((CloseCode)code, ""));
                Assert.Contains(code.ToString(), e.Message, StringComparison.Ordinal);
            }
        }

        foreach (int code in (int[])[-1, 0, 999, 1004, 1006, 1015, 2999, 5000, 65_536 + 1000])
            Assert.Throws<ArgumentException>("code", () => ClosePayload.Write(new byte[125], (CloseCode)code, ""));
    }

    [Fact]
    public void TryRead_of_nothing_is_NoStatus()
    {
        Assert.True(ClosePayload.TryRead([], out CloseCode code, out string reason, out Violation? violation));
        Assert.Equal((CloseCode.NoStatus, "", null), (code, reason, violation));
    }

    [Fact]
    public void TryRead_of_one_byte_breaks_its_rule()
    {
        for (int b = 0; b < 256; b++)
        {
            Assert.False(ClosePayload.TryRead([(byte)b], out _, out _, out Violation? violation, skipUtf8Validation: true));
            Assert.Equal(Rule.ClosePayloadMustHoldCode, violation.Rule);
        }
    }

    [Fact]
    public void TryRead_of_a_reason_takes_valid_UTF8_only()
    {
        foreach (string hex in Utf8Samples.Valid)
        {
            byte[] payload = [0x03, 0xE8, .. Utf8Samples.Bytes(hex)];
            Assert.True(ClosePayload.TryRead(payload, out CloseCode code, out string reason, out _));
            Assert.Equal((CloseCode.Normal, Encoding.UTF8.GetString(payload[2..])), (code, reason));
        }

        foreach (string hex in Utf8Samples.Invalid)
        {
            byte[] payload = [0x03, 0xE8, .. Utf8Samples.Bytes(hex)];
            Assert.False(ClosePayload.TryRead(payload, out CloseCode code, out string reason, out Violation? violation));
            Assert.Equal((CloseCode.NoStatus, "", Rule.CloseReasonMustBeUtf8), (code, reason, violation.Rule));

            Assert.True(ClosePayload.TryRead(payload, out code, out reason, out _, skipUtf8Validation: true));
            Assert.Equal(CloseCode.Normal, code);
            Assert.Contains('\uFFFD', reason);
        }
    }

    [Theory]
    [InlineData("x")]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("𤭢")]
    public void Write_then_TryRead_of_each_length_of_reason_gives_it_back(string unit)
    {
        int unitBytes = Encoding.UTF8.GetByteCount(unit);
        byte[] buffer = new byte[FrameHeader.MaxControlPayload];
        for (int bytes = 0; bytes <= ClosePayload.MaxReasonBytes; bytes++)
        {
            string reason = string.Concat(Enumerable.Repeat(unit, bytes / unitBytes)) + new string('-', bytes % unitBytes);

            int size = ClosePayload.Write(buffer, CloseCode.GoingAway, reason);

            Assert.Equal(2 + bytes, size);
            Assert.True(ClosePayload.TryRead(buffer.AsSpan(0, size), out CloseCode code, out string read, out _));
            Assert.Equal((CloseCode.GoingAway, reason), (code, read));
        }
    }

    [Theory]
    [InlineData("x", 124)]
    [InlineData("é", 62)]
    [InlineData("€", 42)]
    [InlineData("𤭢", 31)]
    [InlineData("x", 100_000)]
    public void Write_of_a_reason_that_does_not_fit_throws(string unit, int count)
    {
        string reason = string.Concat(Enumerable.Repeat(unit, count));
        ArgumentException e = Assert.Throws<ArgumentException>("reason", () => ClosePayload.Validate(CloseCode.Normal, reason));
        Assert.Contains(Encoding.UTF8.GetByteCount(reason).ToString(), e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("reason", () => ClosePayload.Write(new byte[200], CloseCode.Normal, reason));
    }

    [Fact]
    public void Write_of_a_lone_surrogate_sends_the_replacement_character()
    {
        byte[] buffer = new byte[125];
        int size = ClosePayload.Write(buffer, CloseCode.Normal, "a\uD800");
        Assert.True(ClosePayload.TryRead(buffer.AsSpan(0, size), out _, out string reason, out _));
        Assert.Equal("a\uFFFD", reason);
    }

    [Fact]
    public void Write_of_NoStatus_is_empty_and_has_no_reason()
    {
        Assert.Equal(0, ClosePayload.Write([], CloseCode.NoStatus, ""));
        Assert.Throws<ArgumentException>("code", () => ClosePayload.Write(new byte[125], CloseCode.NoStatus, "why"));
    }
}
