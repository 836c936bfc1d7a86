using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Transports;

/// <summary>Carries bytes over a stream: TLS, a tunnel, a pipe, an upgraded HTTP stream.</summary>
/// <remarks>No token is ever passed into the stream: cancelling a read breaks an <see cref="SslStream"/>. It waits with a read of
/// zero bytes, which streams of the framework complete when there is data; for a stream that returns at once from such a read,
/// the wait happens in the read itself.</remarks>
internal sealed class StreamTransport : BufferedTransport
{
    // A TLS record: header and payload of a large frame leave in as few of them as possible.
    private const int Gather = 16 * 1024;

    // What one write takes at most, so that a slow peer is seen to make progress.
    private const int Slice = 64 * 1024;

    private readonly Stream _stream;
    private readonly ConnectedSocket? _socket;
    private readonly BufferPool _buffers;
    private TlsFarewell _farewell;
    private int _ended;

    /// <summary>Wraps a stream, which belongs to the transport from here on.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="buffers">Where memory is rented.</param>
    /// <param name="socket">The socket below the stream, if it is known: it can be shut down and reset.</param>
    public StreamTransport(Stream stream, BufferPool buffers, ConnectedSocket? socket = null)
        : base(buffers)
    {
        _stream = stream;
        _farewell = new TlsFarewell(stream as SslStream);
        _socket = socket ?? (stream is NetworkStream network ? new RuntimeSocket(network.Socket) : null);
        _buffers = buffers;
        LocalEndPoint = _socket?.LocalEndPoint;
        RemoteEndPoint = _socket?.RemoteEndPoint;
        // Kept here: once it is disposed, the stream tells no more.
        PeerCertificate = stream is SslStream { IsAuthenticated: true } tls ? tls.RemoteCertificate : null;
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    public override bool IsSecure => _stream is SslStream;

    public override X509Certificate? PeerCertificate { get; }

    public override bool CanShutdown => _socket is not null || _stream is SslStream;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second)
    {
        try
        {
            if (second.Length > 0 && first.Length < Gather)
            {
                byte[] gathered = _buffers.Arrays.Rent(Gather);
                int more = Math.Min(second.Length, Gather - first.Length);
                first.CopyTo(gathered);
                second[..more].CopyTo(gathered.AsMemory(first.Length));
                int length = first.Length + more;
                second = second[more..];
                try
                {
                    await WriteAsync(gathered.AsMemory(0, length)).ConfigureAwait(false);
                }
                finally
                {
                    _buffers.Arrays.Return(gathered);
                }
            }
            else
            {
                await WriteAsync(first).ConfigureAwait(false);
            }

            await WriteAsync(second).ConfigureAwait(false);
            await _stream.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw new IOException(e.Message, e);
        }
    }

    public override bool WatchStalls(IStallObserver observer) => _socket?.WatchStalls(observer) ?? true;

    public override async ValueTask ShutdownAsync()
    {
        try
        {
            await _farewell.SayAsync().ConfigureAwait(false);
            _socket?.ShutdownSend();
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw new IOException(e.Message, e);
        }
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        // The socket first: the stream above it must not say good-bye.
        _socket?.Reset();
        try
        {
            _stream.Dispose();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // An abort has nobody to tell that a stream does not like to be disposed.
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return;
        try
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _socket?.Dispose();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    protected override async ValueTask<ReceivedBlock> ReceiveMoreAsync(ArraySegment<byte> direct)
    {
        _farewell.BeginRead();
        try
        {
            do
            {
                await _stream.ReadAsync(Memory<byte>.Empty, CancellationToken.None).ConfigureAwait(false);
            }
            while (IsEarly());

            Memory<byte> room = RoomFor(direct, out bool isDirect);
            return Received(await _stream.ReadAsync(room, CancellationToken.None).ConfigureAwait(false), isDirect);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw new IOException(e.Message, e);
        }
        finally
        {
            _farewell.EndRead();
        }
    }

    /// <summary>Tells whether a wait has ended with nothing to read: that of a socket may, for an event that was used already.</summary>
    private bool IsEarly() => _stream is NetworkStream { Socket: var socket } && !socket.Poll(0, SelectMode.SelectRead);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        for (int length; bytes.Length > 0; bytes = bytes[length..])
        {
            length = Math.Min(bytes.Length, Slice);
            _farewell.BeginWrite();
            try
            {
                await _stream.WriteAsync(bytes[..length], CancellationToken.None).ConfigureAwait(false);
            }
            finally
            {
                _farewell.EndWrite();
            }

            Sent(length);
        }
    }

    // Streams report a broken connection in many ways; all that they throw from here on means the same.
    private static bool IsBroken(Exception e) => e is not (IOException or OutOfMemoryException);
}
