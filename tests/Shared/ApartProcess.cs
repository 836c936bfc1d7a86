using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sockeye.Testing;

/// <summary>Runs what changes a whole process in one of its own: tests that are marked as explicit.</summary>
internal static class ApartProcess
{
    /// <summary>Runs one test of a class, and fails where that fails.</summary>
    public static async Task RunAsync<TTests>(string method, ITestOutputHelper output, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
        string assembly = typeof(TTests).Assembly.Location;
        foreach (string argument in (string[])[assembly, "-noLogo", "-noColor", "-explicit", "only", "-method", $"{typeof(TTests).FullName}.{method}"])
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        string told = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        output.WriteLine(told);
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("Total: 1,", told, StringComparison.Ordinal);
    }
}

/// <summary>Holds all descriptors that a process apart may have, so that it has none until this is disposed.</summary>
internal sealed class Descriptors : IDisposable
{
    private readonly List<FileStream> _files = [];

    private Descriptors()
    {
    }

    public static Descriptors TakeAll()
    {
        StartEveryThreadOfThePool();
        var all = new Descriptors();
        ulong[] limit = [256, 256];
        Assert.Equal(0, setrlimit(7, limit));
        try
        {
            while (true)
                all._files.Add(new FileStream("/dev/null", FileMode.Open, FileAccess.Read));
        }
        catch (IOException)
        {
            // That was the last.
            return all;
        }
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    /// <summary>Has the pool start all the threads that it may: where it cannot start one, for lack of a descriptor, the runtime ends the
    /// process.</summary>
    private static void StartEveryThreadOfThePool()
    {
        ThreadPool.GetMinThreads(out int least, out _);
        int count = Math.Max(least, Environment.ProcessorCount);
        Assert.True(ThreadPool.SetMaxThreads(count, count));
        int others = Thread.CurrentThread.IsThreadPoolThread ? count - 1 : count;
        using var all = new CountdownEvent(others);
        Task[] tasks = [.. Enumerable.Range(0, others).Select(_ => Task.Run(() => { all.Signal(); all.Wait(); }))];
        Task.WaitAll(tasks);
    }

    [DllImport("libc")]
    private static extern int setrlimit(int resource, ulong[] limit);
}
