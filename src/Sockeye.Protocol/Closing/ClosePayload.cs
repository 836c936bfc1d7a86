using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace Sockeye.Protocol;

/// <summary>Reads and writes the body of a Close frame: nothing, or a code of two bytes and a reason (RFC 6455, section 5.5.1).</summary>
public static class ClosePayload
{
    /// <summary>The largest reason, in bytes of UTF-8: a control frame holds 125 bytes, two of which are the code.</summary>
    public const int MaxReasonBytes = 123;

    /// <summary>Tells whether a code may appear in a Close frame: 1000–1003, 1007–1014 and 3000–4999
    /// (RFC 6455, section 7.4, with the codes that IANA has registered since).</summary>
    /// <param name="code">The code.</param>
    public static bool IsValid(CloseCode code) =>
        (int)code is >= 1000 and <= 1003 or >= 1007 and <= 1014 or >= 3000 and <= 4999;

    /// <summary>Reads the body of a Close frame.</summary>
    /// <param name="payload">The unmasked payload, 0–125 bytes.</param>
    /// <param name="code">The code; <see cref="CloseCode.NoStatus"/> for an empty payload.</param>
    /// <param name="reason">The reason; empty where there is none.</param>
    /// <param name="violation">The rule that the payload breaks, when the method returns false.</param>
    /// <param name="skipUtf8Validation">Whether a reason that is not UTF-8 is taken, its bad bytes replaced by U+FFFD.</param>
    /// <returns>Whether the payload is valid.</returns>
    public static bool TryRead(
        ReadOnlySpan<byte> payload,
        out CloseCode code,
        out string reason,
        [NotNullWhen(false)] out Violation? violation,
        bool skipUtf8Validation = false)
    {
        code = CloseCode.NoStatus;
        reason = "";
        violation = null;
        if (payload.IsEmpty)
            return true;

        if (payload.Length == 1)
        {
            violation = Violation.Of(Rule.ClosePayloadMustHoldCode);
            return false;
        }

        var received = (CloseCode)BinaryPrimitives.ReadUInt16BigEndian(payload);
        if (!IsValid(received))
        {
            violation = Violation.Of(Rule.CloseCodeMustBeValid);
            return false;
        }

        if (!skipUtf8Validation && !Utf8.IsValid(payload[2..]))
        {
            violation = Violation.Of(Rule.CloseReasonMustBeUtf8);
            return false;
        }

        code = received;
        reason = Encoding.UTF8.GetString(payload[2..]);
        return true;
    }

    /// <summary>Writes the body of a Close frame.</summary>
    /// <param name="destination">Where to write: <c>2 + </c> the bytes of the reason, at most 125.</param>
    /// <param name="code">The code; <see cref="CloseCode.NoStatus"/> writes an empty body.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <returns>The number of bytes written.</returns>
    /// <exception cref="ArgumentException">The code must not appear on the wire, a reason comes without a code, or the reason is
    /// too long.</exception>
    public static int Write(Span<byte> destination, CloseCode code, ReadOnlySpan<char> reason)
    {
        Validate(code, reason);
        if (code == CloseCode.NoStatus)
            return 0;

        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)code);
        return 2 + Encoding.UTF8.GetBytes(reason, destination[2..]);
    }

    /// <summary>Throws unless a code and a reason may be sent in a Close frame.</summary>
    /// <param name="code">The code; <see cref="CloseCode.NoStatus"/> stands for an empty body.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <exception cref="ArgumentException">The code must not appear on the wire, a reason comes without a code, or the reason is
    /// too long.</exception>
    public static void Validate(CloseCode code, ReadOnlySpan<char> reason)
    {
        if (code == CloseCode.NoStatus)
        {
            if (!reason.IsEmpty)
                throw new ArgumentException("A close reason needs a code: give one, such as 1000 (CloseCode.Normal).", nameof(code));
            return;
        }

        if (!IsValid(code))
        {
            throw new ArgumentException(
                $"The close code {(int)code} must not be sent: use 1000–1003, 1007–1014 or 3000–4999.", nameof(code));
        }

        if (Encoding.UTF8.GetByteCount(reason) > MaxReasonBytes)
        {
            throw new ArgumentException(
                $"The close reason takes {Encoding.UTF8.GetByteCount(reason)} bytes of UTF-8: at most {MaxReasonBytes} fit into a Close frame.",
                nameof(reason));
        }
    }
}
