using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Asks a server for one connection, over a transport that leads to it, and judges its answer.</summary>
internal sealed partial class ClientOpening
{
    /// <summary>The most interim responses (100, 103) that are skipped before the one that counts.</summary>
    private const int MaxInterimResponses = 8;

    private readonly WebSocketUri _uri;
    private readonly WebSocketClientOptions _options;
    private readonly HandshakeDeadline _deadline;
    private readonly ClientHandshake _handshake;
    private readonly RequestHead _request;

    // What a callback of the application throws is no failure of the connection, whatever its type.
    private bool _isInCallback;

    /// <summary>Makes the request.</summary>
    /// <exception cref="ArgumentException">The headers, or others of the options, cannot stand in it.</exception>
    public ClientOpening(WebSocketUri uri, HttpHeaders headers, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        _uri = uri;
        _options = options;
        _deadline = deadline;
        _handshake = new ClientHandshake(uri.HostHeader, uri.Target, WebSocketWire.CreateHandshakeKey())
        {
            Subprotocols = options.Subprotocols,
            RequireSubprotocol = options.RequireSubprotocol,
            ProtocolVersion = options.ProtocolVersion,
            Origin = options.Origin,
            Headers = headers,
            Extensions = options.PerMessageDeflate is { } deflate ? [DeflateAgreement.Offer(deflate)] : [],
            IsExtendedConnect = options.Http2 is not null,
        };
        _request = _handshake.CreateRequest();
    }

    /// <summary>Sends the request and takes the answer.</summary>
    public async Task<WebSocketConnection> OpenAsync(Transport transport)
    {
        using var reader = new HeadReader(transport, _options.Limits, _options.Connection.Buffers);
        await using CancellationTokenRegistration registration = _deadline.AbortOnExpiry(transport);
        try
        {
            Tell(_options.RequestSentCallback, _request);
            await transport.SendAsync(_request.ToBytes(), default).ConfigureAwait(false);
            ResponseHead response = await ReadResponseAsync(reader).ConfigureAwait(false);
            See(response);
            if (response.StatusCode != 101)
                throw await RefuseAsync(response, new Http1Body(reader, response)).ConfigureAwait(false);
            ConnectionDetails details = Agree(response);

            // From here on the deadline must not touch the transport.
            await registration.DisposeAsync().ConfigureAwait(false);
            if (_deadline.IsOver)
                throw new IOException("The connection was aborted.");
            return new WebSocketConnection(transport, Role.Client, _options.Connection, details, reader.Beyond);
        }
        catch (Exception e) when (!_isInCallback && e is ObjectDisposedException or (IOException and not WebSocketHandshakeException))
        {
            throw (_deadline.IsOver ? null : ClientTls.Explain(e)) ?? _deadline.Explain(e, "the server's answer");
        }
    }

    /// <summary>Reads the response that counts.</summary>
    /// <exception cref="WebSocketHandshakeException">It breaks the rules of HTTP.</exception>
    public static async Task<ResponseHead> ReadResponseAsync(HeadReader reader)
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

    private void See(ResponseHead response)
    {
        if (_options.Cookies is { } cookies)
            Cookies.Keep(cookies, _uri, response);
        Tell(_options.ResponseCallback, response);
    }

    private void Tell<T>(Action<T>? callback, T head)
    {
        _isInCallback = true;
        callback?.Invoke(head);
        _isInCallback = false;
    }

    private ConnectionDetails Agree(ResponseHead response)
    {
        if (!_handshake.TryAccept(response, out HandshakeAgreement? agreement, out HandshakeFault? fault)
            || !DeflateAgreement.TryAgree(agreement.Extensions, _options.PerMessageDeflate, out DeflateAgreement? deflate, out fault))
        {
            throw new WebSocketHandshakeException(HandshakeFailure.Protocol, fault) { Response = response };
        }

        return new ConnectionDetails
        {
            Subprotocol = agreement.Subprotocol,
            Request = _request,
            ResponseHeaders = response.Headers,
            Deflate = deflate,
        };
    }

    /// <summary>Takes a refusal. The body of one that leads on to where the client goes is not waited for.</summary>
    private Task<Exception> RefuseAsync(ResponseHead response, ResponseBody body) => _deadline.RefuseAsync(
        _options.MaxRedirects > 0 && Redirects.LeadsOn(_uri, response) ? null : body,
        read => StatusFailure(response, read));

    private WebSocketHandshakeException StatusFailure(ResponseHead response, byte[] body)
    {
        string status = PeerText.Escape($"{response.StatusCode} {response.ReasonPhrase}".TrimEnd());
        IReadOnlyList<int> versions = ClientHandshake.GetSupportedVersions(response);
        int version = _handshake.ProtocolVersion;
        string advice = versions.Count == 0 || versions.Contains(version)
            ? "Body and Headers tell more"
            : $"it speaks version {ProtocolVersions.Format(versions)} of the WebSocket protocol and was asked for {version}, "
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
