using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Upgrades any stream, socket, or pair of pipes, to a WebSocket connection, as its server: reads the request from it, or takes one
/// that somebody else has read.</summary>
/// <remarks>Whatever these methods return owns the stream and disposes it in the end, or completes the pipes; where they throw, they
/// have done so. Nothing else may read from or write to it meanwhile. A stream is upgraded once: whoever tries again gets an
/// <see cref="InvalidOperationException"/>, and the first upgrade goes on. That goes by the object that is given, where a socket and its
/// <see cref="NetworkStream"/> count as one; of two other streams over the same thing, nobody knows that they are. A socket knows the
/// address of its client; of a stream or pipes tell it by <see cref="UpgradeRequest.RemoteEndPoint"/>, between
/// <c>ReadRequestAsync</c> or <c>FromRequest</c> and the decision.</remarks>
public static partial class WebSocketUpgrade
{
    /// <summary>What a transport takes back, and what one receive of its brings.</summary>
    private const int MaxBytesAfterHead = ReceiveSlab.Region;

    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    // What has been upgraded, for as long as anybody knows it.
    private static readonly ConditionalWeakTable<object, object> Claimed = [];

    /// <summary>Reads a request to upgrade from a stream and accepts it. A request that cannot be accepted is answered with the
    /// status that it deserves.</summary>
    /// <param name="stream">A stream that reads and writes: a <see cref="NetworkStream"/>, an authenticated
    /// <see cref="SslStream"/>, a pipe. Reading must return what has arrived without waiting for more.</param>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Breaks off the handshake and disposes the stream.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="WebSocketHandshakeException">The request was refused (<see cref="HandshakeFailure.Refused"/>), did not
    /// come within 10 s, or ended halfway.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> AcceptAsync(
        Stream stream, WebSocketAcceptOptions? options = null, CancellationToken cancellationToken = default) =>
        AcceptAsync(Wrap(stream, ConnectionOf(options)), options, cancellationToken);

    /// <summary>Accepts a request to upgrade that somebody else has read from a stream.</summary>
    /// <param name="stream">The stream, read up to the end of the head or beyond it.</param>
    /// <param name="request">The request.</param>
    /// <param name="bytesAfterHead">What has been read beyond the head, at most 64 KiB; it is copied.</param>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Breaks off the handshake and disposes the stream.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException"><paramref name="bytesAfterHead"/> is longer than 64 KiB.</exception>
    /// <exception cref="WebSocketHandshakeException">The request was refused.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> AcceptAsync(
        Stream stream,
        RequestHead request,
        ReadOnlyMemory<byte> bytesAfterHead,
        WebSocketAcceptOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        WebSocketConnectionOptions connection = ConnectionOf(options);
        return Make(Wrap(stream, connection), request, bytesAfterHead, connection).AcceptAsync(options, cancellationToken);
    }

    /// <summary>Reads a request from a stream, to be inspected and then accepted or rejected. Nothing is sent before that, unless what
    /// comes is no request of HTTP: that is refused.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="limits">The limits of the head; <see cref="HandshakeLimits.Default"/> where null.</param>
    /// <param name="timeout">How long the request may take to come; 10 s where null, <see cref="Timeout.InfiniteTimeSpan"/> for no
    /// limit.</param>
    /// <param name="cancellationToken">Breaks off the handshake and disposes the stream.</param>
    /// <returns>The request; its <see cref="UpgradeRequest.Fault"/> tells where it is none to upgrade. Its origin is checked when it
    /// is accepted. There is no deadline for the decision.</returns>
    /// <exception cref="WebSocketHandshakeException">What came is no request and was refused, did not come in time, or ended
    /// halfway.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<UpgradeRequest> ReadRequestAsync(
        Stream stream,
        HandshakeLimits? limits = null,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default) =>
        ReadAsync(Wrap(stream, WebSocketConnectionOptions.Default), limits, timeout, WebSocketConnectionOptions.Default, cancellationToken);

    /// <summary>Takes a request that somebody else has read from a stream, to be inspected and then accepted or rejected.</summary>
    /// <param name="stream">The stream, read up to the end of the head or beyond it.</param>
    /// <param name="request">The request.</param>
    /// <param name="bytesAfterHead">What has been read beyond the head, at most 64 KiB; it is copied.</param>
    /// <returns>The request; its <see cref="UpgradeRequest.Fault"/> tells where it is none to upgrade.</returns>
    /// <exception cref="ArgumentException"><paramref name="bytesAfterHead"/> is longer than 64 KiB.</exception>
    public static UpgradeRequest FromRequest(Stream stream, RequestHead request, ReadOnlyMemory<byte> bytesAfterHead = default) =>
        Make(Wrap(stream, WebSocketConnectionOptions.Default), request, bytesAfterHead, WebSocketConnectionOptions.Default);

    internal static void ThrowIfTooMany(ReadOnlyMemory<byte> bytesAfterHead)
    {
        if (bytesAfterHead.Length > MaxBytesAfterHead)
        {
            throw new ArgumentException(
                $"{bytesAfterHead.Length} bytes were read beyond the head: at most {MaxBytesAfterHead} can be handed over.",
                nameof(bytesAfterHead));
        }
    }

    private static StreamTransport Wrap(Stream stream, WebSocketConnectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Claim(stream is NetworkStream network ? network.Socket : stream);
        return new StreamTransport(stream, options.Buffers);
    }

    /// <summary>Makes sure that nobody upgrades the same thing a second time: two readers of one stream would take each other's bytes.</summary>
    private static void Claim(object carrier)
    {
        if (!Claimed.TryAdd(carrier, carrier.GetType()))
        {
            throw new InvalidOperationException(
                $"This {carrier.GetType().Name} has been upgraded before, or is being upgraded: a connection is upgraded once. Are two handlers "
                + "called for the same request?");
        }
    }

    private static WebSocketConnectionOptions ConnectionOf(WebSocketAcceptOptions? options) =>
        options?.Connection ?? WebSocketConnectionOptions.Default;

    private static async Task<WebSocketConnection> AcceptAsync(Transport transport, WebSocketAcceptOptions? options, CancellationToken cancellationToken)
    {
        UpgradeRequest request = await ReadAsync(
            transport, limits: null, timeout: null, ConnectionOf(options), cancellationToken).ConfigureAwait(false);
        return await request.AcceptAsync(options, cancellationToken).ConfigureAwait(false);
    }

    private static UpgradeRequest Make(
        Transport transport, RequestHead request, ReadOnlyMemory<byte> bytesAfterHead, WebSocketConnectionOptions options)
    {
        try
        {
            ArgumentNullException.ThrowIfNull(request);
            ThrowIfTooMany(bytesAfterHead);
            return new UpgradeRequest(transport, request, bytesAfterHead.ToArray(), Settings(options));
        }
        catch (Exception)
        {
            transport.Abort();
            throw;
        }
    }

    private static async Task<UpgradeRequest> ReadAsync(
        Transport transport,
        HandshakeLimits? limits,
        TimeSpan? timeout,
        WebSocketConnectionOptions options,
        CancellationToken cancellationToken)
    {
        try
        {
            using var deadline = new HandshakeDeadline(timeout ?? DefaultTimeout, options.TimeProvider, cancellationToken);
            return await ReadAsync(transport, limits ?? HandshakeLimits.Default, Settings(options), deadline).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not WebSocketHandshakeException { Cause: HandshakeFailure.Refused })
        {
            transport.Abort();
            throw;
        }
    }

    private static async Task<UpgradeRequest> ReadAsync(
        Transport transport, HandshakeLimits limits, UpgradeSettings settings, HandshakeDeadline deadline)
    {
        var reader = new HeadReader(transport, limits, settings.Connection.Buffers);
        Task<HandshakeFault?> reading = reader.ReadAsync().AsTask();
        try
        {
            // No token is passed into a stream, and not every stream ends a read when it is disposed.
            HandshakeFault? fault = await reading.WaitAsync(deadline.Token).ConfigureAwait(false);
            if (fault is null && RequestHead.TryParse(reader.Head, out RequestHead? head, out fault))
                return new UpgradeRequest(transport, head, reader.Beyond.ToArray(), settings);

            await Refusals.WriteAsync(transport, HandshakeRefusal.Of(fault!), omitBody: false).ConfigureAwait(false);
            _ = Refusals.FinishAsync(transport, settings.Time);
            throw new WebSocketHandshakeException(HandshakeFailure.Refused, fault!);
        }
        catch (Exception e) when (e is not WebSocketHandshakeException)
        {
            throw e is OperationCanceledException or IOException or ObjectDisposedException
                ? deadline.Explain(e, "the client's request")
                : new WebSocketHandshakeException(HandshakeFailure.Ended, $"The stream failed during the handshake: {e.Message}", e);
        }
        finally
        {
            _ = PutAwayAsync(reading, reader, transport);
        }
    }

    /// <summary>Gives memory back once nobody reads into it any more.</summary>
    private static async Task PutAwayAsync(Task reading, HeadReader reader, Transport transport)
    {
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        reader.Dispose();
        if (!reading.IsCompletedSuccessfully)
            transport.ReleaseBlock();
    }

    private static UpgradeSettings Settings(WebSocketConnectionOptions options) =>
        new(options, new GuardedLogger(options.LoggerFactory, "Sockeye.Server"));
}

