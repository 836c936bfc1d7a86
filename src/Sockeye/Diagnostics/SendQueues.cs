namespace Sockeye.Diagnostics;

/// <summary>Knows the connections whose peers do not take at once what is sent, while somebody measures how much waits there. All others
/// have next to nothing waiting.</summary>
internal sealed class SendQueues
{
    private readonly HashSet<SendBuffer> _waiting = [];

    // Read without the lock: who removes has added before, or there may be nothing to remove.
    private volatile int _count;

    public void Add(SendBuffer output)
    {
        lock (_waiting)
        {
            _waiting.Add(output);
            _count = _waiting.Count;
        }
    }

    public void Remove(SendBuffer output)
    {
        if (_count == 0)
            return;
        lock (_waiting)
        {
            _waiting.Remove(output);
            _count = _waiting.Count;
        }
    }

    /// <summary>Sums up the bytes that wait.</summary>
    public long Bytes
    {
        get
        {
            lock (_waiting)
                return _waiting.Sum(output => output.QueuedBytes);
        }
    }
}
