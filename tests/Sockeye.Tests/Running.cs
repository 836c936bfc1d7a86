namespace Sockeye.Tests;

/// <summary>Runs connections as a server does, and tells when it is over.</summary>
internal static class Running
{
    /// <summary>Runs a handler; completes when the connection has ended and the handler has returned.</summary>
    public static Task RunAsync(this WebSocketConnection connection, Func<WebSocketConnection, CancellationToken, Task> handler)
    {
        var owner = new Owner();
        connection.Run(handler, owner);
        return owner.Ended.Task;
    }

    /// <summary>Runs callbacks; completes when the connection has ended and no callback runs any more.</summary>
    public static Task RunAsync(this WebSocketConnection connection, WebSocketHandler handler)
    {
        var owner = new Owner();
        connection.Run(handler, owner);
        return owner.Ended.Task;
    }

    private sealed class Owner : IConnectionOwner
    {
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnEnded(WebSocketConnection connection) => Ended.SetResult();
    }
}
