namespace Sockeye.Tests.Connection;

/// <summary>Leaves the pool one thread for each processor, as a process has them that begins: each thread keeps a few objects of its own at
/// hand, so that many of them, each used now and then, look like allocations of messages.</summary>
public sealed class FewThreads : IDisposable
{
    private readonly int _least;

    public FewThreads()
    {
        ThreadPool.GetMinThreads(out _least, out int leastForIo);
        ThreadPool.GetMaxThreads(out int most, out int mostForIo);
        int few = Environment.ProcessorCount;
        Assert.True(ThreadPool.SetMinThreads(few, leastForIo));
        // The pool goes back to what it may have at most, and then grows again only where its threads are held.
        Assert.True(ThreadPool.SetMaxThreads(few, mostForIo));
        Assert.True(ThreadPool.SetMaxThreads(most, mostForIo));
    }

    public void Dispose()
    {
        ThreadPool.GetMinThreads(out _, out int leastForIo);
        ThreadPool.SetMinThreads(_least, leastForIo);
    }
}
