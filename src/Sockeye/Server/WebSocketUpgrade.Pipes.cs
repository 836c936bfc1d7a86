using System.IO.Pipelines;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <content>The same over a pair of pipes.</content>
public static partial class WebSocketUpgrade
{
    /// <summary>Reads a request to upgrade from a pair of pipes and accepts it, as
    /// <see cref="AcceptAsync(Stream, WebSocketAcceptOptions, CancellationToken)"/> does from a stream.</summary>
    /// <param name="pipe">The pipes, such as those of a connection that Kestrel accepted. Where they are made of a stream with
    /// <c>leaveOpen</c>, dispose that once <see cref="WebSocketConnection.Closed"/> has completed: the client waits for it.</param>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Breaks off the handshake and completes the pipes.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="WebSocketHandshakeException">The request was refused (<see cref="HandshakeFailure.Refused"/>), did not
    /// come within 10 s, or ended halfway.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> AcceptAsync(
        IDuplexPipe pipe, WebSocketAcceptOptions? options = null, CancellationToken cancellationToken = default) =>
        AcceptAsync(Wrap(pipe, ConnectionOf(options)), options, cancellationToken);

    /// <summary>Accepts a request to upgrade that somebody else has read from a pair of pipes.</summary>
    /// <param name="pipe">The pipes, of which the head of the request and nothing beyond it has been consumed.</param>
    /// <param name="request">The request.</param>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Breaks off the handshake and completes the pipes.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="WebSocketHandshakeException">The request was refused.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> AcceptAsync(
        IDuplexPipe pipe, RequestHead request, WebSocketAcceptOptions? options = null, CancellationToken cancellationToken = default)
    {
        WebSocketConnectionOptions connection = ConnectionOf(options);
        return Make(Wrap(pipe, connection), request, default, connection).AcceptAsync(options, cancellationToken);
    }

    /// <summary>Reads a request from a pair of pipes, to be inspected and then accepted or rejected, as
    /// <see cref="ReadRequestAsync(Stream, HandshakeLimits, TimeSpan?, CancellationToken)"/> does from a stream.</summary>
    /// <param name="pipe">The pipes.</param>
    /// <param name="limits">The limits of the head; <see cref="HandshakeLimits.Default"/> where null.</param>
    /// <param name="timeout">How long the request may take to come; 10 s where null, <see cref="Timeout.InfiniteTimeSpan"/> for no
    /// limit.</param>
    /// <param name="cancellationToken">Breaks off the handshake and completes the pipes.</param>
    /// <returns>The request; its <see cref="UpgradeRequest.Fault"/> tells where it is none to upgrade.</returns>
    /// <exception cref="WebSocketHandshakeException">What came is no request and was refused, did not come in time, or ended
    /// halfway.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<UpgradeRequest> ReadRequestAsync(
        IDuplexPipe pipe, HandshakeLimits? limits = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        ReadAsync(Wrap(pipe, WebSocketConnectionOptions.Default), limits, timeout, WebSocketConnectionOptions.Default, cancellationToken);

    /// <summary>Takes a request that somebody else has read from a pair of pipes, to be inspected and then accepted or rejected.</summary>
    /// <param name="pipe">The pipes, of which the head of the request and nothing beyond it has been consumed.</param>
    /// <param name="request">The request.</param>
    /// <returns>The request; its <see cref="UpgradeRequest.Fault"/> tells where it is none to upgrade.</returns>
    public static UpgradeRequest FromRequest(IDuplexPipe pipe, RequestHead request) =>
        Make(Wrap(pipe, WebSocketConnectionOptions.Default), request, default, WebSocketConnectionOptions.Default);

    private static PipeTransport Wrap(IDuplexPipe pipe, WebSocketConnectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(pipe);
        Claim(pipe);
        return new PipeTransport(pipe, options.Buffers);
    }
}
