using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Connects to WebSocket servers.</summary>
public static partial class WebSocketClient
{
    /// <summary>Connects to a server and opens a WebSocket connection.</summary>
    /// <param name="uri">The address, such as <c>wss://example.com/feed?x=1</c>; <c>http</c> and <c>https</c> stand for <c>ws</c> and
    /// <c>wss</c>, and <c>ws+unix:/path/of/socket:/target</c> leads to a Unix domain socket. User information becomes Basic
    /// credentials. A fragment is refused (RFC 6455, section 3).</param>
    /// <param name="options">How to connect; <see cref="WebSocketClientOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Ends the attempt; it has no effect on the connection once it is open.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException">The address or an option cannot be used.</exception>
    /// <exception cref="WebSocketHandshakeException">The connection did not come about; its
    /// <see cref="WebSocketHandshakeException.Cause"/> tells the step, and its status, headers and body what the server said.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> ConnectAsync(
        string uri, WebSocketClientOptions? options = null, CancellationToken cancellationToken = default) =>
        ConnectAsync(WebSocketUri.Parse(uri), options ?? WebSocketClientOptions.Default, cancellationToken);

    /// <inheritdoc cref="ConnectAsync(string, WebSocketClientOptions, CancellationToken)"/>
    public static Task<WebSocketConnection> ConnectAsync(
        Uri uri, WebSocketClientOptions? options = null, CancellationToken cancellationToken = default) =>
        ConnectAsync(WebSocketUri.Parse(uri), options ?? WebSocketClientOptions.Default, cancellationToken);

    /// <summary>Opens a WebSocket connection over a stream that leads to the server already: a tunnel, a pipe, a Unix socket.</summary>
    /// <param name="stream">A stream that reads and writes. What the method returns owns it and disposes it in the end; where the
    /// method throws, it has disposed it. Reading must return what has arrived without waiting for more.</param>
    /// <param name="uri">The address, for <c>Host</c> and the target alone: TLS, where there is to be any, is below the stream.</param>
    /// <param name="options">How to connect; <see cref="WebSocketClientOptions.Default"/> where null. Its
    /// <see cref="WebSocketClientOptions.Tls"/> and what else brings a connection about are not used.</param>
    /// <param name="cancellationToken">Ends the attempt; it has no effect on the connection once it is open.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException">The address or an option cannot be used.</exception>
    /// <exception cref="WebSocketHandshakeException">The connection did not come about; its
    /// <see cref="WebSocketHandshakeException.Cause"/> tells the step, and its status, headers and body what the server said.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> ConnectAsync(
        Stream stream, Uri uri, WebSocketClientOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= WebSocketClientOptions.Default;
        return stream is null
            ? Task.FromException<WebSocketConnection>(new ArgumentNullException(nameof(stream)))
            : ConnectOverAsync(new StreamTransport(stream, options.Connection.Buffers), uri, options, cancellationToken);
    }

    /// <summary>Opens a WebSocket connection over a pair of pipes that lead to the server already.</summary>
    /// <param name="pipe">The pipes. What the method returns owns them and completes them in the end; where the method throws, it has
    /// completed them. Where they are made of a stream with <c>leaveOpen</c>, dispose that once
    /// <see cref="WebSocketConnection.Closed"/> has completed.</param>
    /// <param name="uri">The address, for <c>Host</c> and the target alone: TLS, where there is to be any, is below the pipes.</param>
    /// <param name="options">How to connect; <see cref="WebSocketClientOptions.Default"/> where null. Its
    /// <see cref="WebSocketClientOptions.Tls"/> and what else brings a connection about are not used.</param>
    /// <param name="cancellationToken">Ends the attempt; it has no effect on the connection once it is open.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException">The address or an option cannot be used.</exception>
    /// <exception cref="WebSocketHandshakeException">The connection did not come about; its
    /// <see cref="WebSocketHandshakeException.Cause"/> tells the step, and its status, headers and body what the server said.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<WebSocketConnection> ConnectAsync(
        IDuplexPipe pipe, Uri uri, WebSocketClientOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= WebSocketClientOptions.Default;
        return pipe is null
            ? Task.FromException<WebSocketConnection>(new ArgumentNullException(nameof(pipe)))
            : ConnectOverAsync(new PipeTransport(pipe, options.Connection.Buffers), uri, options, cancellationToken);
    }

    private static async Task<WebSocketConnection> ConnectOverAsync(
        Transport transport, Uri uri, WebSocketClientOptions options, CancellationToken cancellationToken)
    {
        if (options.Http2 is not null || options.MaxRedirects > 0)
            options = options with { Http2 = null, MaxRedirects = 0 }; // it leads to one server
        try
        {
            using var deadline = new HandshakeDeadline(options.ConnectTimeout, options.Connection.TimeProvider, cancellationToken);
            return await GuardAsync(ConnectAsync(WebSocketUri.Parse(uri), options, transport, deadline), deadline).ConfigureAwait(false);
        }
        catch (Exception)
        {
            transport.Abort();
            throw;
        }
    }

    /// <summary>Asks one server, and follows no redirect.</summary>
    internal static async Task<WebSocketConnection> ConnectOnceAsync(
        WebSocketUri uri, WebSocketClientOptions options, CancellationToken cancellationToken)
    {
        using var deadline = new HandshakeDeadline(options.ConnectTimeout, options.Connection.TimeProvider, cancellationToken);
        Task<WebSocketConnection> connecting = ConnectAsync(uri, options, transport: null, deadline);
        bool isOurs = options.ConnectCallback is null && options.Http2 is null;
        return await (isOurs ? connecting : GuardAsync(connecting, deadline)).ConfigureAwait(false);
    }

    private static Task<WebSocketConnection> ConnectAsync(
        WebSocketUri uri, WebSocketClientOptions options, CancellationToken cancellationToken) =>
        options.MaxRedirects == 0
            ? ConnectOnceAsync(uri, options, cancellationToken)
            : Redirects.FollowAsync(uri, options, cancellationToken);

    /// <summary>Bounds what goes over a stream of the user's: not every one ends a read when it is disposed.</summary>
    private static async Task<WebSocketConnection> GuardAsync(Task<WebSocketConnection> connecting, HandshakeDeadline deadline)
    {
        try
        {
            return await connecting.WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (deadline.IsOver)
        {
            _ = AbandonAsync(connecting);
            throw deadline.Explain(e, "the server's answer");
        }
    }

    /// <summary>Ends a connection that nobody waits for any more.</summary>
    internal static async Task AbandonAsync(Task<WebSocketConnection> connecting)
    {
        await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (connecting.IsCompletedSuccessfully)
            (await connecting.ConfigureAwait(false)).Abort();
    }

    private static async Task<WebSocketConnection> ConnectAsync(
        WebSocketUri uri, WebSocketClientOptions options, Transport? transport, HandshakeDeadline deadline)
    {
        var telemetry = new HandshakeTelemetry(Role.Client, options.Connection.TimeProvider);
        var logger = new GuardedLogger(options.Connection.LoggerFactory, "Sockeye.Client");
        try
        {
            HttpHeaders headers = HeadersOf(uri, options);
            telemetry.Call(uri, headers, isExtendedConnect: options.Http2 is not null);
            if (options.RequestCallback is { } callback)
                await EditAsync(callback, new WebSocketClientRequest(uri.ToUri(), headers), deadline).ConfigureAwait(false);
            var opening = new ClientOpening(uri, headers, options, deadline);
            WebSocketConnection connection;
            if (options.Http2 is { } http)
            {
                connection = await opening.OpenAsync(http).ConfigureAwait(false);
            }
            else
            {
                transport ??= await Dialing.DialAsync(uri, options, deadline).ConfigureAwait(false);
                connection = await opening.OpenAsync(transport).ConfigureAwait(false);
            }

            if (logger.IsEnabled(LogLevel.Debug))
                HandshakeLog.Connected(logger, uri.ToString());
            transport = null;
            telemetry.Accept(connection);
            connection.Start();
            return connection;
        }
        catch (Exception e)
        {
            telemetry.Fail(e);
            if (logger.IsEnabled(LogLevel.Debug))
                HandshakeLog.ConnectFailed(logger, uri.ToString(), e);
            throw;
        }
        finally
        {
            if (transport is not null)
                await Refusals.CloseAsync(transport).ConfigureAwait(false);
        }
    }

    private static HttpHeaders HeadersOf(WebSocketUri uri, WebSocketClientOptions options)
    {
        var headers = new HttpHeaders(options.Headers);
        if (uri.Authorization is not null && !headers.Contains("Authorization"))
            headers.Add("Authorization", uri.Authorization);
        if (options.Cookies is { } cookies)
            Cookies.Add(cookies, uri, headers);
        return headers;
    }

    private static async Task EditAsync(
        Func<WebSocketClientRequest, CancellationToken, ValueTask> callback, WebSocketClientRequest request, HandshakeDeadline deadline)
    {
        try
        {
            await callback(request, deadline.Token).AsTask().Observed().WaitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (deadline.IsOver)
        {
            throw deadline.Explain(e, "RequestCallback");
        }
    }
}
