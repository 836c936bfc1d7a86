using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Keeps a node subscribed, at its backplane, to the topics that its own connections want.</summary>
/// <remarks>What is wanted is guarded by the lock, and noted under that of the lane, in the order in which it changes. For each topic one
/// flow at a time talks to the backplane, under no lock, until what it has is what is wanted.</remarks>
/// <param name="hub">The node.</param>
/// <param name="backplane">The backplane.</param>
/// <param name="logger">Where failures go.</param>
internal sealed class BackplaneLinks(TopicHub hub, IBackplane backplane, ILogger logger)
{
    // How long it waits, half of it at least, before it asks again for what was refused: the first time, and at most.
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly LogPace _publishing = new(hub.Options.TimeProvider);
    private readonly LogPace _subscribing = new(hub.Options.TimeProvider);
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Link> _links = [];

    /// <summary>Publishes a message at the backplane.</summary>
    /// <returns>Why the backplane has not taken it; null where it has.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<Exception?> PublishAsync(string topic, BackplaneMessage message, CancellationToken token)
    {
        try
        {
            await backplane.PublishAsync(topic, message, token).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is not OperationCanceledException || !token.IsCancellationRequested)
        {
            if (_publishing.IsDue())
                logger.BackplaneTookNothing(PeerText.Escape(topic), e);
            return e;
        }
    }

    /// <summary>Notes whether a topic is wanted.</summary>
    /// <returns>What the caller calls <see cref="Start"/> with, once it holds no lock; null where nothing is to be done.</returns>
    public Link? Want(string topic, bool isWanted)
    {
        lock (_sync)
        {
            if (!_links.TryGetValue(topic, out Link? link))
            {
                if (!isWanted)
                    return null;
                _links[topic] = link = new Link(topic);
            }

            link.IsWanted = isWanted;
            link.Changed?.TrySetResult();
            if (link.IsWorking)
                return null;
            link.IsWorking = true;
            return link;
        }
    }

    /// <summary>Does what is wanted.</summary>
    public void Start(Link? link)
    {
        if (link is not null)
            _ = WorkAsync(link);
    }

    private async Task WorkAsync(Link link)
    {
        TimeSpan pause = FirstPause;
        while (TryGoOn(link, out bool isWanted, out Task changed))
        {
            try
            {
                if (isWanted)
                {
                    link.Subscription = await backplane
                        .SubscribeAsync(link.Topic, message => hub.ReceiveAsync(link.Topic, message)).ConfigureAwait(false)
                        ?? throw new InvalidOperationException("SubscribeAsync of the backplane returned null instead of a subscription.");
                }
                else
                {
                    IAsyncDisposable subscription = link.Subscription!;
                    link.Subscription = null;
                    await subscription.DisposeAsync().ConfigureAwait(false);
                }
            }
            catch (Exception e)
            {
                if (_subscribing.IsDue())
                    logger.BackplaneFailed(PeerText.Escape(link.Topic), e);
                if (!isWanted)
                    continue;
                TimeSpan wait = pause * ((1 + hub.Options.Random()) / 2);
                await changed.WaitAsync(wait, hub.Options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    /// <summary>Tells whether there is something to do, and ends the work on a topic where there is not.</summary>
    /// <param name="link">The topic.</param>
    /// <param name="isWanted">Whether it is wanted.</param>
    /// <param name="changed">Completes when somebody says anew whether it is.</param>
    private bool TryGoOn(Link link, out bool isWanted, out Task changed)
    {
        lock (_sync)
        {
            isWanted = link.IsWanted;
            bool goesOn = isWanted != (link.Subscription is not null);
            link.IsWorking = goesOn;
            link.Changed = goesOn ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) : null;
            changed = link.Changed?.Task ?? Task.CompletedTask;
            if (!goesOn && !isWanted)
                _links.Remove(link.Topic);
            return goesOn;
        }
    }

    /// <summary>A topic at the backplane.</summary>
    internal sealed class Link(string topic)
    {
        public string Topic => topic;

        public bool IsWanted { get; set; }

        public bool IsWorking { get; set; }

        /// <summary>Gets or sets what completes when somebody says anew whether it is wanted, while there is work.</summary>
        public TaskCompletionSource? Changed { get; set; }

        public IAsyncDisposable? Subscription { get; set; }
    }
}
