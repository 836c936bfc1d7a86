using System.IO.Pipelines;

namespace Sockeye;

/// <summary>Puts off who reads a pipe until the lock under which it was filled, or cancelled, is free: on the same thread.</summary>
internal static class PutOff
{
    [ThreadStatic]
    private static bool t_isPutOff;

    [ThreadStatic]
    private static (Action<object?> Action, object? State) t_reader;

    public static PipeScheduler Scheduler { get; } = new ThisThread();

    /// <summary>Puts off who is scheduled on this thread, who is one at most, until <see cref="Run"/>.</summary>
    public static void Begin() => t_isPutOff = true;

    public static void Run()
    {
        (Action<object?> action, object? state) = t_reader;
        t_reader = default;
        t_isPutOff = false;
        action?.Invoke(state);
    }

    private sealed class ThisThread : PipeScheduler
    {
        public override void Schedule(Action<object?> action, object? state)
        {
            if (t_isPutOff)
                t_reader = (action, state);
            else
                action(state);
        }
    }
}
