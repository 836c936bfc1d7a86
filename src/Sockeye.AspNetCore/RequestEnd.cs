namespace Sockeye;

/// <summary>Ends a request when its connection and the handler of that have ended.</summary>
internal sealed class RequestEnd : IConnectionOwner
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Gets what completes then.</summary>
    public Task Task => _ended.Task;

    public void OnEnded(WebSocketConnection connection) => _ended.SetResult();
}
