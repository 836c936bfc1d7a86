using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says what a <see cref="TopicHub"/> does for a subscriber that reads more slowly than is published.</summary>
/// <remarks>Each subscriber takes messages directly while no more than <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes wait at
/// its connection. Beyond that its messages wait in a backlog of its own, within <see cref="TopicHubOptions.MaxBacklogBytes"/> and
/// <see cref="TopicHubOptions.MaxBacklogAge"/>. The policy says what happens at these bounds. No other subscriber notices any of it, but for
/// <see cref="Wait"/>, where publishers are held up.</remarks>
public enum SlowConsumerPolicy
{
    /// <summary>Closes the connection with <see cref="TopicHubOptions.CloseCode"/>: nothing is ever lost silently.</summary>
    Close,

    /// <summary>Lets publishers wait until the backlog is within its bound, and loses nothing. A subscriber whose oldest message has waited for
    /// <see cref="TopicHubOptions.MaxBacklogAge"/> is closed, so that nobody waits longer; and so is one at which twice the bound
    /// waits, because publishers do not await their publications.</summary>
    Wait,

    /// <summary>Drops the message that finds no room.</summary>
    DropNewest,

    /// <summary>Drops the messages that have waited longest, until there is room.</summary>
    DropOldest,

    /// <summary>Lets a message take the place of the one that waits with the same key at the same topic; where that makes no room, those that
    /// have waited longest are dropped. Messages without a key replace nothing.</summary>
    Conflate,
}

/// <summary>Sets how a <see cref="TopicHub"/> behaves. Immutable; any number of hubs may share it.</summary>
/// <remarks>A value outside its range throws <see cref="ArgumentException"/> where it is set.</remarks>
public sealed record TopicHubOptions
{
    /// <summary>The default options.</summary>
    public static TopicHubOptions Default { get; } = new();

    /// <summary>Gets what is done for subscribers that read more slowly than is published; <see cref="SlowConsumerPolicy.Close"/> by
    /// default.</summary>
    public SlowConsumerPolicy SlowConsumer
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(SlowConsumer), value, "SlowConsumer is one of the members of SlowConsumerPolicy.");
    }

    /// <summary>Gets how many bytes may wait for one subscriber in its backlog; 1 MiB by default. One message may exceed it. Each counts
    /// with its frame and with the place that it takes in the backlog (48 bytes, or 128 with a key to conflate by); a message is kept in
    /// memory once, for however many subscribers it waits. 0 lets nothing wait; under <see cref="SlowConsumerPolicy.Wait"/> one message,
    /// whose publisher waits with it, and a second one closes the connection.</summary>
    public int MaxBacklogBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(MaxBacklogBytes));
            field = value;
        }
    } = 1024 * 1024;

    /// <summary>Gets how long a message may wait in a backlog; 10 s by default, <see cref="TimeSpan.Zero"/> is unlimited. After that it is
    /// dropped, or its subscriber is closed, where the policy loses nothing.</summary>
    public TimeSpan MaxBacklogAge
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero, nameof(MaxBacklogAge));
            field = value;
        }
    } = TimeSpan.FromSeconds(10);

    /// <summary>Gets the code with which slow subscribers are closed; 1013 by default.</summary>
    /// <remarks>1000–1003, 1007–1014 or 3000–4999.</remarks>
    public CloseCode CloseCode
    {
        get;
        init => field = ClosePayload.IsValid(value)
            ? value
            : throw new ArgumentException(
                $"CloseCode is {(int)value}, which slow subscribers cannot be told: use 1000–1003, 1007–1014 or 3000–4999.",
                nameof(CloseCode));
    } = CloseCode.TryAgainLater;

    /// <summary>Gets the reason with which slow subscribers are closed, at most 123 bytes of UTF-8.</summary>
    public string CloseReason
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(CloseReason));
            ClosePayload.Validate(CloseCode.Normal, value);
            field = value;
        }
    } = "Messages come faster than they are read";

    /// <summary>Gets what carries publications between the hubs of several machines; null (the default) for a hub of its own.</summary>
    /// <remarks>Where it refuses a subscription, it is asked again while that is wanted: when another connection subscribes, and after a
    /// second, then two, and so on up to 30 s; each time up to a half earlier, at random: the nodes of a broker that was down do not all
    /// come back in the same moment.</remarks>
    public IBackplane? Backplane { get; init; }

    /// <summary>Gets the clock by which the <see cref="Backplane"/> is asked again; the system's by default. The age of what waits goes by
    /// the clock of its connection.</summary>
    public TimeProvider TimeProvider
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(TimeProvider));
            field = value;
        }
    } = TimeProvider.System;

    /// <summary>Gets where the randomness of the pauses comes from, from 0 up to 1.</summary>
    internal Func<double> Random { get; init; } = System.Random.Shared.NextDouble;
}
