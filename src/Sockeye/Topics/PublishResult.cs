namespace Sockeye;

/// <summary>Says whom a publication reached on this machine.</summary>
/// <param name="Accepted">How many connections have accepted the message.</param>
/// <param name="Queued">For how many it waits in a backlog, since they read more slowly than is published.</param>
/// <param name="Dropped">For how many it was dropped, or closed their connection, as <see cref="TopicHubOptions.SlowConsumer"/> says.</param>
public readonly record struct PublishResult(int Accepted, int Queued, int Dropped)
{
    /// <summary>Gets why the <see cref="TopicHubOptions.Backplane"/> has not taken the message, so that connections of other machines miss
    /// it; null where it has, and where there is none.</summary>
    public Exception? BackplaneError { get; init; }
}

/// <summary>Counts what a <see cref="TopicHub"/> holds, and what it has done since it was made.</summary>
public readonly record struct TopicHubCounts
{
    /// <summary>Gets how many topics have subscribers.</summary>
    public int Topics { get; init; }

    /// <summary>Gets how many subscriptions there are, over all topics.</summary>
    public int Subscriptions { get; init; }

    /// <summary>Gets how many subscribers have a backlog.</summary>
    public int Slow { get; init; }

    /// <summary>Gets how many bytes wait in all backlogs; a message counts once for each subscriber.</summary>
    public long BacklogBytes { get; init; }

    /// <summary>Gets how many messages have been published at topics with subscribers.</summary>
    public long Published { get; init; }

    /// <summary>Gets how many times a connection has accepted a message at once.</summary>
    public long Accepted { get; init; }

    /// <summary>Gets how many times a message has begun to wait in a backlog.</summary>
    public long Queued { get; init; }

    /// <summary>Gets how many times a publisher has been let wait (<see cref="SlowConsumerPolicy.Wait"/>).</summary>
    public long Waited { get; init; }

    /// <summary>Gets how many messages were dropped since they found no room.</summary>
    public long DroppedNewest { get; init; }

    /// <summary>Gets how many messages were dropped to make room for newer ones.</summary>
    public long DroppedOldest { get; init; }

    /// <summary>Gets how many messages gave their place to a newer one with the same key.</summary>
    public long Conflated { get; init; }

    /// <summary>Gets how many messages were dropped because they had waited for <see cref="TopicHubOptions.MaxBacklogAge"/>.</summary>
    public long Expired { get; init; }

    /// <summary>Gets how many connections were closed for being slow.</summary>
    public long Closed { get; init; }

    /// <summary>Gets how many messages waited in a backlog when their connection closed, for that or another reason, or when its last
    /// subscription ended.</summary>
    public long Abandoned { get; init; }
}
