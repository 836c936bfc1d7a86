using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;

namespace Sockeye.Testing;

/// <summary>Row V42 of the attack catalogue, under every test of a connection: an array pool that counts what is out, poisons what comes back, and notices an array that comes back twice.</summary>
/// <param name="trace">Whether to keep the stack of each rent, which is what a rent mostly costs.</param>
internal sealed class CountingPool(bool trace = true) : ArrayPool<byte>
{
    private const byte Poison = 0xA5;

    private readonly ConcurrentDictionary<byte[], StackTrace?> _rented = new(ReferenceEqualityComparer.Instance);
    private int _rents;
    private long _bytes;
    private long _peakBytes;

    /// <summary>Gets how many arrays are out.</summary>
    public int Outstanding => _rented.Count;

    /// <summary>Gets how many arrays were ever rented.</summary>
    public int Rents => Volatile.Read(ref _rents);

    /// <summary>Gets how many bytes are out.</summary>
    public long OutstandingBytes => Volatile.Read(ref _bytes);

    /// <summary>Gets how many bytes were out at most.</summary>
    public long PeakBytes => Volatile.Read(ref _peakBytes);

    /// <summary>Gets where each array that is out was rented.</summary>
    public IEnumerable<string> Traces => _rented.Values.Select(trace => trace?.ToString() ?? "not traced");

    public override byte[] Rent(int minimumLength)
    {
        Interlocked.Increment(ref _rents);
        // Never shorter than asked for, and odd, so that nobody counts on a power of two.
        byte[] array = new byte[Math.Max(16, minimumLength) + 3];
        array.AsSpan().Fill(Poison);
        _rented[array] = trace ? new StackTrace(fNeedFileInfo: false) : null; // its text is made only where it is needed
        long bytes = Interlocked.Add(ref _bytes, array.Length);
        for (long peak = PeakBytes; bytes > peak; peak = PeakBytes)
            Interlocked.CompareExchange(ref _peakBytes, bytes, peak);
        return array;
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        if (!_rented.TryRemove(array, out _))
            throw new InvalidOperationException("An array came back that was not out: it was returned twice, or never rented here.");
        Interlocked.Add(ref _bytes, -array.Length);
        array.AsSpan().Fill(Poison);
    }
}
