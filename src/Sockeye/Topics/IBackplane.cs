namespace Sockeye;

/// <summary>Carries publications between the hubs of several machines, by means of some broker.</summary>
/// <remarks>A hub subscribes to a topic when the first of its own connections wants it, and ends that when the last one has gone, so that a
/// machine is sent what it needs alone. The two calls for one topic never overlap. What a broker delivers at least once comes to the
/// connections at least once. All members may be called from any thread.</remarks>
public interface IBackplane
{
    /// <summary>Subscribes a node to a topic.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="receive">Is called with each message that is published at the topic from then on, those of one node in their order. Await
    /// it before the next one of the same topic: it takes its time where <see cref="SlowConsumerPolicy.Wait"/> holds publishers up. A
    /// node knows its own messages by their <see cref="BackplaneMessage.Origin"/>, and passes over them.</param>
    /// <returns>The subscription, which ends when it is disposed. Where this throws, or gives null, it is asked again while the topic is
    /// wanted (<see cref="TopicHubOptions.Backplane"/>).</returns>
    ValueTask<IAsyncDisposable> SubscribeAsync(string topic, Func<BackplaneMessage, ValueTask> receive);

    /// <summary>Publishes a message at a topic, for all nodes that have subscribed to it.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that completes when the broker has taken the message. Where it fails, the publisher is told so in
    /// <see cref="PublishResult.BackplaneError"/>.</returns>
    ValueTask PublishAsync(string topic, BackplaneMessage message, CancellationToken cancellationToken);
}

/// <summary>A message on its way between machines.</summary>
/// <param name="Origin">The hub that published it.</param>
/// <param name="Message">The message: a broker carries its <see cref="PreparedMessage.Kind"/>, its <see cref="PreparedMessage.Options"/> and
/// its <see cref="PreparedMessage.Payload"/>.</param>
/// <param name="Key">The key by which it is conflated; null for none.</param>
public readonly record struct BackplaneMessage(Guid Origin, PreparedMessage Message, string? Key);
