using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Runs handlers of the application one at a time, in order, on the context of who made the queue: what they throw is logged.</summary>
/// <remarks>Where the context takes no more work, who queues is told by what the context throws, and what waits is let go.</remarks>
internal sealed class HandlerQueue
{
    private readonly Lock _sync = new();
    private readonly Queue<(Action Work, TaskCompletionSource? Done)> _waiting = new();
    private readonly SynchronizationContext _context;
    private readonly ILogger _logger;
    private bool _isRunning;

    public HandlerQueue(ILogger logger)
    {
        _logger = logger;
        _context = SynchronizationContext.Current ?? new PoolContext(logger);
    }

    /// <summary>Queues work, which does not throw.</summary>
    public void Post(Action work)
    {
        if (Enqueue(work, done: null) is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Queues work and waits until it has been done; throws what it throws.</summary>
    public Task RunAsync(Action work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Action run = () =>
        {
            try
            {
                work();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        };
        _ = Enqueue(run, done); // the task tells
        return done.Task;
    }

    /// <summary>Calls every handler of an event: none keeps the others from being called.</summary>
    public void Call<TArgs>(EventHandler<TArgs>? handlers, object sender, TArgs args)
    {
        foreach (EventHandler<TArgs> handler in Delegate.EnumerateInvocationList(handlers))
        {
            try
            {
                handler(sender, args);
            }
            catch (Exception e)
            {
                _logger.EventHandlerFailed(e);
            }
        }
    }

    private Exception? Enqueue(Action work, TaskCompletionSource? done)
    {
        lock (_sync)
        {
            _waiting.Enqueue((work, done));
            if (_isRunning)
                return null;
            _isRunning = true;
        }

        return PostNext();
    }

    /// <summary>Has the context do the next piece of work.</summary>
    /// <returns>Why it does not; null where it does.</returns>
    private Exception? PostNext()
    {
        try
        {
            _context.Post(static queue => ((HandlerQueue)queue!).RunNext(), this);
            return null;
        }
        catch (Exception e)
        {
            lock (_sync)
            {
                _isRunning = false;
                while (_waiting.TryDequeue(out (Action Work, TaskCompletionSource? Done) lost))
                    lost.Done?.TrySetException(e);
            }

            return e;
        }
    }

    /// <summary>Does one piece of work: what else runs on the context gets its turn before the next.</summary>
    private void RunNext()
    {
        Action work;
        lock (_sync)
            work = _waiting.Dequeue().Work;
        work();
        lock (_sync)
        {
            if (_waiting.Count == 0)
            {
                _isRunning = false;
                return;
            }
        }

        // A failure is nothing to the thread of the context: who waits has been told, and so will be who queues next.
        _ = PostNext();
    }

    /// <summary>Stands in where there is no context: the pool. What an <c>async void</c> handler throws comes here, and would end the
    /// process otherwise.</summary>
    private sealed class PoolContext(ILogger logger) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => ThreadPool.QueueUserWorkItem(_ => Run(d, state));

        public override void Send(SendOrPostCallback d, object? state) => Run(d, state);

        public override SynchronizationContext CreateCopy() => this;

        private void Run(SendOrPostCallback callback, object? state)
        {
            SynchronizationContext? before = Current;
            SetSynchronizationContext(this);
            try
            {
                callback(state);
            }
            catch (Exception e)
            {
                logger.EventHandlerFailed(e);
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }
    }
}
