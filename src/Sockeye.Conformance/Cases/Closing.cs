using System.Buffers.Binary;
using System.Text;

namespace Sockeye.Conformance;

/// <summary>Makes the bodies of Close frames, allowed or not.</summary>
internal static class Closing
{
    /// <summary>Makes a body with any code of 16 bits and any reason.</summary>
    public static Payload Body(int code, string reason = "") => Body(code, Encoding.UTF8.GetBytes(reason));

    public static Payload Body(int code, ReadOnlySpan<byte> reason)
    {
        byte[] body = new byte[2 + reason.Length];
        BinaryPrimitives.WriteUInt16BigEndian(body, (ushort)code);
        reason.CopyTo(body.AsSpan(2));
        return Payload.Of(body);
    }
}
