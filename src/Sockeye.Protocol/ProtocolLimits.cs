namespace Sockeye.Protocol;

/// <summary>Sets what one message may cost its receiver (RFC 6455, section 10.4). Limits are inclusive.</summary>
public sealed record ProtocolLimits
{
    /// <summary>The default limits: 16 MiB and 131,072 fragments a message.</summary>
    public static ProtocolLimits Default { get; } = new();

    /// <summary>Gets the largest message in bytes, over all its fragments; 16 MiB (16,777,216) by default. 0 is unlimited, which
    /// still means what an array can hold (<see cref="Array.MaxLength"/>).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long MaxMessageSize
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    } = 16 * 1024 * 1024;

    /// <summary>Gets the largest number of fragments, empty ones included, that one message may have; 131,072 by default.
    /// 0 is unlimited.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int MaxFragments
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    } = 131_072;

    /// <summary>Gets whether text messages and close reasons are taken without a check that they are valid UTF-8; false by
    /// default. Only for peers that are trusted to send valid text: RFC 6455, section 8.1, demands the check.</summary>
    public bool SkipUtf8Validation { get; init; }
}
