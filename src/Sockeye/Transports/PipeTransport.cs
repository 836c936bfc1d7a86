using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Runtime.CompilerServices;

namespace Sockeye.Transports;

/// <summary>Carries bytes over a pair of pipes: what a server of HTTP keeps its connections in, or any other <see cref="IDuplexPipe"/>.</summary>
/// <remarks>
/// <para>What arrives is copied into a slab, as a socket would write it there: the pieces of a pipe are small, their memory is not
/// ours to write into, and it goes back before a lease on it would end. A large message is copied straight to where it is gathered.</para>
/// <para>Not every pipe bears to be completed while it is read or written. So who ends the transport completes what is not in use,
/// and who uses it completes it after that.</para>
/// <para>Whether the peer learns that a writer was completed is the pipe's affair: one that is made of a stream disposes the whole
/// stream, or nothing where it leaves that open.</para>
/// </remarks>
internal class PipeTransport : BufferedTransport
{
    private const int InUse = 1;
    private const int Ended = 2;

    // What one write takes at most, so that a slow peer is seen to make progress.
    private const int Slice = 64 * 1024;

    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private readonly bool _isOwned;
    private readonly bool _isTls;
    private TlsFarewell _farewell;
    private int _reading;
    private int _writing;
    private int _ended;
    private Exception? _reset;

    /// <summary>Wraps a pair of pipes.</summary>
    /// <param name="pipe">The pipes.</param>
    /// <param name="buffers">Where memory is rented.</param>
    /// <param name="isOwned">Whether the end of the transport completes them; else somebody else does so afterwards.</param>
    /// <param name="tls">The stream that they read from and write to at once, and nobody else; null where there is none.</param>
    public PipeTransport(IDuplexPipe pipe, BufferPool buffers, bool isOwned = true, SslStream? tls = null)
        : this(pipe.Input, pipe.Output, buffers, isOwned)
    {
        _isTls = tls is not null;
        _farewell = new TlsFarewell(tls);
    }

    protected PipeTransport(PipeReader input, PipeWriter output, BufferPool buffers, bool isOwned = true)
        : base(buffers)
    {
        _input = input;
        _output = output;
        _isOwned = isOwned;
    }

    public override bool CanShutdown => false;

    private bool HasEnded => Volatile.Read(ref _ended) != 0;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        bool mayWrite = (Interlocked.Or(ref _writing, InUse) & Ended) == 0;
        _farewell.BeginWrite();
        try
        {
            if (!mayWrite)
                throw new IOException("The connection was closed.");

            int ahead = 0;
            if (second.Length > 0 && first.Length < Slice)
            {
                // A header leaves with the beginning of its payload.
                _output.Write(first.Span);
                ahead = first.Length;
                first = default;
            }

            while (first.Length > 0 || second.Length > 0)
            {
                if (first.Length == 0)
                    (first, second) = (second, default);
                int length = Math.Min(first.Length, Slice);
                FlushResult result = await _output.WriteAsync(first[..length], CancellationToken.None).ConfigureAwait(false);
                if (result.IsCompleted || HasEnded)
                    throw new IOException("The peer closed the connection.");
                Sent(ahead + length);
                ahead = 0;
                first = first[length..];
            }
        }
        catch (Exception e) when (e is not (IOException or OutOfMemoryException))
        {
            throw new IOException(e.Message, e);
        }
        finally
        {
            _farewell.EndWrite();
            if ((Interlocked.And(ref _writing, ~InUse) & Ended) != 0)
                CompleteOutput();
        }
    }

    public override async ValueTask ShutdownAsync()
    {
        try
        {
            if (_isTls)
                await _farewell.SayAsync().ConfigureAwait(false);
            else
                await _output.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (IOException or OutOfMemoryException))
        {
            throw new IOException(e.Message, e);
        }
    }

    public override void Abort() => End(new IOException("The connection was reset."));

    public override ValueTask DisposeAsync()
    {
        End(reset: null);
        return default;
    }

    /// <summary>Ends both directions, once.</summary>
    /// <param name="reset">What the other side is to see; null for an ordinary end.</param>
    private void End(Exception? reset)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        _reset = reset;
        Quietly(static transport => transport._output.CancelPendingFlush());
        if ((Interlocked.Or(ref _writing, Ended) & InUse) == 0)
            CompleteOutput();
        Quietly(static transport => transport._input.CancelPendingRead());
        if ((Interlocked.Or(ref _reading, Ended) & InUse) == 0)
            CompleteInput();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    protected override async ValueTask<ReceivedBlock> ReceiveMoreAsync(ArraySegment<byte> direct)
    {
        bool mayRead = (Interlocked.Or(ref _reading, InUse) & Ended) == 0;
        _farewell.BeginRead();
        try
        {
            if (!mayRead)
                throw new IOException("The connection was closed.");
            while (true)
            {
                ReadResult result = await _input.ReadAsync(CancellationToken.None).ConfigureAwait(false);
                if (!result.IsCanceled && !HasEnded)
                    return Take(result, direct);
                _input.AdvanceTo(result.Buffer.Start);
                if (HasEnded)
                    throw new IOException("The connection was closed.");

                // Somebody else has cancelled the read: Kestrel does, to have no more requests read while it stops.
            }
        }
        catch (Exception e) when (e is not (IOException or OutOfMemoryException))
        {
            throw new IOException(e.Message, e);
        }
        finally
        {
            _farewell.EndRead();
            if ((Interlocked.And(ref _reading, ~InUse) & Ended) != 0)
                CompleteInput();
        }
    }

    private ReceivedBlock Take(ReadResult result, ArraySegment<byte> direct)
    {
        ArraySegment<byte> room = RoomFor(direct, out bool isDirect);
        ReadOnlySequence<byte> taken = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, room.Count));
        int received = (int)taken.Length;
        taken.CopyTo(room);
        _input.AdvanceTo(taken.End);
        return Received(received, isDirect);
    }

    private void CompleteOutput()
    {
        if (_isOwned)
            Quietly(static transport => transport._output.Complete(transport._reset));
    }

    private void CompleteInput()
    {
        if (_isOwned)
            Quietly(static transport => transport._input.Complete(transport._reset));
    }

    /// <summary>An end has nobody to tell that a pipe of somebody else's does not like to be ended: one that is made of a stream throws
    /// where it has been completed already.</summary>
    private void Quietly(Action<PipeTransport> end)
    {
        try
        {
            end(this);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // As the summary says.
        }
    }
}
