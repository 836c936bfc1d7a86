using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <content>The same over a socket.</content>
public static partial class WebSocketUpgrade
{
    /// <summary>Reads a request to upgrade from a socket and accepts it, as
    /// <see cref="AcceptAsync(Stream, WebSocketAcceptOptions, CancellationToken)"/> does from a stream.</summary>
    /// <param name="socket">A connected socket, of TCP or a Unix domain socket, such as a <see cref="TcpListener"/> accepts.</param>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Breaks off the handshake and closes the socket.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException">The socket is no stream socket, or is not connected.</exception>
    /// <exception cref="ObjectDisposedException">The socket has been closed.</exception>
    /// <exception cref="InvalidOperationException">The socket has been upgraded before.</exception>
    /// <exception cref="WebSocketHandshakeException">The request was refused (<see cref="HandshakeFailure.Refused"/>), did not
    /// come within 10 s, or ended halfway.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> AcceptAsync(
        Socket socket, WebSocketAcceptOptions? options = null, CancellationToken cancellationToken = default) =>
        AcceptAsync(Wrap(socket, ConnectionOf(options)), options, cancellationToken);

    /// <summary>Accepts a request to upgrade that somebody else has read from a socket: the <c>socket</c> and <c>head</c> of Node and
    /// Deno.</summary>
    /// <param name="socket">The socket, read up to the end of the head or beyond it.</param>
    /// <param name="request">The request.</param>
    /// <param name="bytesAfterHead">What has been read beyond the head, at most 64 KiB; it is copied.</param>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Breaks off the handshake and closes the socket.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException">The socket is no stream socket or is not connected, or <paramref name="bytesAfterHead"/> is
    /// longer than 64 KiB.</exception>
    /// <exception cref="ObjectDisposedException">The socket has been closed.</exception>
    /// <exception cref="InvalidOperationException">The socket has been upgraded before.</exception>
    /// <exception cref="WebSocketHandshakeException">The request was refused.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> AcceptAsync(
        Socket socket,
        RequestHead request,
        ReadOnlyMemory<byte> bytesAfterHead,
        WebSocketAcceptOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        WebSocketConnectionOptions connection = ConnectionOf(options);
        return Make(Wrap(socket, connection), request, bytesAfterHead, connection).AcceptAsync(options, cancellationToken);
    }

    /// <summary>Reads a request from a socket, to be inspected and then accepted or rejected, as
    /// <see cref="ReadRequestAsync(Stream, HandshakeLimits, TimeSpan?, CancellationToken)"/> does from a stream.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="limits">The limits of the head; <see cref="HandshakeLimits.Default"/> where null.</param>
    /// <param name="timeout">How long the request may take to come; 10 s where null, <see cref="Timeout.InfiniteTimeSpan"/> for no
    /// limit.</param>
    /// <param name="cancellationToken">Breaks off the handshake and closes the socket.</param>
    /// <returns>The request; its <see cref="UpgradeRequest.Fault"/> tells where it is none to upgrade.</returns>
    /// <exception cref="ArgumentException">The socket is no stream socket, or is not connected.</exception>
    /// <exception cref="ObjectDisposedException">The socket has been closed.</exception>
    /// <exception cref="InvalidOperationException">The socket has been upgraded before.</exception>
    /// <exception cref="WebSocketHandshakeException">What came is no request and was refused, did not come in time, or ended
    /// halfway.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<UpgradeRequest> ReadRequestAsync(
        Socket socket, HandshakeLimits? limits = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        ReadAsync(Wrap(socket, WebSocketConnectionOptions.Default), limits, timeout, WebSocketConnectionOptions.Default, cancellationToken);

    /// <summary>Takes a request that somebody else has read from a socket, to be inspected and then accepted or rejected.</summary>
    /// <param name="socket">The socket, read up to the end of the head or beyond it.</param>
    /// <param name="request">The request.</param>
    /// <param name="bytesAfterHead">What has been read beyond the head, at most 64 KiB; it is copied.</param>
    /// <returns>The request; its <see cref="UpgradeRequest.Fault"/> tells where it is none to upgrade.</returns>
    /// <exception cref="ArgumentException">The socket is no stream socket or is not connected, or <paramref name="bytesAfterHead"/> is
    /// longer than 64 KiB.</exception>
    /// <exception cref="ObjectDisposedException">The socket has been closed.</exception>
    /// <exception cref="InvalidOperationException">The socket has been upgraded before.</exception>
    public static UpgradeRequest FromRequest(Socket socket, RequestHead request, ReadOnlyMemory<byte> bytesAfterHead = default) =>
        Make(Wrap(socket, WebSocketConnectionOptions.Default), request, bytesAfterHead, WebSocketConnectionOptions.Default);

    private static Transport Wrap(Socket socket, WebSocketConnectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (socket.SocketType != SocketType.Stream)
        {
            throw new ArgumentException(
                $"A socket of type {socket.SocketType} carries no WebSocket connection: use one of TCP or a Unix domain socket.", nameof(socket));
        }

        ObjectDisposedException.ThrowIf(socket.SafeHandle.IsClosed, socket);
        if (!socket.Connected)
            throw new ArgumentException("The socket is not connected: accept or connect it first.", nameof(socket));
        Claim(socket);
        return new RuntimeSocket(socket).CreateTransport(options.Buffers);
    }
}
