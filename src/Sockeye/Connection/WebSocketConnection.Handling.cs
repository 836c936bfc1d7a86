using Sockeye.Diagnostics;
using Sockeye.Protocol;

namespace Sockeye;

/// <content>How a connection is started, and run by a handler.</content>
public sealed partial class WebSocketConnection
{
    /// <summary>Begins to receive, for code that reads when it likes.</summary>
    internal void Start() => Receive.Start();

    /// <summary>Runs a handler; completes when the connection has ended and the handler has returned. Never throws.</summary>
    /// <param name="handler">The handler.</param>
    /// <param name="owner">Who is told of the end as well; null for nobody.</param>
    internal async Task RunAsync(Func<WebSocketConnection, CancellationToken, Task> handler, IConnectionOwner? owner = null)
    {
        _handlerCancellation = new CancellationTokenSource();
        CancellationToken token = _handlerCancellation.Token;
        try
        {
            await Receive.Start(handler, token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            OnHandlerEnded(e);
        }

        Receive.OnHandlerReturned();
        Close.Begin(CloseCode.Normal, "", CloseCause.Local);
        await Closed.ConfigureAwait(false);
        Receive.Discard(endLease: true);
        owner?.OnEnded();
    }

    /// <summary>Runs callbacks; completes when the connection has ended. Never throws.</summary>
    /// <param name="handler">The callbacks.</param>
    /// <param name="owner">Who is told of the end as well; null for nobody.</param>
    internal async Task RunAsync(WebSocketHandler handler, IConnectionOwner? owner = null)
    {
        try
        {
            handler.Opened?.Invoke(this);
            Receive.Start(handler.Message);
        }
        catch (Exception e)
        {
            OnHandlerFailed(e);
            Receive.Start();
        }

        CloseResult result = await Closed.ConfigureAwait(false);
        await Receive.WhenCalledAsync().ConfigureAwait(false);
        try
        {
            handler.Closed?.Invoke(this, result);
        }
        catch (Exception e)
        {
            Terms.Logger.HandlerFailed(e);
        }

        owner?.OnEnded();
    }

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
        if (_handlerCancellation is { IsCancellationRequested: false })
            ThreadPool.UnsafeQueueUserWorkItem(static socket => socket.CancelHandlerHere(), this, preferLocal: false);
    }

    private void CancelHandlerHere()
    {
        try
        {
            _handlerCancellation!.Cancel();
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
    void OnEnded();
}
