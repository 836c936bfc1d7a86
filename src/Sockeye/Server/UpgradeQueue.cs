using System.Threading.Channels;

namespace Sockeye;

/// <summary>Holds the requests that wait for whoever enumerates them.</summary>
internal sealed class UpgradeQueue(int capacity)
{
    private readonly Channel<UpgradeRequest> _channel = Channel.CreateBounded<UpgradeRequest>(capacity);
    private int _attached;

    /// <summary>Gets whether somebody enumerates.</summary>
    public bool IsAttached => Volatile.Read(ref _attached) != 0;

    /// <summary>Puts a request in; false where the queue is full or closed.</summary>
    public bool TryEnqueue(UpgradeRequest request) => _channel.Writer.TryWrite(request);

    /// <summary>Makes the caller the one who enumerates.</summary>
    public void Attach()
    {
        if (Interlocked.Exchange(ref _attached, 1) != 0)
        {
            throw new InvalidOperationException(
                "UpgradeRequestsAsync is being enumerated already: enumerate it in one place and hand the requests on from there.");
        }
    }

    /// <summary>Ends the enumeration; what nobody will see any more is answered.</summary>
    public void Detach()
    {
        Volatile.Write(ref _attached, 0);
        while (_channel.Reader.TryRead(out UpgradeRequest? request))
            request.Expire();
    }

    public IAsyncEnumerable<UpgradeRequest> ReadAllAsync(CancellationToken cancellationToken) =>
        _channel.Reader.ReadAllAsync(cancellationToken);

    /// <summary>Ends the enumeration from the other side.</summary>
    public void Complete() => _channel.Writer.TryComplete();
}
