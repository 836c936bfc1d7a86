using System.IO.Pipelines;

namespace Sockeye.Transports;

/// <summary>Carries bytes within the process: two ends of one connection, for tests.</summary>
/// <remarks>It behaves as TCP does: each direction holds a bounded number of bytes and ends by itself; an abort breaks both.
/// Continuations run on the thread pool, never on the stack of the other end.</remarks>
internal sealed class InMemoryTransport : PipeTransport
{
    // The array pool holds only so many of a size: a large message needs few of these.
    private const int SegmentSize = 64 * 1024;

    private InMemoryTransport(Pipe incoming, Pipe outgoing, BufferPool buffers)
        : base(incoming.Reader, outgoing.Writer, buffers)
    {
    }

    public override bool CanShutdown => true;

    /// <summary>Makes the two ends of a connection.</summary>
    /// <param name="buffers">Where the first end rents memory.</param>
    /// <param name="peerBuffers">Where the second end does.</param>
    /// <param name="capacity">How many bytes each direction holds before a send waits.</param>
    public static (InMemoryTransport First, InMemoryTransport Second) CreatePair(
        BufferPool buffers, BufferPool peerBuffers, int capacity = 256 * 1024)
    {
        var options = new PipeOptions(
            pauseWriterThreshold: capacity,
            resumeWriterThreshold: (capacity / 2) + 1,
            minimumSegmentSize: SegmentSize,
            useSynchronizationContext: false);
        var forth = new Pipe(options);
        var back = new Pipe(options);
        return (new InMemoryTransport(back, forth, buffers), new InMemoryTransport(forth, back, peerBuffers));
    }
}
