namespace Sockeye;

/// <summary>Tasks that need not be awaited.</summary>
internal static class TaskObservation
{
    /// <summary>Marks a failure as seen, also where nobody awaits the task: what failed shows in
    /// <see cref="WebSocketConnection.Closed"/>.</summary>
    public static TTask Observed<TTask>(this TTask task)
        where TTask : Task
    {
        _ = task.ContinueWith(
            static failed => _ = failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return task;
    }
}
