using System.Threading.Tasks.Sources;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Ends a request when its connection and the handler of that have ended: on the thread of the event loop where that runs this
/// very connection, which what follows may hold as the handler may; else on one of the pool.</summary>
internal sealed class RequestEnd : IConnectionOwner, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _ended = new() { RunContinuationsAsynchronously = true };

    /// <summary>Gets what completes then; it is awaited once.</summary>
    public ValueTask Task => new(this, _ended.Version);

    public void OnEnded(WebSocketConnection connection)
    {
        _ended.RunContinuationsAsynchronously = !connection.Receive.IsRunningHere || EventLoop.LedHere is null;
        _ended.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => _ended.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _ended.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _ended.OnCompleted(continuation, state, token, flags);
}
