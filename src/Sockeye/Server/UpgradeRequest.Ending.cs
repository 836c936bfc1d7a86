using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>The requests that lead to no connection: what they are answered, whom that is told, and the end of what carried them.</content>
public sealed partial class UpgradeRequest
{
    /// <summary>Tells whoever observes the server that this request has led to no connection.</summary>
    internal void Tell(FailedHandshake failed) => _settings.Failed?.Invoke(failed with { RemoteEndPoint = RemoteEndPoint, Request = Head });

    /// <summary>Answers 503 where the application has not decided.</summary>
    internal void Expire()
    {
        if (Interlocked.CompareExchange(ref _state, Expired, Undecided) != Undecided)
            return;
        _ = SendAsync(
            Refusals.Unavailable("The server did not decide about this request in time. Try again.\n"), "it was not decided in time");
    }

    /// <summary>Answers 503 where the application has not decided, and breaks off an answer that is not taken.</summary>
    internal void OnDeadline()
    {
        Expire();
        if (Interlocked.CompareExchange(ref _state, Expired, Accepting) == Accepting)
            _transport.Abort();
    }

    /// <summary>Refuses the request, unless it has been decided; completes when the connection is closed.</summary>
    internal async Task RefuseAsync(HandshakeRefusal refusal)
    {
        if (Interlocked.CompareExchange(ref _state, Rejected, Undecided) == Undecided)
            await SendAsync(refusal, refusal.Fault?.Message ?? refusal.Body.TrimEnd()).ConfigureAwait(false);
        await WhenEndedAsync().ConfigureAwait(false);
    }

    /// <summary>Sends a refusal; completes when it has been written, and closes the connection behind that.</summary>
    private async Task SendAsync(HandshakeRefusal refusal, string reason)
    {
        try
        {
            _telemetry.Refuse(refusal.StatusCode);
            HandshakeLog.Refused(_settings.Logger, RemoteEndPoint, refusal.StatusCode, reason);
            Tell(new FailedHandshake { StatusCode = refusal.StatusCode, Fault = refusal.Fault, Reason = reason });
            await Refusals.WriteAsync(_transport, refusal, omitBody: Method == "HEAD").ConfigureAwait(false);
        }
        finally
        {
            _ = FinishAsync();
        }
    }

    private async Task FinishAsync()
    {
        await Refusals.FinishAsync(_transport, _settings.Time).ConfigureAwait(false);
        End(null);
    }

    private void End(WebSocketConnection? connection)
    {
        if (Interlocked.CompareExchange(ref _end, connection ?? Refused, null) is TaskCompletionSource<WebSocketConnection?> waiting)
            waiting.TrySetResult(connection);
    }

    private Task<WebSocketConnection?> WhenEndedAsync()
    {
        if (Volatile.Read(ref _end) is not { } end)
        {
            var waiting = new TaskCompletionSource<WebSocketConnection?>(TaskCreationOptions.RunContinuationsAsynchronously);
            end = Interlocked.CompareExchange(ref _end, waiting, null) ?? waiting;
        }

        return end is TaskCompletionSource<WebSocketConnection?> ended ? ended.Task : Task.FromResult(end as WebSocketConnection);
    }

    /// <summary>Ends the connection where nobody has decided: whoever was about to has failed, and nobody else would end it.</summary>
    private async Task BreakOffAsync()
    {
        if (Interlocked.CompareExchange(ref _state, Rejected, Undecided) == Undecided)
            await CloseAsync().ConfigureAwait(false);
    }

    private async Task CloseAsync()
    {
        _telemetry.Fail("aborted");
        _transport.Abort();
        await Refusals.CloseAsync(_transport).ConfigureAwait(false);
        End(null);
    }
}
