using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>How a connection is started, and run by a handler.</content>
public sealed partial class WebSocketConnection
{
    /// <summary>Begins to receive, for code that reads when it likes.</summary>
    internal void Start() => Receive.Start();

    // What runs it: a HandlerRun, or what is told of the end.
    private object? _run;

    // Those who keep it company, linked.
    private ConnectionCompanion? _companions;

    internal CancellationToken HandlerToken => _run is HandlerRun handler ? handler.Token : default;

    /// <summary>Runs a handler.</summary>
    /// <param name="handler">The handler.</param>
    /// <param name="owner">Who is told when the connection has ended and the handler has returned.</param>
    internal void Run(Func<WebSocketConnection, CancellationToken, Task> handler, IConnectionOwner owner)
    {
        var run = new HandlerRun(this, owner);
        _run = run;
        run.Start(handler);
    }

    /// <summary>Runs callbacks.</summary>
    /// <param name="handler">The callbacks.</param>
    /// <param name="owner">Who is told when the connection has ended and no callback runs any more.</param>
    internal void Run(WebSocketHandler handler, IConnectionOwner owner) => new CallbackRun(this, handler, owner).Start();

    /// <summary>Runs something on the pool when the connection has ended: at once where it has.</summary>
    internal void WhenEnded(IThreadPoolWorkItem told)
    {
        lock (Sync)
        {
            if (_close is not { IsTold: true })
            {
                _run = told;
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(told, preferLocal: false);
    }

    /// <summary>Gets who keeps the connection company, linked; null for nobody. Called under the lock.</summary>
    internal ConnectionCompanion? Companions => _companions;

    /// <summary>Takes one more companion. Called under the lock.</summary>
    /// <returns>False where the connection has ended: nobody would be told of that any more.</returns>
    internal bool TryAccompany(ConnectionCompanion companion)
    {
        if (_close is { IsTold: true })
            return false;
        companion.Next = _companions;
        _companions = companion;
        return true;
    }

    /// <summary>Tells those who keep the connection company that it has ended.</summary>
    internal void TellCompanions()
    {
        for (ConnectionCompanion? companion = _companions; companion is not null; companion = companion.Next)
            ThreadPool.UnsafeQueueUserWorkItem(companion, preferLocal: false);
    }

    /// <summary>Gets what is to be told of the end. Called under the lock.</summary>
    internal IThreadPoolWorkItem? ToldOfEnd => _run as IThreadPoolWorkItem;

    /// <summary>Tells apart an exception that came of the connection's own end from one of the application.</summary>
    internal void OnHandlerEnded(Exception exception)
    {
        if (IsOwnEnd(exception))
            Terms.Logger.HandlerEnded(exception);
        else
            OnHandlerFailed(exception);
    }

    /// <summary>Closes with 1011 for an exception of the application: no detail on the wire, one line in the log (rule C4).</summary>
    internal void OnHandlerFailed(Exception exception)
    {
        Terms.Logger.HandlerFailed(exception);
        Close.Begin(CloseCode.InternalError, "", CloseCause.HandlerFailed, exception);
    }

    /// <summary>Notes that the application has read all there was: a handler that still works for a connection that broke is told.</summary>
    internal void OnAllRead()
    {
        if (Result is { IsClean: false } || Receive.IsIgnoring)
            CancelHandler();
    }

    private void CancelHandler()
    {
        // Callbacks of the application run elsewhere, never on the stack of who found the end.
        if (_run is HandlerRun { IsCancellationRequested: false })
            ThreadPool.UnsafeQueueUserWorkItem(static socket => socket.CancelHandlerHere(), this, preferLocal: false);
    }

    private void CancelHandlerHere()
    {
        try
        {
            ((HandlerRun)_run!).Cancel();
        }
        catch (AggregateException e)
        {
            Terms.Logger.HandlerFailed(e);
        }
    }

    /// <summary>Tells whether a handler ended because its connection did.</summary>
    private bool IsOwnEnd(Exception exception) => exception switch
    {
        WebSocketClosedException closed => ReferenceEquals(closed.Result, Result) || !IsOpen,
        // Its token may have come back in another that was linked to it.
        OperationCanceledException => HandlerToken.IsCancellationRequested,
        _ => false,
    };
}

/// <summary>Holds a connection for as long as it and its handler live.</summary>
internal interface IConnectionOwner
{
    /// <summary>Is told that both have ended. It must not throw.</summary>
    void OnEnded(WebSocketConnection connection);
}
