namespace Sockeye;

/// <summary>A smoothed round-trip time (RFC 6298, section 2). Guarded by the lock of the connection.</summary>
internal struct SmoothedTime
{
    /// <summary>Gets the time; null before the first round trip.</summary>
    public TimeSpan? Value { get; private set; }

    /// <summary>Takes a round trip in.</summary>
    public void Add(TimeSpan roundTrip) => Value = Value is { } smoothed ? smoothed + ((roundTrip - smoothed) / 8) : roundTrip;
}
