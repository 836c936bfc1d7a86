using System.IO.Pipes;
using System.Net;

namespace Sockeye.Transports;

/// <summary>Accepts connections to a named pipe. One instance waits at any time, so that no client finds none.</summary>
internal sealed class PipeAcceptor : IDisposable
{
    private readonly PipeEndPoint _endPoint;
    private NamedPipeServerStream _next;
    private bool _isDisposed;

    /// <summary>Begins to listen.</summary>
    /// <exception cref="IOException">Another process listens there.</exception>
    /// <exception cref="UnauthorizedAccessException">Another user does.</exception>
    public PipeAcceptor(PipeEndPoint endPoint)
    {
        _endPoint = endPoint;
        _next = Create(PipeOptions.FirstPipeInstance);
    }

    /// <summary>Waits for the next connection.</summary>
    /// <exception cref="IOException">This was disposed, or the pipe failed.</exception>
    public async ValueTask<ConnectedSocket> AcceptAsync(CancellationToken stop)
    {
        if (!_next.IsConnected)
            await _next.WaitForConnectionAsync(stop).ConfigureAwait(false);
        // Where that fails, the connection is there at the next try.
        NamedPipeServerStream next = Create(PipeOptions.None);
        NamedPipeServerStream connected = Interlocked.Exchange(ref _next, next);
        if (Volatile.Read(ref _isDisposed))
            next.Dispose();
        return new PipeSocket(connected, _endPoint);
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref _isDisposed, true);
        Volatile.Read(ref _next).Dispose();
    }

    private NamedPipeServerStream Create(PipeOptions more) => new(
        _endPoint.Name,
        PipeDirection.InOut,
        NamedPipeServerStream.MaxAllowedServerInstances,
        PipeTransmissionMode.Byte,
        PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly | more);

    /// <summary>A connected pipe. It can be closed, but neither half of it alone, nor with a reset.</summary>
    private sealed class PipeSocket(NamedPipeServerStream pipe, PipeEndPoint endPoint) : ConnectedSocket
    {
        public override EndPoint? LocalEndPoint => endPoint;

        public override EndPoint? RemoteEndPoint => null;

        public override Transport CreateTransport(BufferPool buffers) => new StreamTransport(pipe, buffers);

        public override Stream CreateStream() => pipe;

        public override void ShutdownSend()
        {
            // There is no such thing: closing tells.
        }

        public override void Reset() => pipe.Dispose();

        public override void Dispose() => pipe.Dispose();
    }
}
