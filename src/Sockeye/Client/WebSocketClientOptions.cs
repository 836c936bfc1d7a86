using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Sets how a client connects. Immutable; any number of connections may share it.</summary>
/// <remarks>A wrong value throws where it is set. The clock and the logs are those of <see cref="Connection"/>.</remarks>
public sealed record WebSocketClientOptions
{
    /// <summary>The default options.</summary>
    public static WebSocketClientOptions Default { get; } = new();

    /// <summary>Gets the subprotocols to offer, the one preferred first; none by default.</summary>
    /// <exception cref="ArgumentException">An element is no token or is there twice.</exception>
    public IReadOnlyList<string> Subprotocols
    {
        get;
        init
        {
            Subprotocol.Validate(value, nameof(Subprotocols));
            field = [.. value];
        }
    } = [];

    /// <summary>Gets whether a server that selects none of the <see cref="Subprotocols"/> is a failure; true by default, as in
    /// browsers. It has no effect where none is offered.</summary>
    public bool RequireSubprotocol { get; init; } = true;

    /// <summary>Gets the headers to add to the request, sent exactly as they are; none by default. An <c>Authorization</c> here wins
    /// over user information in the URI, and a <c>Host</c> over that of the URI.</summary>
    /// <exception cref="ArgumentException">They hold a header that the handshake itself writes: <c>Upgrade</c>, <c>Connection</c>,
    /// <c>Sec-WebSocket-*</c>, <c>Content-Length</c> or <c>Transfer-Encoding</c>.</exception>
    public HttpHeaders Headers
    {
        get;
        init
        {
            HandshakeHeaders.ThrowIfReserved(value, nameof(Headers));
            field = value;
        }
    } = [];

    /// <summary>Gets where cookies come from, and where those go that the server sets in its response, be it an upgrade or not; null
    /// (the default) for neither. They are those of the <c>http</c> or <c>https</c> address of the same host and path, and go behind a
    /// <c>Cookie</c> of <see cref="Headers"/>. Any number of connections may share it.</summary>
    public CookieContainer? Cookies { get; init; }

    /// <summary>Gets what sees and edits the headers of each request before it is sent; null (the default) for nothing. It may wait, for
    /// instance for a token, within <see cref="ConnectTimeout"/>, whose token it is given. What it throws fails the attempt as
    /// it is.</summary>
    /// <remarks>Headers that the handshake itself writes are refused afterwards, by <see cref="ArgumentException"/>.</remarks>
    public Func<WebSocketClientRequest, CancellationToken, ValueTask>? RequestCallback { get; init; }

    /// <summary>Gets what sees each request as it is sent, the headers of the handshake included; null (the default) for nothing. It is called
    /// when there is a connection to the server, with HTTP/2 when the request is handed over. What it throws fails the attempt as it is.</summary>
    /// <remarks>It is for looking, and must not change the head; <see cref="RequestCallback"/> is for editing.</remarks>
    public Action<RequestHead>? RequestSentCallback { get; init; }

    /// <summary>Gets what sees each response before it is judged, be it a 101 or not; null (the default) for nothing. What it throws
    /// fails the attempt as it is, and ends the connection.</summary>
    public Action<ResponseHead>? ResponseCallback { get; init; }

    /// <summary>Gets the proxy to go through, by the address of the server; null (the default) for none. <c>http://</c> and <c>https://</c>
    /// proxies are asked for a tunnel by CONNECT, <c>socks5://</c>, <c>socks4a://</c> and <c>socks4://</c> ones in their language; all of them
    /// but the last resolve the name of the server. A name and a password stand in the address of the proxy, or in its credentials.</summary>
    /// <remarks><see cref="HttpClient.DefaultProxy"/> is that of the environment (<c>HTTP_PROXY</c>, <c>HTTPS_PROXY</c>, <c>ALL_PROXY</c>,
    /// <c>NO_PROXY</c>) or of the system; a <see cref="WebProxy"/> is one of the application's. TLS with the proxy goes by
    /// <see cref="Tls"/>, without its client certificates and <see cref="SslClientAuthenticationOptions.TargetHost"/>.</remarks>
    public IWebProxy? Proxy { get; init; }

    /// <summary>Gets how many redirects of servers are followed, 0 to 10; 0 (the default) follows none, and a redirect is
    /// a failure by its status. Locations may be relative; none leads from <c>wss</c> to <c>ws</c>, nor to a Unix domain socket, nor to an
    /// address with a fragment (RFC 6455, section 3): such an answer is a failure by its status, too. Each hop has the whole
    /// <see cref="ConnectTimeout"/>.</summary>
    /// <remarks>To another host or port go neither <c>Authorization</c>, <c>Cookie</c>, <c>Proxy-Authorization</c> and <c>Host</c> of
    /// <see cref="Headers"/>, nor user information, nor the client certificates and the <see cref="SslClientAuthenticationOptions.TargetHost"/>
    /// of <see cref="Tls"/>. Everything else does, subprotocols as well. The server is the same, and all of that is kept, where
    /// <c>ws</c> leads to <c>wss</c> at the same host, and at the default ports of both or at the same other one: where the value of
    /// <c>Host</c> that the address stands for does not change.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int MaxRedirects
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(MaxRedirects));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 10, nameof(MaxRedirects));
            field = value;
        }
    }

    /// <summary>Gets what sees each redirect before it is followed; null (the default) for nothing. It may wait, as long as the caller's
    /// token does not fire; what it throws stops there.</summary>
    public Func<WebSocketRedirectEventArgs, CancellationToken, ValueTask>? RedirectCallback { get; init; }

    /// <summary>Gets what connects over HTTP/2 (RFC 8441): an <see cref="HttpClient"/>, or an <see cref="HttpMessageInvoker"/> with a
    /// <see cref="SocketsHttpHandler"/>; null (the default) for HTTP/1.1. WebSockets, and requests, to one server share the
    /// HTTP/2 connection that it keeps. It is not disposed.</summary>
    /// <remarks>
    /// <para>All that brings a connection about is the handler's then, and its options hold instead of those here: TLS, proxies,
    /// sockets. What is in the request, compression, cookies, redirects, callbacks and the timeout are as for HTTP/1.1, so make the handler by
    /// <c>new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }</c>. One that follows a redirect by itself takes the
    /// headers and cookies to where it leads, and is refused: <see cref="HandshakeFailure.Protocol"/>.</para>
    /// <para>A server that does not offer it is a failure: <see cref="HandshakeFailure.Protocol"/>. A <c>ws+unix</c> address is an
    /// <see cref="ArgumentException"/>, since the way to a socket is <see cref="SocketsHttpHandler.ConnectCallback"/>, and so is a header that
    /// describes content or is not in ASCII.</para>
    /// </remarks>
    public HttpMessageInvoker? Http2 { get; init; }

    /// <summary>Gets what connects in the place of Sockeye: it returns a stream that leads to the end point it is given, such as a
    /// pipe, a tunnel or a socket of its own; null (the default) for Sockeye. TLS of <c>wss</c> addresses is laid over
    /// the stream. The stream belongs to the connection, which disposes it in the end. Reading from it must return what has arrived without
    /// waiting for more.</summary>
    /// <remarks><see cref="IOException"/> and <see cref="SocketException"/> become <see cref="HandshakeFailure.Connect"/>; what else it
    /// throws fails the attempt as it is.</remarks>
    public Func<WebSocketConnectContext, CancellationToken, ValueTask<Stream>>? ConnectCallback { get; init; }

    /// <summary>Gets what sees each socket before it is connected, to set its options: <see cref="Socket.Bind"/> for the address of this
    /// side, keep-alive, buffers; null (the default) for nothing. A host with several addresses gets a socket for each that is
    /// tried. The socket is not to be kept, and a <see cref="SocketException"/> counts as a failure of that address.</summary>
    /// <remarks>Messages leave at once (<see cref="Socket.NoDelay"/>) whatever is set. Probes of TCP are seldom of use beside
    /// <see cref="WebSocketConnectionOptions.IdleTimeout"/>.</remarks>
    public Action<Socket>? ConfigureSocket { get; init; }

    /// <summary>Gets how messages are compressed where the server accepts it: permessage-deflate (RFC 7692), which is offered with
    /// <see cref="PerMessageDeflateOptions.Default"/> by default; null offers nothing.</summary>
    public PerMessageDeflateOptions? PerMessageDeflate { get; init; } = PerMessageDeflateOptions.Default;

    /// <summary>Gets how the event loops of Linux serve the connection; <see cref="EventLoopOptions.Default"/> by default. Null leaves
    /// the socket to the runtime, as on every other system.</summary>
    public EventLoopOptions? EventLoop { get; init; } = EventLoopOptions.Default;

    /// <summary>Gets the version of the WebSocket protocol to ask for: 13 (the default), that of RFC 6455, or 8, that of the HyBi drafts
    /// 7–12, which old servers speak. The frames are the same.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is neither.</exception>
    public int ProtocolVersion
    {
        get;
        init
        {
            ProtocolVersions.Validate(value, nameof(ProtocolVersion));
            field = value;
        }
    } = ProtocolVersions.Rfc6455;

    /// <summary>Gets the value of <c>Origin</c>, such as <c>https://example.com</c>; null (the default) sends none. In version 8 the
    /// header is <c>Sec-WebSocket-Origin</c>.</summary>
    /// <exception cref="ArgumentException">The value cannot stand in a header.</exception>
    public string? Origin
    {
        get;
        init
        {
            if (value is not null && !HttpHeaders.IsValue(value))
                throw new ArgumentException($"'{PeerText.Escape(value)}' cannot stand in the header Origin.", nameof(Origin));
            field = value;
        }
    }

    /// <summary>Gets how long connecting may take as a whole, from the name of the host over TCP and TLS to the server's answer; 10 s by
    /// default, 1 ms to one day. The deadline is absolute: no byte moves it. The body of a refusal has one second of it at most.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public TimeSpan ConnectTimeout
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), nameof(ConnectTimeout));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromDays(1), nameof(ConnectTimeout));
            field = value;
        }
    } = TimeSpan.FromSeconds(10);

    /// <summary>Gets the options of TLS for <c>wss://</c>; null (the default) for those of the system. They are copied. Where
    /// <see cref="SslClientAuthenticationOptions.TargetHost"/> is not set it is the host of the URI, which is sent to the server
    /// (SNI) and must stand in its certificate.</summary>
    /// <remarks>Connections to the same host resume its TLS session, in the whole process: the server sends its certificate once and signs
    /// once. It is checked each time nevertheless. <see cref="SslClientAuthenticationOptions.AllowTlsResume"/> turns that off. On
    /// Linux the framework resumes none where the host is an IP address, nor with a <see cref="SslClientAuthenticationOptions.CipherSuitesPolicy"/>
    /// or a <see cref="SslClientAuthenticationOptions.LocalCertificateSelectionCallback"/>; a client certificate therefore is best given as
    /// <see cref="SslClientAuthenticationOptions.ClientCertificateContext"/>.</remarks>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>Gets the limits of the head of the response; <see cref="HandshakeLimits.Default"/> by default.</summary>
    public HandshakeLimits Limits
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Limits));
            field = value;
        }
    } = HandshakeLimits.Default;

    /// <summary>Gets the options of the connection; <see cref="WebSocketConnectionOptions.Default"/> by default.</summary>
    public WebSocketConnectionOptions Connection
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Connection));
            field = value;
        }
    } = WebSocketConnectionOptions.Default;
}
