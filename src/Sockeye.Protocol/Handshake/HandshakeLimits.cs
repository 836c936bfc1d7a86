namespace Sockeye.Protocol;

/// <summary>Sets how large the head of a request or a response may be. Limits are inclusive.</summary>
public sealed record HandshakeLimits
{
    /// <summary>The default limits: 16 KiB, 8 KiB a line, 100 header lines.</summary>
    public static HandshakeLimits Default { get; } = new();

    /// <summary>Gets the largest head in bytes, from its first line to the empty line at its end; 16 KiB (16,384) by default,
    /// as in Node. A larger request is answered with 431.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 64 or above 1 MiB.</exception>
    public int MaxHeadBytes
    {
        get;
        init => field = InRange(value, 64, 1024 * 1024, nameof(MaxHeadBytes));
    } = 16 * 1024;

    /// <summary>Gets the longest line in bytes, without its line break; 8 KiB (8,192) by default. It holds for the first line,
    /// which carries the target (a longer one is answered with 414), and for each header line (431).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 16 or above 1 MiB.</exception>
    public int MaxLineBytes
    {
        get;
        init => field = InRange(value, 16, 1024 * 1024, nameof(MaxLineBytes));
    } = 8 * 1024;

    /// <summary>Gets the largest number of header lines; 100 by default. Lines count, not distinct names: repeating one name
    /// gains nothing. A request with more is answered with 431.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1 or above 10,000.</exception>
    public int MaxHeaderLines
    {
        get;
        init => field = InRange(value, 1, 10_000, nameof(MaxHeaderLines));
    } = 100;

    private static int InRange(int value, int least, int most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
        return value;
    }
}
