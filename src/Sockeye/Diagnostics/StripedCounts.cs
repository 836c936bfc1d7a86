using System.Numerics;
using System.Runtime.InteropServices;

namespace Sockeye.Diagnostics;

/// <summary>Counters that many threads add to at the same time: one set for each processor or so, each in lines of the cache of its own.</summary>
internal sealed class StripedCounts
{
    private readonly Stripe[] _stripes = new Stripe[BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount)];

    private ref Stripe Mine => ref _stripes[Thread.GetCurrentProcessorId() & (_stripes.Length - 1)];

    /// <summary>Adds to two of the counters.</summary>
    public void Add(Counted first, long firstCount, Counted second, long secondCount)
    {
        ref Stripe mine = ref Mine;
        Interlocked.Add(ref mine.Of(first), firstCount);
        Interlocked.Add(ref mine.Of(second), secondCount);
    }

    /// <summary>Reads one of the counters.</summary>
    public long Read(Counted counter)
    {
        long sum = 0;
        for (int i = 0; i < _stripes.Length; i++)
            sum += Interlocked.Read(ref _stripes[i].Of(counter));
        return sum;
    }

    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Stripe
    {
        private long _received;
        private long _receivedBytes;
        private long _sent;
        private long _sentBytes;

        [System.Diagnostics.CodeAnalysis.UnscopedRef]
        public ref long Of(Counted counter)
        {
            switch (counter)
            {
                case Counted.Received:
                    return ref _received;
                case Counted.ReceivedBytes:
                    return ref _receivedBytes;
                case Counted.Sent:
                    return ref _sent;
                default:
                    return ref _sentBytes;
            }
        }
    }
}

/// <summary>Names what is counted: of messages and their bytes on the wire; or of compression, before and after.</summary>
internal enum Counted : byte
{
    /// <summary>Messages that came; bytes that were inflated.</summary>
    Received,

    /// <summary>Bytes that came; those of them that were to be inflated.</summary>
    ReceivedBytes,

    /// <summary>Messages that left; bytes that were compressed.</summary>
    Sent,

    /// <summary>Bytes that left; what came out of compression.</summary>
    SentBytes,
}
