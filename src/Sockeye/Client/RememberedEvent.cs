namespace Sockeye;

/// <summary>An event that happens seldom, and that who subscribes later is told of as well.</summary>
/// <remarks>Its state belongs to the queue: subscribing takes its turn among what is raised, so that nobody hears of the end before what
/// was there first.</remarks>
/// <typeparam name="TArgs">What its handlers are given.</typeparam>
internal sealed class RememberedEvent<TArgs>(object sender, HandlerQueue queue)
    where TArgs : EventArgs
{
    private EventHandler<TArgs>? _handlers;
    private TArgs[] _raised = [];
    private volatile bool _isAwaited;

    /// <summary>Gets whether anybody has ever subscribed.</summary>
    public bool IsAwaited => _isAwaited;

    public void Add(EventHandler<TArgs>? handler) => queue.Post(() =>
    {
        _isAwaited = true;
        foreach (TArgs raised in _raised)
            queue.Call(handler, sender, raised);
        _handlers += handler;
    });

    public void Remove(EventHandler<TArgs>? handler) => queue.Post(() => _handlers -= handler);

    /// <summary>Raises the event. Runs in the queue.</summary>
    public void Raise(TArgs args)
    {
        _raised = [.. _raised, args];
        queue.Call(_handlers, sender, args);
    }
}
