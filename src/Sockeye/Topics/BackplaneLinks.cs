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
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Link> _links = [];

    public ValueTask PublishAsync(string topic, BackplaneMessage message, CancellationToken token) =>
        backplane.PublishAsync(topic, message, token);

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
        while (TryGoOn(link, out bool isWanted))
        {
            try
            {
                if (isWanted)
                {
                    link.Subscription = await backplane
                        .SubscribeAsync(link.Topic, message => hub.ReceiveAsync(link.Topic, message)).ConfigureAwait(false);
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
                logger.BackplaneFailed(PeerText.Escape(link.Topic), e);
                link.HasFailed = isWanted;
            }
        }
    }

    /// <summary>Tells whether there is something to do, and ends the work on a topic where there is not.</summary>
    private bool TryGoOn(Link link, out bool isWanted)
    {
        lock (_sync)
        {
            isWanted = link.IsWanted;
            // Where the backplane has refused, it is asked again when somebody subscribes again.
            bool goesOn = isWanted != (link.Subscription is not null) && !(isWanted && link.HasFailed);
            link.IsWorking = goesOn;
            if (!goesOn)
            {
                link.HasFailed = false;
                if (!isWanted)
                    _links.Remove(link.Topic);
            }

            return goesOn;
        }
    }

    /// <summary>A topic at the backplane.</summary>
    internal sealed class Link(string topic)
    {
        public string Topic => topic;

        public bool IsWanted { get; set; }

        public bool IsWorking { get; set; }

        public bool HasFailed { get; set; }

        public IAsyncDisposable? Subscription { get; set; }
    }
}
