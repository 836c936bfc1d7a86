namespace Sockeye;

/// <summary>An event that happens at most once, and that who subscribes later is told of as well.</summary>
/// <typeparam name="TArgs">What its handlers are given.</typeparam>
internal sealed class RememberedEvent<TArgs>(object sender, HandlerQueue queue)
    where TArgs : EventArgs
{
    private readonly Lock _sync = new();
    private EventHandler<TArgs>? _handlers;
    private TArgs? _raised;
    private bool _hadHandlers;

    /// <summary>Gets whether anybody has ever subscribed.</summary>
    public bool IsAwaited
    {
        get
        {
            lock (_sync)
                return _hadHandlers;
        }
    }

    public void Add(EventHandler<TArgs>? handler)
    {
        if (handler is null)
            return;
        TArgs? raised;
        lock (_sync)
        {
            _hadHandlers = true;
            raised = _raised;
            if (raised is null)
                _handlers += handler;
        }

        if (raised is not null)
            queue.Post(() => queue.Call(handler, sender, raised));
    }

    public void Remove(EventHandler<TArgs>? handler)
    {
        lock (_sync)
            _handlers -= handler;
    }

    /// <summary>Raises the event, from within the queue.</summary>
    public void Raise(TArgs args)
    {
        EventHandler<TArgs>? handlers;
        lock (_sync)
        {
            _raised = args;
            handlers = _handlers;
            _handlers = null;
        }

        queue.Call(handlers, sender, args);
    }
}
