namespace Sockeye.Tests.Connection;

/// <summary>Leaves the pool one thread for each processor: each keeps a few objects of its own at hand, so that many of them, each used now
/// and then, look like allocations of messages.</summary>
public sealed class FewThreads : IDisposable
{
    private readonly int _least;
    private readonly int _most;
    private readonly int _leastForIo;
    private readonly int _mostForIo;

    public FewThreads()
    {
        ThreadPool.GetMinThreads(out _least, out _leastForIo);
        ThreadPool.GetMaxThreads(out _most, out _mostForIo);
        int few = Environment.ProcessorCount;
        Assert.True(ThreadPool.SetMinThreads(few, _leastForIo) && ThreadPool.SetMaxThreads(few, _mostForIo));
    }

    public void Dispose() => Assert.True(ThreadPool.SetMaxThreads(_most, _mostForIo) && ThreadPool.SetMinThreads(_least, _leastForIo));
}
