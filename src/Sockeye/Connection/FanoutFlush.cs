using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Hands to their transports what was sent to many connections: some at a time, so that others have their turn
/// between them.</summary>
/// <remarks>On the event loop that it was sent from, which serves what has come meanwhile before it goes on; elsewhere on as many
/// threads of the pool as that has to spare. A connection keeps its place until its turn comes, however much is sent to it meanwhile: one
/// write takes all of that.</remarks>
internal sealed class FanoutFlush : IThreadPoolWorkItem
{
    private const int AtATime = 32;

    private readonly Lock _sync = new();
    private readonly Queue<SendBuffer> _owed = new();
    private bool _isQueued;

    /// <summary>Adds a connection that has something to send.</summary>
    public void Add(SendBuffer output)
    {
        lock (_sync)
            _owed.Enqueue(output);
    }

    /// <summary>Begins to flush, unless that is under way.</summary>
    public void Start()
    {
        lock (_sync)
        {
            if (_isQueued || _owed.Count == 0)
                return;
            _isQueued = true;
        }

        Queue();
    }

    void IThreadPoolWorkItem.Execute()
    {
        bool isMore;
        lock (_sync)
            isMore = _isQueued = _owed.Count > AtATime;
        // First of all: on the pool another thread goes on with the others meanwhile.
        if (isMore)
            Queue();

        for (int i = 0; i < AtATime; i++)
        {
            SendBuffer? output;
            lock (_sync)
            {
                if (!_owed.TryDequeue(out output))
                    return;
            }

            output.FlushShared();
        }
    }

    private void Queue()
    {
        if (!EventLoop.TryDefer(this))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
