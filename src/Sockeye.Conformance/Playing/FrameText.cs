using System.Buffers.Binary;
using System.Globalization;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Puts frames into words, for logs.</summary>
internal static class FrameText
{
    /// <summary>Describes a frame, such as <c>text FIN=0 RSV=4, 9 bytes "fragment1"</c>.</summary>
    /// <param name="header">The header.</param>
    /// <param name="start">The first bytes of the payload, unmasked.</param>
    public static string Describe(in FrameHeader header, ReadOnlySpan<byte> start)
    {
        string fin = header.IsFinal ? "" : " FIN=0";
        string rsv = header.IsRsv1Set || header.AreReservedBitsSet
            ? $"{(header.IsRsv1Set ? " RSV1" : "")}{(header.AreReservedBitsSet ? " RSV2/3" : "")}"
            : "";
        string name = Enum.IsDefined(header.Opcode)
            ? header.Opcode.ToString().ToLowerInvariant()
            : string.Create(CultureInfo.InvariantCulture, $"opcode {(int)header.Opcode}");
        string payload = header.Opcode == Opcode.Close && header.PayloadLength >= 2 && start.Length >= 2
            ? DescribeClose(start)
            : Payload.Describe(start, (long)Math.Min(header.PayloadLength, long.MaxValue));
        return $"{name}{fin}{rsv}, {payload}";
    }

    private static string DescribeClose(ReadOnlySpan<byte> body)
    {
        string reason = body.Length > 2 ? $" {Payload.Describe(body[2..], body.Length - 2)}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{BinaryPrimitives.ReadUInt16BigEndian(body)}{reason}");
    }
}
