using System.Net.Security;
using System.Net.Sockets;

namespace Sockeye.Conformance;

/// <summary>A connection over which a case is played: a TCP socket, with or without TLS.</summary>
/// <param name="Stream">What is read and written.</param>
/// <param name="Socket">The socket below.</param>
internal sealed record Link(Stream Stream, Socket Socket) : IAsyncDisposable
{
    /// <summary>Ends the direction of the suite, while nobody reads: TLS says farewell first.</summary>
    public async Task ShutDownAsync()
    {
        if (Stream is SslStream tls)
            await tls.ShutdownAsync().ConfigureAwait(false);
        ShutDown();
    }

    /// <summary>Ends the direction of the suite. TLS says nothing, for somebody may read: beside that,
    /// <see cref="SslStream.ShutdownAsync"/> destroys the memory of the process.</summary>
    public void ShutDown() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends everything at once; what is under way fails.</summary>
    public void Abort() => Socket.Dispose();

    /// <summary>Ends everything at once, and has the endpoint get a reset.</summary>
    public void Reset()
    {
        if (!Socket.SafeHandle.IsClosed)
            Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        Socket.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        Socket.Dispose();
        await Stream.DisposeAsync().ConfigureAwait(false);
    }
}
