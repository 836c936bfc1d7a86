using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Sockeye.Compression;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Holds a client's request to upgrade, which the application accepts or rejects; nothing has been sent yet.</summary>
/// <remarks>Any thread may decide; the first decision stands. Where deciding throws, because an argument or a selector is wrong or a
/// token was cancelled, the request is decided as well: its connection has been aborted.</remarks>
public sealed partial class UpgradeRequest
{
    private const int Undecided = 0;
    private const int Accepting = 1;
    private const int Accepted = 2;
    private const int Rejected = 3;
    private const int Expired = 4;
    private const int Elsewhere = 5;

    private static readonly object Refused = new();

    private readonly Transport _transport;
    private readonly UpgradeOffer? _offer;
    private readonly ReadOnlyMemory<byte> _received;
    private readonly byte[]? _packed;
    private readonly HandshakeTelemetry _telemetry;

    private UpgradeSettings _settings;
    private object? _holder;

    // The connection once the request is accepted, or Refused once it is refused and all is over; before, who waits for that, if anybody.
    private object? _end;
    private HttpHeaders? _responseHeaders;
    private EndPoint? _remoteEndPoint;
    private int _state;

    /// <summary>Takes a request that has been read.</summary>
    /// <param name="transport">Where it came from.</param>
    /// <param name="head">The head of the request.</param>
    /// <param name="received">What came behind it.</param>
    /// <param name="settings">What it inherits.</param>
    /// <param name="packed">The head as <see cref="PackedHead"/> keeps it; null where the connection keeps the object.</param>
    /// <param name="isExtendedConnect">Whether it came by HTTP/2 or later.</param>
    /// <param name="telemetry">What times the handshake; null where it begins here.</param>
    internal UpgradeRequest(
        Transport transport,
        RequestHead head,
        ReadOnlyMemory<byte> received,
        UpgradeSettings settings,
        byte[]? packed = null,
        bool isExtendedConnect = false,
        HandshakeTelemetry? telemetry = null)
    {
        _packed = packed;
        _telemetry = telemetry ?? new HandshakeTelemetry(Role.Server, settings.Time);
        _telemetry.Receive(head, transport);
        _transport = transport;
        _settings = settings;
        _received = received;
        Head = head;
        ServerHandshake.TryEvaluate(head, isExtendedConnect, out _offer, out HandshakeFault? fault);
        Fault = fault;
    }

    /// <summary>Gets the head of the request.</summary>
    public RequestHead Head { get; }

    /// <summary>Gets why the request cannot be accepted; null where it can. Only requests that
    /// <see cref="WebSocketUpgrade"/> read have a fault here: accepting one refuses it with the status that belongs to the fault.</summary>
    public HandshakeFault? Fault { get; }

    /// <summary>Gets the method; <c>GET</c> where the request can be accepted, <c>CONNECT</c> where it came by HTTP/2.</summary>
    public string Method => Head.Method;

    /// <summary>Gets the target as it was sent, such as <c>/chat?room=1</c>.</summary>
    public string Target => Head.Target;

    /// <summary>Gets the path as it was sent, percent-encoding included, such as <c>/chat</c>.</summary>
    public string Path => Head.Path;

    /// <summary>Gets the query as it was sent, without its question mark; empty where there is none.</summary>
    public string Query => Head.Query;

    /// <summary>Gets the headers.</summary>
    public HttpHeaders Headers => Head.Headers;

    /// <summary>Gets the headers to add to the response where the request is accepted, besides
    /// <see cref="WebSocketAcceptOptions.Headers"/>; empty until something is added, a cookie for instance. One thread at a time.</summary>
    public HttpHeaders ResponseHeaders => _responseHeaders ??= [];

    /// <summary>Gets the subprotocols that the client offers, the one it prefers first.</summary>
    public IReadOnlyList<string> Subprotocols => _offer?.Subprotocols ?? [];

    /// <summary>Gets the version of the WebSocket protocol that the client asks for: 13 or 8; null where the request has a
    /// <see cref="Fault"/>.</summary>
    public int? ProtocolVersion => _offer?.Version;

    /// <summary>Gets the origin of the page that makes the request, from <c>Origin</c> or, in version 8, from
    /// <c>Sec-WebSocket-Origin</c>; null where the client is no browser.</summary>
    public string? Origin =>
        Headers[HandshakeHeaders.Origin] ?? (ProtocolVersion == ProtocolVersions.OldDrafts ? Headers[HandshakeHeaders.OldOrigin] : null);

    /// <summary>Gets the address of this side; null where the transport has none.</summary>
    public EndPoint? LocalEndPoint => _transport.LocalEndPoint;

    /// <summary>Gets or sets the address of the client, or of the proxy between: that of the transport, which knows it of a socket, and
    /// null where it has none. Set it where you know better, before the request is decided or handed to a server: of an
    /// <see cref="System.Net.Security.SslStream"/> or of pipes, whose socket is yours, or as a load balancer told it. The connection
    /// has it too, and <see cref="ClientAddress"/>, <see cref="WebSocketServerOptions.TrustedProxies"/> and
    /// <see cref="WebSocketServerOptions.MaxConnectionsPerAddress"/> go by it.</summary>
    /// <exception cref="InvalidOperationException">It is set, and the request has been accepted or rejected before, or a server has it,
    /// which counts it for its address.</exception>
    public EndPoint? RemoteEndPoint
    {
        get => _remoteEndPoint ?? _transport.RemoteEndPoint;
        set
        {
            if (!IsUndecided)
                throw Decided();
            if (Volatile.Read(ref _holder) is not null)
            {
                throw new InvalidOperationException(
                    "A server has this request, and counts it for its address: set RemoteEndPoint before HandleAsync.");
            }

            _remoteEndPoint = value;
            _telemetry.ComesFrom(RemoteEndPoint);
        }
    }

    /// <summary>Gets the address of the client: that of <see cref="RemoteEndPoint"/>, or, where one of
    /// <see cref="WebSocketServerOptions.TrustedProxies"/> passed the request on, the last one in <c>X-Forwarded-For</c> that is none of
    /// them; null where the transport has none.</summary>
    public IPAddress? ClientAddress => ForwardedFor ?? TrustedProxies.Plain((RemoteEndPoint as IPEndPoint)?.Address);

    /// <summary>Gets the address of the client for whom a trusted proxy speaks.</summary>
    internal IPAddress? ForwardedFor => _settings.Proxies.IsEmpty ? null : _settings.Proxies.FindClient(RemoteEndPoint, Headers);

    /// <summary>Gets the certificate of the client; null where it presented none, as it does unless
    /// <see cref="System.Net.Security.SslServerAuthenticationOptions.ClientCertificateRequired"/> is set, or where TLS ends elsewhere. It
    /// has been verified as <see cref="WebSocketServerOptions.Tls"/> demands; in ASP.NET Core it is that of the host's request.</summary>
    public X509Certificate? ClientCertificate => _transport.PeerCertificate;

    /// <summary>Gets whether the request came by TLS that this process terminates.</summary>
    public bool IsSecure => _transport.IsSecure;

    /// <summary>Gets what it came by.</summary>
    internal Transport Transport => _transport;

    /// <summary>Gets what times and traces the handshake.</summary>
    internal HandshakeTelemetry Handshake => _telemetry;

    /// <summary>Gets whether the application can still decide.</summary>
    internal bool IsUndecided => Volatile.Read(ref _state) == Undecided;

    /// <summary>Gets or sets what <see cref="WebSocketConnection.UserData"/> is to be: how <see cref="WebSocketAcceptOptions.Authorize"/>
    /// tells the handler whom it has found. Nothing of it is sent.</summary>
    public object? UserData { get; set; }

    /// <summary>Gets a parameter of the query, percent-decoded; null where the query does not hold it.</summary>
    /// <param name="name">The name, decoded; its case matters.</param>
    public string? GetQueryValue(string name) => Head.GetQueryValue(name);

    /// <summary>Gets a cookie of the client's, as it was sent; null where there is none.</summary>
    /// <param name="name">The name; its case matters.</param>
    public string? GetCookie(string name) => Head.GetCookie(name);

    /// <summary>Accepts the request: sends 101 Switching Protocols and opens the connection, which receives from now on.</summary>
    /// <param name="options">How to accept it; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <param name="cancellationToken">Ends the sending of the response, and with it the connection.</param>
    /// <returns>The connection. Where the client has gone meanwhile, or was answered with 503 because the request was not decided in
    /// time, it is one that has ended, as its <see cref="WebSocketConnection.Closed"/> tells: a loop over requests survives that.</returns>
    /// <exception cref="InvalidOperationException">The request has been accepted or rejected before.</exception>
    /// <exception cref="WebSocketHandshakeException">The request has a <see cref="Fault"/>, or a version or an origin that
    /// <see cref="WebSocketAcceptOptions.ProtocolVersions"/> and <see cref="WebSocketAcceptOptions.AllowedOrigins"/> do not allow, or
    /// <see cref="WebSocketAcceptOptions.Authorize"/> or <see cref="WebSocketAcceptOptions.RequireSubprotocol"/> says no, and has been
    /// refused. That befalls the requests of <see cref="WebSocketServer.UpgradeRequestsAsync"/> only where these options say so.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<WebSocketConnection> AcceptAsync(
        WebSocketAcceptOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= WebSocketAcceptOptions.Default;
        WebSocketConnection connection;
        try
        {
            connection = await OpenAsync(options, mappedPath: null, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException e) when (e.Cause == HandshakeFailure.Timeout)
        {
            return MakeEnded(options);
        }
        catch (Exception)
        {
            await BreakOffAsync().ConfigureAwait(false);
            throw;
        }

        connection.Start();
        End(connection);
        return connection;
    }

    /// <summary>Rejects the request and closes the connection.</summary>
    /// <param name="statusCode">The status, 200–599, such as 401 or 403.</param>
    /// <param name="headers">Headers to add; null for none. <c>Content-Type</c> is plain text unless it is among them.</param>
    /// <param name="body">The body; the words of the status where null.</param>
    /// <returns>A task that completes when the answer has been written. It does nothing where the request was answered with 503
    /// because it was not decided in time, and does not fail where the client has gone.</returns>
    /// <exception cref="ArgumentException">The status or a header cannot stand in the answer.</exception>
    /// <exception cref="InvalidOperationException">The request has been accepted or rejected before.</exception>
    public async Task RejectAsync(int statusCode, HttpHeaders? headers = null, string? body = null)
    {
        HandshakeRefusal refusal;
        try
        {
            refusal = new HandshakeRefusal(statusCode, headers, body);
        }
        catch (ArgumentException)
        {
            await BreakOffAsync().ConfigureAwait(false);
            throw;
        }

        int state = Interlocked.CompareExchange(ref _state, Rejected, Undecided);
        if (state == Undecided)
            await SendAsync(refusal, "the application rejected it").ConfigureAwait(false);
        else if (state != Expired)
            throw Decided();
    }

    /// <summary>Hands the request to a server: whoever had it before forgets it once it is decided.</summary>
    /// <param name="holder">Who leads it to its end from here on.</param>
    /// <param name="settings">What it inherits from there.</param>
    /// <exception cref="InvalidOperationException">The request has been accepted or rejected before.</exception>
    internal void MoveTo(object holder, UpgradeSettings settings)
    {
        if (!IsUndecided)
            throw Decided();
        _settings = settings;
        Volatile.Write(ref _holder, holder);
    }

    /// <summary>Waits until the request has been decided and, where it was refused, all is over.</summary>
    /// <returns>The connection; null where there is none, or another holder has it.</returns>
    internal async Task<WebSocketConnection?> WhenDecidedAsync(object holder)
    {
        WebSocketConnection? connection = await WhenEndedAsync().ConfigureAwait(false);
        return Volatile.Read(ref _holder) == holder ? connection : null;
    }

    /// <summary>Tells those who had the request before that it is decided.</summary>
    internal void Tell(WebSocketConnection connection) => End(connection);

    /// <summary>Answers without an upgrade, and closes the connection.</summary>
    internal async Task AnswerAsync(HttpAnswer answer)
    {
        var response = new HandshakeRefusal(answer.StatusCode, answer.Headers, answer.Body);
        Decide(Rejected);
        await Refusals.WriteAsync(_transport, response, omitBody: Method == "HEAD").ConfigureAwait(false);
        await FinishAsync().ConfigureAwait(false);
    }

    /// <summary>Accepts the request without starting the connection.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<WebSocketConnection> OpenAsync(
        WebSocketAcceptOptions options, string? mappedPath = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (FindFault(options) is { } fault)
            throw await RefuseToAcceptAsync(HandshakeRefusal.Of(fault, options.ProtocolVersions)).ConfigureAwait(false);
        if (await AuthorizeAsync(options).ConfigureAwait(false) is { } refusal)
            throw await RefuseToAcceptAsync(refusal).ConfigureAwait(false);
        ResponseHead response = Agree(options, out string? subprotocol, out DeflateAgreement? deflate);
        if (FindFault(options, subprotocol) is { } missing)
            throw await RefuseToAcceptAsync(HandshakeRefusal.Of(missing)).ConfigureAwait(false);

        Decide(Accepting);
        try
        {
            await SendAsync(response, cancellationToken).ConfigureAwait(false);

            WebSocketConnectionOptions settings = options.Connection ?? _settings.Connection;
            HandshakeLog.Opened(_settings.Logger, RemoteEndPoint, PeerText.Escape(Path), subprotocol);
            var connection = new WebSocketConnection(
                _transport,
                Role.Server,
                settings,
                MakeDetails(subprotocol, deflate, mappedPath),
                _received.Span)
            {
                UserData = UserData,
            };
            _telemetry.Accept(connection);
            return connection;
        }
        catch (Exception e)
        {
            _telemetry.Fail(e);
            await CloseAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task<WebSocketHandshakeException> RefuseToAcceptAsync(HandshakeRefusal refusal)
    {
        Decide(Rejected);
        await SendAsync(refusal, refusal.Fault?.Message ?? "it was not authorized").ConfigureAwait(false);
        return refusal.Fault is { } fault
            ? new WebSocketHandshakeException(HandshakeFailure.Refused, fault)
            : new WebSocketHandshakeException(HandshakeFailure.Refused, "Authorize refused the request to upgrade.");
    }

    private ConnectionDetails MakeDetails(string? subprotocol, DeflateAgreement? deflate, string? mappedPath)
    {
        // The same string for all where it is the one that was mapped.
        string path = Path == mappedPath ? mappedPath : Path;
        return new ConnectionDetails
        {
            Subprotocol = subprotocol,
            Deflate = deflate,
            Path = path,
            RemoteEndPoint = _remoteEndPoint,
            ForwardedFor = ForwardedFor,
            AnyRequest = (object?)_packed ?? Head,
        };
    }

    /// <summary>Leaves the answer to the server of HTTP that the request came to: whoever decides here is told so.</summary>
    internal void DecideElsewhere() => Volatile.Write(ref _state, Elsewhere);

    /// <summary>Makes a connection that has ended, with nothing below it.</summary>
    private WebSocketConnection MakeEnded(WebSocketAcceptOptions options)
    {
        WebSocketConnectionOptions settings = options.Connection ?? _settings.Connection;
        (InMemoryTransport nowhere, _) = InMemoryTransport.CreatePair(settings.Buffers, settings.Buffers);
        var connection = new WebSocketConnection(nowhere, Role.Server, settings, new ConnectionDetails { Request = Head }, []);
        connection.Abort();
        return connection;
    }

    private async Task SendAsync(ResponseHead response, CancellationToken cancellationToken)
    {
        try
        {
            using (cancellationToken.UnsafeRegister(static transport => ((Transport)transport!).Abort(), _transport))
                await _transport.SendAsync(response.ToBytes(), default).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The client has gone: the connection finds that out for itself and tells it in Closed.
        }

        Interlocked.CompareExchange(ref _state, Accepted, Accepting);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private void Decide(int decision)
    {
        int state = Interlocked.CompareExchange(ref _state, decision, Undecided);
        if (state == Expired)
        {
            throw new WebSocketHandshakeException(
                HandshakeFailure.Timeout,
                "The request was answered with 503 because it was not decided within HandshakeTimeout: decide sooner, or allow more time.");
        }

        if (state != Undecided)
            throw Decided();
    }

    private InvalidOperationException Decided() => new(Volatile.Read(ref _state) == Elsewhere
        ? "This request is decided through its HttpContext: accept it by UpgradeWebSocketAsync, or answer it by the response."
        : "This request has been accepted or rejected before: decide about each request once.");
}

/// <summary>Holds what a request to upgrade inherits from the server that received it.</summary>
internal sealed record UpgradeSettings(WebSocketConnectionOptions Connection, ILogger Logger)
{
    /// <summary>Gets whether the origin has been checked before the application sees the request.</summary>
    public bool IsOriginChecked { get; init; }

    /// <summary>Gets which origins are allowed where that has not been checked and the options do not tell.</summary>
    public OriginPolicy Origins { get; init; } = OriginPolicy.SameOrigin;

    /// <summary>Gets the proxies whose forwarded headers are believed.</summary>
    public TrustedProxies Proxies { get; init; } = TrustedProxies.None;

    /// <summary>Gets who is told of a refusal; it does not throw. Null for nobody.</summary>
    public Action<FailedHandshake>? Failed { get; init; }

    public TimeProvider Time => Connection.TimeProvider;
}
