using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Leads one accepted socket through TLS and the request to its upgrade, and waits for its end.</summary>
/// <remarks>Its work is one flow. The deadline, a stopping server and its abort come from other threads; what they need is
/// written once and read with a barrier.</remarks>
internal sealed class ServerConnection : IThreadPoolWorkItem, IConnectionOwner
{
    private readonly ServerCore _server;
    private readonly ConnectedSocket _socket;
    private ITimer? _deadline;
    private Transport? _transport;
    private UpgradeRequest? _request;
    private WebSocketConnection? _connection;
    private volatile bool _timedOut;
    private bool _isCounted;

    public ServerConnection(ServerCore server, ConnectedSocket socket)
    {
        _server = server;
        _socket = socket;
        _deadline = server.Time.CreateTimer(
            static state => ((ServerConnection)state!).OnDeadline(), this, server.Options.HandshakeTimeout, Timeout.InfiniteTimeSpan);
    }

    private ILogger Logger => _server.Logger;

    private EndPoint? RemoteEndPoint => _transport?.RemoteEndPoint;

    /// <summary>Gets the connection, once it is open.</summary>
    public WebSocketConnection? Connection => Volatile.Read(ref _connection);

    public void Execute() => _ = RunAsync();

    /// <summary>Closes in good manners: 1001 where the connection is open, 503 where the request is undecided.</summary>
    public void Stop()
    {
        if (Connection is { } connection)
            _ = connection.CloseForAsync(CloseCode.GoingAway, "Server shutting down", CloseCause.ServerShutdown);
        else if (Volatile.Read(ref _request) is { } request)
            request.Expire();
        else
            Abort();
    }

    public void Abort()
    {
        if (Connection is { } connection)
            connection.AbortFor(CloseCause.ServerShutdown);
        else if (Volatile.Read(ref _transport) is { } transport)
            transport.Abort();
        else
            _socket.Reset();
    }

    /// <summary>Counts the connection as open no more; its handler may still run.</summary>
    public void MarkClosed()
    {
        if (Interlocked.Exchange(ref _isCounted, false))
            _server.Connections.MarkClosed();
    }

    /// <summary>Ends a connection that was never run.</summary>
    public void Discard()
    {
        EndDeadline();
        _socket.Reset();
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
    private async Task RunAsync()
    {
        try
        {
            // What the handshake needed, this task included, is free for collection while the connection lives.
            if (await HandshakeAsync().ConfigureAwait(false))
                return;
        }
        catch (Exception e)
        {
            if (_timedOut)
                HandshakeLog.HandshakeTimedOut(Logger, RemoteEndPoint);
            else
                HandshakeLog.HandshakeBroke(Logger, RemoteEndPoint, e);
            Abort();
            if (_transport is not null)
                await Refusals.CloseAsync(_transport).ConfigureAwait(false);
        }

        OnEnded();
    }

    /// <summary>Forgets the connection: it and its handler have ended, or it did not come about.</summary>
    public void OnEnded()
    {
        EndDeadline();
        MarkClosed();
        _server.Connections.Remove(this);
    }

    /// <summary>Leads to an open connection.</summary>
    /// <returns>Whether there is one, which says itself when it has ended.</returns>
    private async Task<bool> HandshakeAsync()
    {
        Volatile.Write(ref _transport, await OpenTransportAsync().ConfigureAwait(false));
        if (await ReadRequestAsync().ConfigureAwait(false) is not { } request)
            return false;

        Volatile.Write(ref _request, request);
        Endpoint? endpoint = _server.Routes.Find(request.Path);
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
        if (endpoint is null)
            _ = connection.Closed.ContinueWith(static (_, owner) => ((ServerConnection)owner!).OnEnded(), this, TaskScheduler.Default);
        else
            endpoint.Run(connection, this);
        return true;
    }

    private async Task<Transport> OpenTransportAsync()
    {
        BufferPool buffers = _server.Options.Connection.Buffers;
        if (_server.Options.Tls is not { } tls)
            return _socket.CreateTransport(buffers);

        EndPoint? remote = _socket.RemoteEndPoint;
        var stream = new SslStream(_socket.CreateStream());
        try
        {
            await stream.AuthenticateAsServerAsync(tls, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            HandshakeLog.TlsFailed(Logger, remote, e);
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return new StreamTransport(stream, buffers, _socket);
    }

    /// <summary>Reads the request; null where what came is none and has been answered.</summary>
    private async Task<UpgradeRequest?> ReadRequestAsync()
    {
        using var reader = new HeadReader(_transport!, _server.Options.Limits, _server.Options.Connection.Buffers);
        HandshakeFault? fault = await reader.ReadAsync().ConfigureAwait(false);
        if (fault is null && RequestHead.TryParse(reader.Head, out RequestHead? head, out fault))
            return new UpgradeRequest(_transport!, head, reader.Beyond.ToArray(), _server.UpgradeSettings, reader.Head.ToArray());

        HandshakeRefusal refusal = HandshakeRefusal.Of(fault!);
        HandshakeLog.Refused(Logger, RemoteEndPoint, refusal.StatusCode, fault!.Message);
        await Refusals.WriteAsync(_transport!, refusal, omitBody: false).ConfigureAwait(false);
        await Refusals.FinishAsync(_transport!, _server.Time).ConfigureAwait(false);
        return null;
    }

    private HandshakeFault? CheckWelcome(UpgradeRequest request, Endpoint? endpoint)
    {
        if (endpoint is null && !_server.Queue.IsAttached)
            return HandshakeFault.Of(HandshakeRule.PathMustBeKnown, request.Path);
        OriginPolicy policy = endpoint?.Options.Origins ?? _server.Options.Origins;
        return policy.Check(request.Head, request.IsSecure ? true : null, _server.Options.TrustForwardedHeaders);
    }

    private async Task<WebSocketConnection?> AcceptMappedAsync(UpgradeRequest request, Endpoint endpoint)
    {
        try
        {
            return await request.OpenAsync(endpoint.Options, endpoint.Path).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException)
        {
            // it was refused, or the deadline was faster
            await request.Ended.ConfigureAwait(false);
        }
        catch (Exception e) when (request.IsUndecided)
        {
            // a selector threw, or selected what was not offered
            HandshakeLog.AcceptThrew(Logger, RemoteEndPoint, PeerText.Escape(request.Path), e);
            await request.RefuseAsync(new HandshakeRefusal(500)).ConfigureAwait(false);
        }

        return null;
    }

    private async Task<WebSocketConnection?> AwaitDecisionAsync(UpgradeRequest request)
    {
        if (_server.Queue.TryEnqueue(request))
            return await request.Ended.ConfigureAwait(false);

        HandshakeLog.QueueFull(Logger, RemoteEndPoint);
        HttpHeaders headers = new() { { "Retry-After", "1" } };
        await request.RefuseAsync(new HandshakeRefusal(503, headers, "The server has too many requests to decide about. Try again.\n"))
            .ConfigureAwait(false);
        return null;
    }

    /// <summary>Ends the handshake: from here on the connection keeps its own time.</summary>
    private void HandOver(WebSocketConnection connection)
    {
        EndDeadline();
        Volatile.Write(ref _connection, connection);
        Volatile.Write(ref _request, null);
        bool stays = _server.Connections.MarkOpen();
        Volatile.Write(ref _isCounted, true);
        if (!stays)
            Stop(); // its handler runs and finds that the connection is closing
    }

    private void EndDeadline() => Interlocked.Exchange(ref _deadline, null)?.Dispose();
}
