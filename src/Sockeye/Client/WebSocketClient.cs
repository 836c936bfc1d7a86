using Microsoft.Extensions.Logging;
using Sockeye.Compression;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Connects to WebSocket servers.</summary>
public static partial class WebSocketClient
{
    /// <summary>The most interim responses (100, 103) that are skipped before the one that counts.</summary>
    private const int MaxInterimResponses = 8;

    /// <summary>Connects to a server and opens a WebSocket connection.</summary>
    /// <param name="uri">The address, such as <c>wss://example.com/feed?x=1</c>; <c>http</c> and <c>https</c> stand for <c>ws</c> and
    /// <c>wss</c>. User information becomes Basic credentials. A fragment is refused (RFC 6455, section 3).</param>
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
    /// <see cref="WebSocketClientOptions.Tls"/> is not used.</param>
    /// <param name="cancellationToken">Ends the attempt; it has no effect on the connection once it is open.</param>
    /// <returns>The connection, which receives from now on.</returns>
    /// <exception cref="ArgumentException">The address or an option cannot be used.</exception>
    /// <exception cref="WebSocketHandshakeException">The connection did not come about; its
    /// <see cref="WebSocketHandshakeException.Cause"/> tells the step, and its status, headers and body what the server said.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<WebSocketConnection> ConnectAsync(
        Stream stream, Uri uri, WebSocketClientOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= WebSocketClientOptions.Default;
        var transport = new StreamTransport(stream, options.Connection.Buffers);
        try
        {
            using var deadline = new HandshakeDeadline(options.ConnectTimeout, options.Connection.TimeProvider, cancellationToken);
            Task<WebSocketConnection> connecting = ConnectAsync(WebSocketUri.Parse(uri), options, transport, deadline);
            try
            {
                // Not every stream ends a read when it is disposed.
                return await connecting.WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException e)
            {
                _ = AbandonAsync(connecting);
                throw deadline.Explain(e, "the server's answer");
            }
        }
        catch (Exception)
        {
            transport.Abort();
            throw;
        }
    }

    private static async Task<WebSocketConnection> ConnectAsync(
        WebSocketUri uri, WebSocketClientOptions options, CancellationToken cancellationToken)
    {
        using var deadline = new HandshakeDeadline(options.ConnectTimeout, options.Connection.TimeProvider, cancellationToken);
        return await ConnectAsync(uri, options, transport: null, deadline).ConfigureAwait(false);
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
        ClientHandshake handshake = MakeHandshake(uri, options);
        RequestHead request = handshake.CreateRequest();
        ILogger logger = options.Connection.LoggerFactory.CreateLogger("Sockeye.Client");
        try
        {
            transport ??= await Dialing.DialAsync(uri, options, deadline).ConfigureAwait(false);
            WebSocketConnection connection = await OpenAsync(transport, handshake, request, options, deadline).ConfigureAwait(false);
            if (logger.IsEnabled(LogLevel.Debug))
                HandshakeLog.Connected(logger, uri.ToString());
            transport = null;
            connection.Start();
            return connection;
        }
        catch (Exception e)
        {
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

    private static ClientHandshake MakeHandshake(WebSocketUri uri, WebSocketClientOptions options)
    {
        var headers = new HttpHeaders(options.Headers);
        if (uri.Authorization is not null && !headers.Contains("Authorization"))
            headers.Add("Authorization", uri.Authorization);
        return new ClientHandshake(uri.HostHeader, uri.Target, WebSocketWire.CreateHandshakeKey())
        {
            Subprotocols = options.Subprotocols,
            RequireSubprotocol = options.RequireSubprotocol,
            ProtocolVersion = options.ProtocolVersion,
            Origin = options.Origin,
            Headers = headers,

            Extensions = options.PerMessageDeflate is { } deflate ? [DeflateAgreement.Offer(deflate)] : [],
        };
    }

    /// <summary>Sends the request and takes the answer.</summary>
    private static async Task<WebSocketConnection> OpenAsync(
        Transport transport, ClientHandshake handshake, RequestHead request, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        using var reader = new HeadReader(transport, options.Limits, options.Connection.Buffers);
        await using CancellationTokenRegistration registration = deadline.AbortOnExpiry(transport);
        try
        {
            await transport.SendAsync(request.ToBytes(), default).ConfigureAwait(false);
            ResponseHead response = await ReadResponseAsync(reader).ConfigureAwait(false);
            if (response.StatusCode != 101)
                throw await StatusFailureAsync(reader, response, handshake.ProtocolVersion, deadline).ConfigureAwait(false);
            if (!handshake.TryAccept(response, out HandshakeAgreement? agreement, out HandshakeFault? fault))
                throw new WebSocketHandshakeException(HandshakeFailure.Protocol, fault) { Response = response };
            if (!DeflateAgreement.TryAgree(agreement.Extensions, options.PerMessageDeflate, out DeflateAgreement? deflate, out fault))
                throw new WebSocketHandshakeException(HandshakeFailure.Protocol, fault) { Response = response };

            // From here on the deadline must not touch the transport.
            await registration.DisposeAsync().ConfigureAwait(false);
            if (deadline.IsOver)
                throw new IOException("The connection was aborted.");
            var details = new ConnectionDetails
            {
                Subprotocol = agreement.Subprotocol,
                Request = request,
                ResponseHeaders = response.Headers,
                Deflate = deflate,
            };
            return new WebSocketConnection(transport, Role.Client, options.Connection, details, reader.Beyond);
        }
        catch (Exception e) when (e is ObjectDisposedException or (IOException and not WebSocketHandshakeException))
        {
            throw deadline.Explain(e, "the server's answer");
        }
    }

    private static async Task<ResponseHead> ReadResponseAsync(HeadReader reader)
    {
        for (int interim = 0; ; interim++)
        {
            HandshakeFault? fault = await reader.ReadAsync().ConfigureAwait(false);
            ResponseHead? response = null;
            if (fault is not null || !ResponseHead.TryParse(reader.Head, out response, out fault))
                throw new WebSocketHandshakeException(HandshakeFailure.Protocol, fault);
            if (response.StatusCode is 101 or >= 200 || interim == MaxInterimResponses)
                return response;
            reader.Next();
        }
    }

    private static async Task<Exception> StatusFailureAsync(
        HeadReader reader, ResponseHead response, int protocolVersion, HandshakeDeadline deadline)
    {
        byte[] body = await ResponseBody.ReadAsync(reader, response).ConfigureAwait(false);
        if (deadline.IsCancelledByCaller)
            return new IOException("The connection was aborted.");

        string status = PeerText.Escape($"{response.StatusCode} {response.ReasonPhrase}".TrimEnd());
        IReadOnlyList<int> versions = ClientHandshake.GetSupportedVersions(response);
        string advice = versions.Count == 0 || versions.Contains(protocolVersion)
            ? "Body and Headers tell more"
            : $"it speaks version {ProtocolVersions.Format(versions)} of the WebSocket protocol and was asked for {protocolVersion}, "
                + "which ProtocolVersion sets";
        return new WebSocketHandshakeException(
            HandshakeFailure.Status, $"The server answered {status} instead of switching to WebSocket: {advice}.")
        {
            Response = response,
            Body = body,
            SupportedVersions = versions,
        };
    }
}
