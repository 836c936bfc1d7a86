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
        HttpRequestMessage message = MakeMessage();
        Uri asked = message.RequestUri!;
        HttpResponseMessage? answer = null;
        try
        {
            Tell(_options.RequestSentCallback, _request);
            answer = await SendAsync(http, message, _deadline.Token).ConfigureAwait(false);
            if (message.RequestUri != asked)
                throw Http2Failure.Redirected(message.RequestUri!);
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
        catch (Exception e) when (!_isInCallback && _deadline.IsOver && e is not WebSocketHandshakeException)
        {
            throw _deadline.Explain(e, "the server's answer");
        }
        catch (Exception e) when (!_isInCallback && message.RequestUri != asked && e is not WebSocketHandshakeException)
        {
            throw Http2Failure.Redirected(message.RequestUri!, e);
        }
        catch (Exception e) when (!_isInCallback
            && e is HttpRequestException or OperationCanceledException or (IOException and not WebSocketHandshakeException))
        {
            throw Http2Failure.Explain(e, message) ?? _deadline.Explain(e, "the server's answer");
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

    /// <summary>Makes the request in the shape of the framework.</summary>
    /// <exception cref="ArgumentException">The framework has no place for a header.</exception>
    private HttpRequestMessage MakeMessage()
    {
        if (_uri.SocketPath is not null)
            throw new ArgumentException(
                "Http2 cannot connect to a ws+unix address: let the ConnectCallback of its SocketsHttpHandler connect to the socket, and use "
                    + "ws://localhost/path.",
                nameof(WebSocketClientOptions.Http2));
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
            else if (!message.Headers.TryAddWithoutValidation(name, value))
                throw Http2Failure.Unsendable(name, "describes content, of which this request has none: take it out");
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
}
