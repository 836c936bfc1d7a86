using System.Diagnostics;

namespace Sockeye.Tests.Connection;

/// <summary>Waits for what happens on other threads and gives no signal. It yields and looks again; the time is a guard alone.</summary>
internal static class Settle
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task UntilAsync(Func<bool> condition, Func<string>? describe = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
                Assert.Fail($"It did not come true. {describe?.Invoke()}");
            await Task.Yield();
        }
    }

    /// <summary>Waits with a guard against hanging.</summary>
    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Patience);

    /// <summary>Waits with a guard against hanging.</summary>
    public static Task Soon(this Task task) => task.WaitAsync(Patience);

    /// <summary>Waits with a guard against hanging.</summary>
    public static Task<T> Soon<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Patience);

    /// <summary>Waits with a guard against hanging.</summary>
    public static Task Soon(this ValueTask task) => task.AsTask().WaitAsync(Patience);
}
