namespace Sockeye;

/// <summary>Connects the hubs of one process: the backplane of tests, and of an application with several hosts in one process.</summary>
/// <remarks>Nothing waits in it: a publication has come to every hub when its task completes.</remarks>
public sealed class InProcessBackplane : IBackplane
{
    private readonly Lock _sync = new();

    // Guarded by the lock. The arrays are not changed.
    private readonly Dictionary<string, Node[]> _topics = [];

    /// <summary>Counts the nodes that have subscribed to a topic.</summary>
    /// <param name="topic">The topic.</param>
    public int CountNodes(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return NodesAt(topic).Length;
    }

    /// <inheritdoc/>
    public ValueTask<IAsyncDisposable> SubscribeAsync(string topic, Func<BackplaneMessage, ValueTask> receive)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(receive);
        var node = new Node(this, topic, receive);
        lock (_sync)
            _topics[topic] = [.. NodesAt(topic), node];
        return new ValueTask<IAsyncDisposable>(node);
    }

    /// <inheritdoc/>
    public async ValueTask PublishAsync(string topic, BackplaneMessage message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(topic);
        foreach (Node node in NodesAt(topic))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await node.Receive(message).ConfigureAwait(false);
        }
    }

    private Node[] NodesAt(string topic)
    {
        lock (_sync)
            return _topics.GetValueOrDefault(topic, []);
    }

    private void Remove(Node node)
    {
        lock (_sync)
        {
            Node[] left = [.. NodesAt(node.Topic).Where(other => other != node)];
            if (left.Length == 0)
                _topics.Remove(node.Topic);
            else
                _topics[node.Topic] = left;
        }
    }

    private sealed class Node(InProcessBackplane backplane, string topic, Func<BackplaneMessage, ValueTask> receive) : IAsyncDisposable
    {
        public string Topic => topic;

        public ValueTask Receive(BackplaneMessage message) => receive(message);

        public ValueTask DisposeAsync()
        {
            backplane.Remove(this);
            return default;
        }
    }
}
