namespace Sockeye;

/// <summary>Learns that a task is over.</summary>
internal interface ICompletionObserver
{
    /// <summary>Is called once for each task, on the thread that completes it.</summary>
    /// <param name="task">The task, which is over.</param>
    void OnCompleted(ValueTask task);
}

/// <summary>Waits for one task after the other on behalf of an object that would otherwise keep each and a delegate of its own.</summary>
internal sealed class CompletionWait
{
    private readonly ICompletionObserver _observer;
    private readonly Action _onCompleted;
    private ValueTask _task;

    public CompletionWait(ICompletionObserver observer)
    {
        _observer = observer;
        _onCompleted = OnCompleted;
    }

    public void Begin(ValueTask task)
    {
        _task = task;
        task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onCompleted);
    }

    private void OnCompleted()
    {
        ValueTask task = _task;
        _task = default;
        _observer.OnCompleted(task);
    }
}
