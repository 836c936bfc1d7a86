using System.IO.Pipelines;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

public sealed partial class WebSocketConnection
{
    /// <summary>Makes a connection of a stream on which the opening handshake is over, done elsewhere; no extension is in use.</summary>
    /// <param name="stream">A stream that reads and writes, which the connection owns from here on and disposes. Reading must return
    /// what has arrived without waiting for more. Nothing else may read from or write to it.</param>
    /// <param name="role">The side that this connection is.</param>
    /// <param name="options">The options; <see cref="WebSocketConnectionOptions.Default"/> where null.</param>
    /// <param name="bytesAfterHead">What has been read beyond the peer's head, at most 64 KiB; it is copied.</param>
    /// <param name="subprotocol">The subprotocol that was agreed on; null for none.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <remarks>Where the handshake is still to come, <see cref="WebSocketUpgrade"/> does it for a server and
    /// <see cref="WebSocketClient.ConnectAsync(Stream, Uri, WebSocketClientOptions, CancellationToken)"/> for a client.</remarks>
    /// <exception cref="ArgumentException"><paramref name="bytesAfterHead"/> is longer than 64 KiB, or the role or the subprotocol is
    /// none; the stream has been disposed.</exception>
    public static WebSocketConnection CreateFromStream(
        Stream stream,
        Role role,
        WebSocketConnectionOptions? options = null,
        ReadOnlyMemory<byte> bytesAfterHead = default,
        string? subprotocol = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= WebSocketConnectionOptions.Default;
        return Create(new StreamTransport(stream, options.Buffers), role, options, bytesAfterHead, subprotocol);
    }

    /// <summary>Makes a connection of a pair of pipes on which the opening handshake is over, done elsewhere; no extension is in use.</summary>
    /// <param name="pipe">The pipes, which the connection owns from here on and completes. The bytes behind the peer's head lie in them;
    /// nothing else may read or write them. Where they are made of a stream with <c>leaveOpen</c>, dispose that once <see cref="Closed"/>
    /// has completed: a client waits for it.</param>
    /// <param name="role">The side that this connection is.</param>
    /// <param name="options">The options; <see cref="WebSocketConnectionOptions.Default"/> where null.</param>
    /// <param name="subprotocol">The subprotocol that was agreed on; null for none.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <remarks>Where the handshake is still to come, <see cref="WebSocketUpgrade"/> does it for a server and
    /// <see cref="WebSocketClient.ConnectAsync(IDuplexPipe, Uri, WebSocketClientOptions, CancellationToken)"/> for a client.</remarks>
    /// <exception cref="ArgumentException">The role or the subprotocol is none; the pipes have been completed.</exception>
    public static WebSocketConnection CreateFromPipe(
        IDuplexPipe pipe, Role role, WebSocketConnectionOptions? options = null, string? subprotocol = null)
    {
        ArgumentNullException.ThrowIfNull(pipe);
        options ??= WebSocketConnectionOptions.Default;
        return Create(new PipeTransport(pipe, options.Buffers), role, options, default, subprotocol);
    }

    private static WebSocketConnection Create(
        Transport transport, Role role, WebSocketConnectionOptions options, ReadOnlyMemory<byte> bytesAfterHead, string? subprotocol)
    {
        try
        {
            if (role is not (Role.Client or Role.Server))
                throw new ArgumentOutOfRangeException(nameof(role), role, "A connection is a Client or a Server.");
            if (subprotocol is not null)
                Protocol.Subprotocol.Validate(subprotocol, nameof(subprotocol));
            WebSocketUpgrade.ThrowIfTooMany(bytesAfterHead);
            var connection = new WebSocketConnection(
                transport, role, options, new ConnectionDetails { Subprotocol = subprotocol }, bytesAfterHead.Span);
            connection.Start();
            return connection;
        }
        catch (Exception)
        {
            transport.Abort();
            throw;
        }
    }
}
