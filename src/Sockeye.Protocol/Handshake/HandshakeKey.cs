using System.Security.Cryptography;
using System.Text;

namespace Sockeye.Protocol;

/// <summary>Makes and checks the key of the opening handshake and the answer to it (RFC 6455, sections 4.1 and 4.2.2).</summary>
public static class HandshakeKey
{
    /// <summary>The number of random bytes in a key.</summary>
    public const int Size = 16;

    private const int EncodedLength = 24;
    private const string Suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <summary>Makes a key, the value of <c>Sec-WebSocket-Key</c>.</summary>
    /// <param name="sixteenRandomBytes">16 bytes from a cryptographic generator, fresh for each connection.</param>
    /// <returns>24 characters of base64.</returns>
    /// <exception cref="ArgumentException">There are not 16 bytes.</exception>
    public static string Create(ReadOnlySpan<byte> sixteenRandomBytes)
    {
        if (sixteenRandomBytes.Length != Size)
            throw new ArgumentException($"A key takes {Size} bytes, not {sixteenRandomBytes.Length}.", nameof(sixteenRandomBytes));
        return Convert.ToBase64String(sixteenRandomBytes);
    }

    /// <summary>Tells whether a text is the base64 of exactly 16 bytes.</summary>
    /// <param name="key">The value of <c>Sec-WebSocket-Key</c>; null is none.</param>
    public static bool IsValid(string? key)
    {
        if (key is not { Length: EncodedLength } || !key.EndsWith("==", StringComparison.Ordinal))
            return false;
        foreach (char character in key.AsSpan(0, EncodedLength - 2))
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('+' or '/'))
                return false;
        }

        return true;
    }

    /// <summary>Computes the answer to a key, the value of <c>Sec-WebSocket-Accept</c>.</summary>
    /// <param name="key">The key, as it was received.</param>
    /// <returns>28 characters: the base64 of the SHA-1 of the key followed by a fixed GUID.</returns>
    public static string ComputeAccept(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Convert.ToBase64String(SHA1.HashData(Encoding.UTF8.GetBytes(key + Suffix)));
    }
}
