using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Leads one accepted socket through TLS and the request to its upgrade. Nothing of it stays when the connection is open.</summary>
/// <remarks>Its work is one flow. The deadline, a stopping server and its abort come from other threads; what they need is
/// written once and read with a barrier.</remarks>
internal sealed class ServerConnection : IThreadPoolWorkItem
{
    private readonly ServerCore _server;
    private readonly ConnectedSocket? _socket;
    private readonly HandshakeTelemetry _telemetry;
    private ITimer? _deadline;
    private Transport? _transport;
    private UpgradeRequest? _request;
    private WebSocketConnection? _connection;
    private EndPoint? _peer;
    private volatile bool _timedOut;

    /// <summary>Takes a request that was read elsewhere.</summary>
    /// <exception cref="InvalidOperationException">It has been decided before.</exception>
    public ServerConnection(ServerCore server, UpgradeRequest request)
    {
        _server = server;
        request.MoveTo(this, server.UpgradeSettings);
        _transport = request.Transport;
        _telemetry = request.Handshake;
        _request = request;
        _deadline = StartDeadline();
    }

    public ServerConnection(ServerCore server, ConnectedSocket socket)
    {
        _server = server;
        _socket = socket;
        _telemetry = new HandshakeTelemetry(Role.Server, server.Time);
        _deadline = StartDeadline();
    }

    private ILogger Logger => _server.Logger;

    private EndPoint? RemoteEndPoint => Volatile.Read(ref _request)?.RemoteEndPoint ?? _transport?.RemoteEndPoint;

    /// <summary>Gets the connection, once it is open.</summary>
    public WebSocketConnection? Connection => Volatile.Read(ref _connection);

    /// <summary>Gets or sets the limit that this connection exceeds, by the name of its option; null where it is welcome.</summary>
    public string? Limit { get; set; }

    /// <summary>Gets or sets whether it was taken only to be told so. Guarded by the lock of <see cref="ServerConnections"/>.</summary>
    public bool IsUnwelcome { get; set; }

    /// <summary>Gets or sets the address that it is counted for; null for none. Guarded by the lock of
    /// <see cref="ServerConnections"/>.</summary>
    public IPAddress? Counted { get; set; }

    public void Execute() => _ = RunAsync();

    /// <summary>Closes in good manners: with a code where the connection is open, with 503 where the request is undecided.</summary>
    public void Stop(DrainOptions options)
    {
        if (Connection is { } connection)
            Stop(connection, options);
        else if (Volatile.Read(ref _request) is { } request)
            request.Expire();
        else
            Abort();
    }

    /// <summary>Closes an open connection in good manners.</summary>
    public static void Stop(WebSocketConnection connection, DrainOptions options) =>
        connection.Close.Begin(options.Code, options.Reason, CloseCause.ServerShutdown);

    /// <summary>Ends an open connection at once.</summary>
    public static void Abort(WebSocketConnection connection) => connection.AbortFor(CloseCause.ServerShutdown);

    public void Abort()
    {
        if (Connection is { } connection)
            Abort(connection);
        else if (Volatile.Read(ref _transport) is { } transport)
            transport.Abort();
        else
            _socket!.Reset();
    }

    /// <summary>Ends a connection that was never run.</summary>
    public void Discard()
    {
        EndDeadline();
        _socket!.Reset();
    }

    /// <summary>Refuses a request that was handed over, and was never run.</summary>
    public async Task TurnAwayAsync()
    {
        EndDeadline();
        await _request!.RefuseAsync(Refusals.Unavailable("The server takes no more connections. Try again later.\n")).ConfigureAwait(false);
    }

    private void OnDeadline()
    {
        // The connection is known before the request is forgotten: without a request, it must be looked for again.
        if (Volatile.Read(ref _request) is { } request)
        {
            if (request.IsUndecided)
                HandshakeLog.RequestUndecided(Logger, RemoteEndPoint);
            request.OnDeadline();
        }
        else if (Connection is null)
        {
            _timedOut = true;
            Abort();
        }
    }

    /// <summary>Runs the flow. Nothing that a peer does comes out of here.</summary>
    public async Task RunAsync()
    {
        try
        {
            // What the handshake needed, this object and this task included, is free for collection while the connection lives.
            if (await HandshakeAsync().ConfigureAwait(false))
                return;
        }
        catch (Exception e)
        {
            OnBroken(e);
            Abort();
            if (_transport is not null)
                await Refusals.CloseAsync(_transport).ConfigureAwait(false);
        }

        EndDeadline();
        _server.Connections.Remove(this);
        if (_connection is not null)
            _server.Connections.OnEnded(_connection);
    }

    /// <summary>Tells of a handshake that nobody was answered about.</summary>
    private void OnBroken(Exception exception)
    {
        if (_timedOut)
        {
            _telemetry.Fail("timeout");
            HandshakeLog.HandshakeTimedOut(Logger, RemoteEndPoint);
        }
        else
        {
            _telemetry.Fail(exception);
            HandshakeLog.HandshakeBroke(Logger, RemoteEndPoint, exception);
        }

        _server.OnHandshakeFailed(new FailedHandshake
        {
            RemoteEndPoint = RemoteEndPoint ?? _peer,
            Request = _request?.Head,
            Reason = _timedOut ? "it took longer than HandshakeTimeout" : _transport is null ? "TLS failed" : "the connection ended before it was over",
            Exception = exception,
        });
    }

    /// <summary>Leads to an open connection.</summary>
    /// <returns>Whether there is one, which says itself when it has ended.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> HandshakeAsync()
    {
        if (_request is null)
        {
            Volatile.Write(ref _transport, await OpenTransportAsync().ConfigureAwait(false));
            if (await ReadRequestAsync().ConfigureAwait(false) is not { } read)
                return false;

            read.MoveTo(this, _server.UpgradeSettings);
            Volatile.Write(ref _request, read);
        }

        UpgradeRequest request = _request;
        if (Limit is null && request.ForwardedFor is { } client)
            _server.Connections.CountClient(this, client);
        if (Limit is not null)
        {
            _server.WarnOfLimit(Limit);
            await request.RefuseAsync(Refusals.Unavailable("The server has too many connections. Try again later.\n")).ConfigureAwait(false);
            return false;
        }

        if (_server.Routes.FindPage(request) is { } page)
        {
            await AnswerAsync(request, page).ConfigureAwait(false);
            return false;
        }

        Endpoint? endpoint;
        try
        {
            endpoint = _server.Routes.Find(request);
        }
        catch (Exception e)
        {
            await FailAsync(request, e).ConfigureAwait(false);
            return false;
        }

        if ((request.Fault ?? CheckWelcome(request, endpoint)) is { } fault)
        {
            await request.RefuseAsync(HandshakeRefusal.Of(fault, endpoint?.Options.ProtocolVersions)).ConfigureAwait(false);
            return false;
        }

        WebSocketConnection? connection = endpoint is not null
            ? await AcceptMappedAsync(request, endpoint).ConfigureAwait(false)
            : await AwaitDecisionAsync(request).ConfigureAwait(false);
        if (connection is null)
            return false;

        HandOver(connection);
        request.Tell(connection);
        if (endpoint is null)
            connection.WhenEnded(new EndNotice(connection, _server.Connections));
        else
            endpoint.Run(connection, _server.Connections);
        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Transport> OpenTransportAsync()
    {
        BufferPool buffers = _server.Options.Connection.Buffers;
        if (_server.Options.Tls is not { } tls)
            return _socket!.CreateTransport(buffers);

        _peer = _socket!.RemoteEndPoint; // gone with the socket, where TLS fails
        var stream = new SslStream(_socket.CreateStream());
        try
        {
            await stream.AuthenticateAsServerAsync(tls, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            HandshakeLog.TlsFailed(Logger, _peer, e);
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return new StreamTransport(stream, buffers, _socket);
    }

    /// <summary>Reads the request; null where what came is none and has been answered.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<UpgradeRequest?> ReadRequestAsync()
    {
        using var reader = new HeadReader(_transport!, _server.Options.Limits, _server.Options.Connection.Buffers);
        HandshakeFault? fault = await reader.ReadAsync().ConfigureAwait(false);
        if (fault is null && RequestHead.TryParse(reader.Head, out RequestHead? head, out fault))
            return new UpgradeRequest(_transport!, head, reader.Beyond.ToArray(), _server.UpgradeSettings, PackedHead.Pack(reader.Head), telemetry: _telemetry);

        HandshakeRefusal refusal = HandshakeRefusal.Of(fault!);
        _telemetry.Refuse(refusal.StatusCode);
        HandshakeLog.Refused(Logger, RemoteEndPoint, refusal.StatusCode, fault!.Message);
        _server.OnHandshakeFailed(new FailedHandshake
        {
            RemoteEndPoint = RemoteEndPoint,
            StatusCode = refusal.StatusCode,
            Fault = fault,
            Reason = fault.Message,
        });
        await Refusals.WriteAsync(_transport!, refusal, omitBody: false).ConfigureAwait(false);
        await Refusals.FinishAsync(_transport!, _server.Time).ConfigureAwait(false);
        return null;
    }

    private HandshakeFault? CheckWelcome(UpgradeRequest request, Endpoint? endpoint)
    {
        if (endpoint is null && !_server.Queue.IsAttached)
            return HandshakeFault.Of(HandshakeRule.PathMustBeKnown, request.Path);
        OriginPolicy policy = endpoint?.Options.Origins ?? _server.Options.Origins;
        return policy.Check(request.Head, request.IsSecure ? true : null, _server.Options.Proxies.Trusts(request.RemoteEndPoint));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<WebSocketConnection?> AcceptMappedAsync(UpgradeRequest request, Endpoint endpoint)
    {
        try
        {
            return await request.OpenAsync(endpoint.Options, endpoint.Path).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException)
        {
            // it was refused, or the deadline was faster
            await request.WhenDecidedAsync(this).ConfigureAwait(false);
        }
        catch (Exception e) when (request.IsUndecided)
        {
            // a selector threw, or selected what was not offered
            await FailAsync(request, e).ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>Answers a request that asks for no upgrade.</summary>
    private async Task AnswerAsync(UpgradeRequest request, Func<RequestHead, ValueTask<HttpAnswer>> page)
    {
        try
        {
            await request.AnswerAsync(await page(request.Head).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException)
        {
            // the deadline was faster
            await request.WhenDecidedAsync(this).ConfigureAwait(false);
        }
        catch (Exception e) when (request.IsUndecided)
        {
            await FailAsync(request, e).ConfigureAwait(false);
        }
    }

    /// <summary>Refuses a request about which code of the application has failed.</summary>
    private async Task FailAsync(UpgradeRequest request, Exception exception)
    {
        HandshakeLog.AcceptThrew(Logger, RemoteEndPoint, PeerText.Escape(request.Path), exception);
        await request.RefuseAsync(new HandshakeRefusal(500)).ConfigureAwait(false);
    }

    private async Task<WebSocketConnection?> AwaitDecisionAsync(UpgradeRequest request)
    {
        if (_server.Queue.TryEnqueue(request))
            return await request.WhenDecidedAsync(this).ConfigureAwait(false);

        HandshakeLog.QueueFull(Logger, RemoteEndPoint);
        await request.RefuseAsync(Refusals.Unavailable("The server has too many requests to decide about. Try again.\n")).ConfigureAwait(false);
        return null;
    }

    /// <summary>Ends the handshake: from here on the connection keeps its own time.</summary>
    private void HandOver(WebSocketConnection connection)
    {
        EndDeadline();
        Volatile.Write(ref _connection, connection);
        Volatile.Write(ref _request, null);
        ConnectionTrace.Enter(connection); // its handler runs in this flow
        if (_server.Connections.Open(this, connection) is { } draining)
            Stop(connection, draining); // its handler runs and finds that the connection is closing
    }

    private ITimer StartDeadline() => _server.Time.CreateTimer(
        static state => ((ServerConnection)state!).OnDeadline(), this, _server.Options.HandshakeTimeout, Timeout.InfiniteTimeSpan);

    private void EndDeadline() => Interlocked.Exchange(ref _deadline, null)?.Dispose();

    /// <summary>Tells of the end of a connection that the application runs itself.</summary>
    private sealed class EndNotice(WebSocketConnection connection, IConnectionOwner owner) : IThreadPoolWorkItem
    {
        void IThreadPoolWorkItem.Execute() => owner.OnEnded(connection);
    }
}
