using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Callbacks at work on their connection.</summary>
/// <param name="connection">The connection.</param>
/// <param name="handler">The callbacks.</param>
/// <param name="owner">Who is told when the connection has ended and no callback runs any more.</param>
internal sealed class CallbackRun(WebSocketConnection connection, WebSocketHandler handler, IConnectionOwner owner) : IThreadPoolWorkItem
{
    /// <summary>Gets what is called for each message.</summary>
    public MessageCallback Message => handler.Message;

    /// <summary>Gets the context of the upgrade, in which all of them run.</summary>
    public ExecutionContext? Context { get; } = ExecutionContext.Capture();

    /// <summary>Gets or sets what waits for calls that take their time; null before the first one.</summary>
    public CompletionWait? Wait { get; set; }

    /// <summary>Gets or sets who waits until no call runs any more.</summary>
    public TaskCompletionSource? Called { get; set; }

    public void Start()
    {
        try
        {
            handler.Opened?.Invoke(connection);
            connection.Receive.Start(this);
        }
        catch (Exception e)
        {
            connection.OnHandlerFailed(e);
            connection.Receive.Start();
        }

        connection.WhenEnded(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (Context is null)
            _ = EndAsync();
        else
            ExecutionContext.Run(Context, static run => _ = ((CallbackRun)run!).EndAsync(), this);
    }

    private async Task EndAsync()
    {
        await connection.Receive.WhenCalledAsync().ConfigureAwait(false);
        try
        {
            handler.Closed?.Invoke(connection, connection.Result!);
        }
        catch (Exception e)
        {
            connection.Terms.Logger.HandlerFailed(e);
        }

        owner.OnEnded(connection);
    }
}
