using Sockeye.Protocol;

namespace Sockeye;

/// <summary>A handler at work on its connection: its token, and what follows when it has returned.</summary>
/// <remarks>One object for all of it, and no asynchronous method that waits as long as the connection lives.</remarks>
/// <param name="connection">The connection.</param>
/// <param name="owner">Who is told when the connection has ended and the handler has returned.</param>
internal sealed class HandlerRun(WebSocketConnection connection, IConnectionOwner owner) : CancellationTokenSource
{
    private Task? _handling;

    public void Start(Func<WebSocketConnection, CancellationToken, Task> handler)
    {
        try
        {
            _handling = connection.Receive.Start(handler, Token)
                ?? throw new InvalidOperationException("The handler of the connection returned null instead of a task.");
        }
        catch (Exception e)
        {
            _handling = Task.FromException(e);
        }

        if (_handling.IsCompleted)
            OnReturned();
        else
            _handling.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(OnReturned);
    }

    private void OnReturned() => _ = EndAsync();

    private async Task EndAsync()
    {
        try
        {
            await _handling!.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            connection.OnHandlerEnded(e);
        }

        connection.Receive.OnHandlerReturned();
        connection.Close.Begin(CloseCode.Normal, "", CloseCause.Local);
        await connection.Closed.ConfigureAwait(false);
        connection.Receive.Discard(endLease: true);
        owner.OnEnded(connection);
    }
}
