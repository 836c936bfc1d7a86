using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>What the receiver of a session demands, and what both sides agreed on.</summary>
/// <param name="Receiver">The role of the side that receives.</param>
/// <param name="MaxMessageSize">The largest message in bytes; 0 is unlimited.</param>
/// <param name="MaxFragments">The largest number of fragments; 0 is unlimited.</param>
/// <param name="SkipsUtf8">Whether text is taken as it comes.</param>
/// <param name="Deflate">Whether permessage-deflate was negotiated, and how the sender uses it.</param>
/// <param name="InPieces">Whether messages are handed out in pieces, as they arrive.</param>
public sealed record Terms(
    Role Receiver,
    long MaxMessageSize = Terms.DefaultMaxMessageSize,
    int MaxFragments = Terms.DefaultMaxFragments,
    bool SkipsUtf8 = false,
    DeflateMode Deflate = DeflateMode.None,
    bool InPieces = false)
{
    public const long DefaultMaxMessageSize = 16 * 1024 * 1024;
    public const int DefaultMaxFragments = 131_072;

    public Terms Reversed => new(Receiver == Role.Server ? Role.Client : Role.Server, 0, 0, SkipsUtf8, Deflate);
}

/// <summary>How the sender of a session may compress.</summary>
public enum DeflateMode
{
    None,
    NoContextTakeover,
    ContextTakeover,
}

/// <summary>One case: the bytes that a peer sends, up to the end of its side.</summary>
/// <param name="Seed">What it was made of.</param>
/// <param name="Terms">The terms.</param>
/// <param name="Wire">The bytes.</param>
public sealed record Session(long Seed, Terms Terms, byte[] Wire);
