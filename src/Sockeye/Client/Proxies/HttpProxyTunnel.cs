using System.Net;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>A proxy of HTTP, which tunnels by CONNECT (RFC 9110, section 9.3.6).</summary>
internal sealed class HttpProxyTunnel(Uri address, NetworkCredential? credentials) : ProxyTunnel(address, credentials)
{
    protected override int DefaultPort => IsSecure ? 443 : 80;

    // HttpClient.DefaultProxy makes http:// of every scheme that it does not know.
    protected override string Doubt => " Is it a SOCKS proxy? Then its address begins with socks5://, not socks5h:// or http://.";

    protected override async Task AskAsync(
        Stream stream, StreamTransport transport, WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        using var reader = new HeadReader(transport, options.Limits, options.Connection.Buffers);
        await transport.SendAsync(Request(uri).ToBytes(), default).ConfigureAwait(false);
        ResponseHead response = await ClientOpening.ReadResponseAsync(reader).ConfigureAwait(false);
        if (response.StatusCode is not (>= 200 and < 300))
            throw await deadline.RefuseAsync(new Http1Body(reader, response), body => Refusal(uri, response, body)).ConfigureAwait(false);

        // Neither TLS nor HTTP let a server speak first: these bytes are not the server's.
        if (!reader.Beyond.IsEmpty)
            throw Failure("sent more than its answer to CONNECT.");
    }

    private RequestHead Request(WebSocketUri uri)
    {
        var headers = new HttpHeaders { { "Host", uri.Authority } };
        if (Credentials is { } known)
        {
            byte[] pair = Encoding.UTF8.GetBytes($"{known.UserName}:{known.Password}");
            headers.Add("Proxy-Authorization", "Basic " + Convert.ToBase64String(pair));
        }

        return new RequestHead("CONNECT", uri.Authority, headers);
    }

    private WebSocketHandshakeException Refusal(WebSocketUri uri, ResponseHead response, byte[] body)
    {
        string status = PeerText.Escape($"{response.StatusCode} {response.ReasonPhrase}".TrimEnd());
        // 401 is what tinyproxy answers where the credentials are wrong.
        string advice = response.StatusCode is not (407 or 401) ? "Body and Headers tell more"
            : Credentials is null ? "it wants credentials: write them into its address, http://name:password@host:port, or set Credentials of the proxy"
            : "it does not accept these credentials by Basic authentication";
        return new WebSocketHandshakeException(
            HandshakeFailure.Proxy, Failure($"answered {status} instead of connecting to {uri.Authority}: {advice}.").Message)
        {
            Response = response,
            Body = body,
        };
    }
}
