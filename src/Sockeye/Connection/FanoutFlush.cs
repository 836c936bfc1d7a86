using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Hands to their transports what was sent to many connections: some at a time, so that others have their turn
/// between them.</summary>
/// <remarks>The event loop that it was sent from does that when it has served what is at hand, so that one write takes all that was
/// sent meanwhile; elsewhere as many threads of the pool as there are processors share it.</remarks>
/// <param name="ended">Is called when everything has been handed over: the object can be used again.</param>
internal sealed class FanoutFlush(Action<FanoutFlush> ended) : IThreadPoolWorkItem
{
    private const int AtATime = 32;

    private SendBuffer[] _outputs = new SendBuffer[AtATime];
    private int _count;
    private int _next;
    private int _workers;

    /// <summary>Adds what a connection is to send.</summary>
    public void Add(SendBuffer output)
    {
        if (_count == _outputs.Length)
            Array.Resize(ref _outputs, 2 * _count);
        _outputs[_count++] = output;
    }

    /// <summary>Begins to flush. Nothing is added from here on.</summary>
    public void Start()
    {
        _workers = 1;
        if (EventLoop.TryDefer(this))
            return;
        int workers = _workers = Math.Min(Environment.ProcessorCount, (_count + AtATime - 1) / AtATime);
        for (int i = 0; i < workers; i++)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        int start = Interlocked.Add(ref _next, AtATime) - AtATime;
        int end = Math.Min(start + AtATime, _count);
        for (int i = start; i < end; i++)
            _outputs[i].FlushShared();
        if (end < _count)
        {
            if (!EventLoop.TryDefer(this))
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else if (Interlocked.Decrement(ref _workers) == 0)
        {
            Array.Clear(_outputs, 0, _count);
            _count = _next = 0;
            ended(this);
        }
    }
}
