using Sockeye.Transports;

namespace Sockeye;

/// <summary>The way to the peer, as far as it is laid: a socket, a stream, or a stream above a socket.</summary>
internal readonly record struct Link(ConnectedSocket? Socket, Stream? Stream = null)
{
    /// <summary>Gets the stream, for a tunnel or TLS to run over. It owns what lies below.</summary>
    public Stream OpenStream() => Stream ?? Socket!.CreateStream();

    /// <summary>Carries bytes over the way, which belongs to the transport from here on.</summary>
    public Transport CreateTransport(BufferPool buffers) =>
        Stream is null ? Socket!.CreateTransport(buffers) : new StreamTransport(Stream, buffers, Socket);
}
