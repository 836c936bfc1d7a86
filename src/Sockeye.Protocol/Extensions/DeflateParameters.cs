namespace Sockeye.Protocol;

/// <summary>Holds what both sides agreed on for permessage-deflate (RFC 7692, section 7.1).</summary>
public sealed record DeflateParameters
{
    /// <summary>The name of the extension.</summary>
    public const string ExtensionName = "permessage-deflate";

    /// <summary>The smallest window, as the base-2 logarithm of its size in bytes: 256 bytes.</summary>
    public const int MinWindowBits = 8;

    /// <summary>The largest window, and the one that counts where none is named: 32 KiB.</summary>
    public const int MaxWindowBits = 15;

    /// <summary>Gets whether the server starts each message with an empty window.</summary>
    public bool ServerNoContextTakeover { get; init; }

    /// <summary>Gets whether the client starts each message with an empty window.</summary>
    public bool ClientNoContextTakeover { get; init; }

    /// <summary>Gets the largest window that the server compresses with, 8–15; 15 by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not 8–15.</exception>
    public int ServerMaxWindowBits
    {
        get;
        init => field = Window(value);
    } = MaxWindowBits;

    /// <summary>Gets the largest window that the client compresses with, 8–15; 15 by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not 8–15.</exception>
    public int ClientMaxWindowBits
    {
        get;
        init => field = Window(value);
    } = MaxWindowBits;

    /// <summary>Tells whether a side starts each message with an empty window.</summary>
    /// <param name="sender">The side that compresses.</param>
    public bool HasNoContextTakeover(Role sender) => sender == Role.Server ? ServerNoContextTakeover : ClientNoContextTakeover;

    /// <summary>Gets the window that a side compresses with at most.</summary>
    /// <param name="sender">The side that compresses.</param>
    public int WindowBits(Role sender) => sender == Role.Server ? ServerMaxWindowBits : ClientMaxWindowBits;

    private static int Window(int value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, MinWindowBits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxWindowBits);
        return value;
    }
}
