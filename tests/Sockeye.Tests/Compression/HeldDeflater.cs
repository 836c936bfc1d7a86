using Sockeye.Compression;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Compression;

/// <summary>Stays inside every call until the test lets that one pass, and takes note of whoever else comes meanwhile (rule T1).</summary>
internal sealed class HeldDeflater : Deflater
{
    private readonly SemaphoreSlim _entered = new(0);
    private readonly SemaphoreSlim _passes = new(0);
    private int _inside;
    private int _calls;
    private int _overlaps;

    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Gets how often it was used, or given back, while a thread was inside.</summary>
    public int Overlaps => Volatile.Read(ref _overlaps);

    public Codecs Codecs => new(_ => this, () => new ManagedInflater(), canLimitWindow: false);

    /// <summary>Waits for a thread that nobody has waited for to come in.</summary>
    public Task EnteredAsync() => _entered.WaitAsync().Soon();

    /// <summary>Lets calls pass: the one that is inside first.</summary>
    public void Release(int calls = 1) => _passes.Release(calls);

    public override void Compress(ReadOnlySpan<byte> source, ref OutputArray output)
    {
        Interlocked.Increment(ref _calls);
        bool isAlone = Interlocked.Increment(ref _inside) == 1;
        _entered.Release();
        if (isAlone)
            Assert.True(_passes.Wait(TimeSpan.FromSeconds(20)));
        else
            Interlocked.Increment(ref _overlaps);
        Interlocked.Decrement(ref _inside);
        output.Append([0x5A, 0x00, 0x00, 0xFF, 0xFF]);
    }

    public override void Reset()
    {
        if (Volatile.Read(ref _inside) > 0)
            Interlocked.Increment(ref _overlaps);
    }

    public override void Dispose() => Reset();
}
