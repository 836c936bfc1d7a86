using System.Security.Cryptography;
using System.Text;

namespace Sockeye;

/// <summary>Compares secrets that a peer presents.</summary>
public static class Credentials
{
    /// <summary>Compares two secrets in a time that tells nothing about where, or whether, they differ.</summary>
    /// <param name="presented">What the peer presented: a header or a query value, null where it presented none.</param>
    /// <param name="expected">What it should be.</param>
    /// <returns>Whether they are equal; never where either is null or empty.</returns>
    public static bool Equal(string? presented, string? expected)
    {
        if (string.IsNullOrEmpty(presented) || string.IsNullOrEmpty(expected))
            return false;

        // Digests have one length, whatever is presented.
        Span<byte> first = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> second = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(presented), first);
        SHA256.HashData(Encoding.UTF8.GetBytes(expected), second);
        return CryptographicOperations.FixedTimeEquals(first, second);
    }
}
