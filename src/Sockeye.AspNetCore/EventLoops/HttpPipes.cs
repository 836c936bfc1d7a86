using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>What carries HTTP over the socket of one connection at a time: an upgrade frees it for the next connection.</summary>
/// <remarks>As a stream it sends what is written. What can no longer be sent is dropped: that the connection has broken shows where it is
/// read.</remarks>
internal sealed class HttpPipes : EventLoopStream
{
    // Together no more than a transport takes back.
    private const int ReadAhead = 32 * 1024;

    private readonly Pool _pool;
    private readonly Pipe _received;
    private EventLoopConnection? _connection;

    private HttpPipes(Pool pool, EventLoopSocket socket)
        : base(socket)
    {
        _pool = pool;
        _received = new Pipe(pool.Options);
        Output = PipeWriter.Create(this, new StreamPipeWriterOptions(pool.Options.Pool, leaveOpen: true));
    }

    /// <summary>Gets the lock under which another connection takes them.</summary>
    public Lock Sync { get; } = new();

    /// <summary>Gets where the server reads what was received.</summary>
    public PipeReader Input => _received.Reader;

    /// <summary>Gets where the server writes what is to be sent.</summary>
    public PipeWriter Output { get; }

    /// <summary>Gets where what was received is to be written.</summary>
    public PipeWriter Received => _received.Writer;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await base.WriteAsync(buffer, CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException)
        {
            _connection?.FireClosed();
        }
    }

    /// <summary>Ends HTTP on the connection. Nobody reads or writes any more, and all that was written has been flushed.</summary>
    /// <param name="mayServeAgain">Whether nobody waits for a flush of what was received.</param>
    public void End(bool mayServeAgain)
    {
        _received.Writer.Complete();
        _received.Reader.Complete();
        _connection = null;
        if (mayServeAgain)
            _pool.Return(this);
    }

    /// <summary>Keeps the pipes that nobody uses, and what all of a listener share.</summary>
    public sealed class Pool(MemoryPool<byte> memory)
    {
        private const int Most = 64;

        private readonly ConcurrentQueue<HttpPipes> _free = new();

        public PipeOptions Options { get; } = new(
            memory, PutOff.Scheduler, PipeScheduler.Inline, ReadAhead, ReadAhead / 2, memory.MaxBufferSize, useSynchronizationContext: false);

        public HttpPipes Rent(EventLoopConnection connection, EventLoopSocket socket)
        {
            if (_free.TryDequeue(out HttpPipes? pipes))
                pipes.Use(socket);
            else
                pipes = new HttpPipes(this, socket);
            pipes._connection = connection;
            return pipes;
        }

        public void Return(HttpPipes pipes)
        {
            if (_free.Count >= Most)
                return;
            pipes._received.Reset();
            _free.Enqueue(pipes);
        }
    }
}
