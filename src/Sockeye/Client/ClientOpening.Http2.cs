using System.Net;
using Sockeye.Protocol;
using Sockeye.Transports;
using HeaderStringValues = System.Net.Http.Headers.HeaderStringValues;

namespace Sockeye;

/// <content>The same over HTTP/2, by an extended CONNECT (RFC 8441), which the framework sends.</content>
internal sealed partial class ClientOpening
{
    /// <summary>Sends the request and takes the answer.</summary>
    /// <param name="http">What sends it, over a connection that it may share among many.</param>
    public async Task<WebSocketConnection> OpenAsync(HttpMessageInvoker http)
    {
        HttpResponseMessage? answer = null;
        try
        {
            _options.RequestSentCallback?.Invoke(_request);
            answer = await SendAsync(http, MakeMessage(), _deadline.Token).ConfigureAwait(false);
            Stream stream = await answer.Content.ReadAsStreamAsync(_deadline.Token).ConfigureAwait(false);
            ResponseHead response = HeadOf(answer);
            See(response);
            if (response.StatusCode != 200)
                throw await RefuseAsync(response, new Http2Body(stream, _deadline.Token)).ConfigureAwait(false);
            ConnectionDetails details = Agree(response);
            var transport = new StreamTransport(stream, _options.Connection.Buffers);
            answer = null;
            return new WebSocketConnection(transport, Role.Client, _options.Connection, details, []);
        }
        catch (Exception e) when (_deadline.IsOver && e is not WebSocketHandshakeException)
        {
            throw _deadline.Explain(e, "the server's answer");
        }
        catch (HttpRequestException e)
        {
            throw new WebSocketHandshakeException(CauseOf(e), $"The request over HTTP/2 failed: {ReasonOf(e)}", e);
        }
        catch (IOException e) when (e is not WebSocketHandshakeException)
        {
            throw _deadline.Explain(e, "the server's answer");
        }
        finally
        {
            answer?.Dispose();
        }
    }

    private static Task<HttpResponseMessage> SendAsync(HttpMessageInvoker http, HttpRequestMessage message, CancellationToken cancellationToken) =>
        http is HttpClient client
            ? client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            : http.SendAsync(message, cancellationToken);

    private HttpRequestMessage MakeMessage()
    {
        var message = new HttpRequestMessage(HttpMethod.Connect, _uri.ToHttpUri())
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        message.Headers.Protocol = "websocket";
        foreach ((string name, string value) in _request.Headers)
        {
            if (string.Equals(name, "Host", StringComparison.OrdinalIgnoreCase))
                message.Headers.Host = value;
            else
                message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    private static ResponseHead HeadOf(HttpResponseMessage answer)
    {
        var headers = new HttpHeaders();
        foreach ((string name, HeaderStringValues values) in answer.Headers.NonValidated)
            Add(name, values);
        foreach ((string name, HeaderStringValues values) in answer.Content.Headers.NonValidated)
            Add(name, values);
        return new ResponseHead((int)answer.StatusCode, headers);

        void Add(string name, HeaderStringValues values)
        {
            foreach (string value in values)
                headers.AddChecked(name, value);
        }
    }

    private static HandshakeFailure CauseOf(HttpRequestException exception) => exception.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => HandshakeFailure.Dns,
        HttpRequestError.ConnectionError => HandshakeFailure.Connect,
        HttpRequestError.SecureConnectionError => HandshakeFailure.Tls,
        HttpRequestError.ProxyTunnelError => HandshakeFailure.Proxy,
        HttpRequestError.ExtendedConnectNotSupported or HttpRequestError.VersionNegotiationError
            or HttpRequestError.HttpProtocolError or HttpRequestError.InvalidResponse => HandshakeFailure.Protocol,
        _ => HandshakeFailure.Ended,
    };

    private static string ReasonOf(HttpRequestException exception) => exception.HttpRequestError switch
    {
        HttpRequestError.ExtendedConnectNotSupported or HttpRequestError.VersionNegotiationError =>
            "the server does not speak WebSocket over HTTP/2 (RFC 8441). Connect without Http2.",
        _ => exception.GetBaseException().Message,
    };
}
