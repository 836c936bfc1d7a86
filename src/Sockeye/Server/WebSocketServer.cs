using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>A WebSocket server of its own, on sockets: <c>ws://</c>, and <c>wss://</c> where <see cref="WebSocketServerOptions.Tls"/> is set.</summary>
/// <remarks>
/// <para>Requests to upgrade go to what a predicate chooses or what is mapped at their path, all others to
/// <see cref="UpgradeRequestsAsync"/>; where nobody enumerates that, they get 404. What is no valid request gets the status that it deserves, and an answer in plain words.</para>
/// <para>All members may be called from any thread. A server is started once.</para>
/// </remarks>
public sealed class WebSocketServer : IAsyncDisposable
{
    private readonly ServerCore _core;
    private readonly TaskCompletionSource<IReadOnlyList<EndPoint>> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _stopRequested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();

    // Guarded by the lock.
    private Listener[] _listeners = [];
    private bool _isStarted;
    private bool _isStopped;

    /// <summary>Makes a server; it listens when it is started.</summary>
    /// <param name="options">Where to listen, and how.</param>
    public WebSocketServer(WebSocketServerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _core = new ServerCore(options);
    }

    /// <summary>Is raised with the end point and the failure when a listener could not accept a connection, for instance because
    /// the process has run out of file descriptors. The listener goes on after a short pause.</summary>
    public event Action<EndPoint, Exception>? ListenerFailed;

    /// <summary>Is raised when a handshake has led to no connection: what came was no request or one that was refused, by the server or by
    /// the application, TLS failed, the client went away, or the time was over. It is raised on the thread that found out, which serves
    /// others too: do not block.</summary>
    public event Action<FailedHandshake>? HandshakeFailed
    {
        add => _core.HandshakeFailed += value;
        remove => _core.HandshakeFailed -= value;
    }

    /// <summary>Gets a task that completes with the bound end points when the server listens, and fails as starting does.</summary>
    public Task<IReadOnlyList<EndPoint>> Listening => _listening.Task;

    /// <summary>Gets the bound end points, their ports known; none until the server listens.</summary>
    public IReadOnlyList<EndPoint> EndPoints => _listening.Task.IsCompletedSuccessfully ? _listening.Task.Result : [];

    /// <summary>Gets the WebSocket connections that are open, those included whose handler still runs.</summary>
    /// <remarks>From any thread, and at any time: who enumerates sees those that were there when he began, in no order, while others come and
    /// go. What is sent to one that has ended meanwhile fails as any send does. For a message to all of them,
    /// <see cref="Broadcast"/> is cheaper.</remarks>
    public IReadOnlyCollection<WebSocketConnection> Connections => _core.Connections.Opened;

    /// <summary>Runs a handler for each connection at a path. Nothing closes a connection before its handler has returned; then it is
    /// closed with 1000, and with 1011 where the handler threw.</summary>
    /// <param name="path">The path, such as <c>/chat</c>, percent-encoded as clients send it; compared exactly, case included. A path
    /// that ends with <c>/*</c> stands for everything below, and is asked last.</param>
    /// <param name="handler">The handler. Its token is cancelled when the connection is aborted.</param>
    /// <param name="options">How requests are accepted; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <exception cref="ArgumentException">The path is none, or is mapped already.</exception>
    public void Map(string path, Func<WebSocketConnection, CancellationToken, Task> handler, WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _core.Map(routes => routes.With(path, MakeEndpoint(path, handler, options)));
    }

    /// <summary>Runs callbacks for each connection at a path: no task per message.</summary>
    /// <param name="path">The path, as for
    /// <see cref="Map(string, Func{WebSocketConnection, CancellationToken, Task}, WebSocketAcceptOptions)"/>.</param>
    /// <param name="handler">The callbacks.</param>
    /// <param name="options">How requests are accepted; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    /// <exception cref="ArgumentException">The path is none, or is mapped already.</exception>
    public void Map(string path, WebSocketHandler handler, WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _core.Map(routes => routes.With(path, MakeEndpoint(path, handler, options)));
    }

    /// <summary>Runs a handler for each connection whose request a predicate chooses. Predicates are asked before paths, in the order in
    /// which they were mapped.</summary>
    /// <param name="predicate">Tells whether a request is for this handler: by its host, its headers, its query. It may be asked by many
    /// threads at a time, and about requests that will be refused; where it throws, the answer is 500.</param>
    /// <param name="handler">The handler. Its token is cancelled when the connection is aborted.</param>
    /// <param name="options">How requests are accepted; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    public void MapWhen(
        Func<UpgradeRequest, bool> predicate,
        Func<WebSocketConnection, CancellationToken, Task> handler,
        WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        ArgumentNullException.ThrowIfNull(handler);
        _core.Map(routes => routes.With(predicate, MakeEndpoint("", handler, options)));
    }

    /// <summary>Runs callbacks for each connection whose request a predicate chooses.</summary>
    /// <param name="predicate">Tells whether a request is for these callbacks, as for
    /// <see cref="MapWhen(Func{UpgradeRequest, bool}, Func{WebSocketConnection, CancellationToken, Task}, WebSocketAcceptOptions)"/>.</param>
    /// <param name="handler">The callbacks.</param>
    /// <param name="options">How requests are accepted; <see cref="WebSocketAcceptOptions.Default"/> where null.</param>
    public void MapWhen(Func<UpgradeRequest, bool> predicate, WebSocketHandler handler, WebSocketAcceptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        ArgumentNullException.ThrowIfNull(handler);
        _core.Map(routes => routes.With(predicate, MakeEndpoint("", handler, options)));
    }

    /// <summary>Answers requests that ask for no upgrade, GET and HEAD, at a path: a health check, say.</summary>
    /// <param name="path">The path, such as <c>/healthz</c>, compared exactly. Connections may be mapped at the same path.</param>
    /// <param name="answer">Makes the answer. It has until <see cref="WebSocketServerOptions.HandshakeTimeout"/>; where it throws, the
    /// answer is 500. Whatever a request carries as its body is not read.</param>
    /// <exception cref="ArgumentException">The path is none, or has an answer already.</exception>
    public void MapGet(string path, Func<RequestHead, HttpAnswer> answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        _core.Map(routes => routes.With(path, request => new ValueTask<HttpAnswer>(answer(request))));
    }

    /// <inheritdoc cref="MapGet(string, Func{RequestHead, HttpAnswer})"/>
    public void MapGet(string path, Func<RequestHead, ValueTask<HttpAnswer>> answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        _core.Map(routes => routes.With(path, answer));
    }

    /// <summary>Takes over a request that was read elsewhere, and serves it as if it had come to a port of this server: by what is mapped,
    /// within the limits, origin and all. So several servers share one port, or one serves what
    /// <see cref="WebSocketUpgrade.ReadRequestAsync(Stream, HandshakeLimits?, TimeSpan?, CancellationToken)"/> has read from anything.</summary>
    /// <param name="request">The request: of <see cref="WebSocketUpgrade"/>, or of the <see cref="UpgradeRequestsAsync"/> of another
    /// server.</param>
    /// <returns>A task that completes when the connection has been opened and its handler runs, or the request was refused. It does not
    /// fail for what the client does.</returns>
    /// <remarks>This server need not listen anywhere, and must not have been stopped: then the answer is 503.</remarks>
    /// <exception cref="InvalidOperationException">The request has been accepted or rejected before.</exception>
    public async Task HandleAsync(UpgradeRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var connection = new ServerConnection(_core, request);
        if (!_core.Connections.TryAdd(connection, request.RemoteEndPoint))
        {
            await connection.TurnAwayAsync().ConfigureAwait(false);
            return;
        }

        // What the handler does at first holds up nobody who hands requests over.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await connection.RunAsync().ConfigureAwait(false);
    }

    /// <summary>Sends a message to every open connection. Never waits: a connection at which more than
    /// <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes would wait is skipped and counted, unless no more than
    /// <see cref="WebSocketConnectionOptions.LowWaterMark"/> wait yet. It costs the others nothing.</summary>
    /// <param name="message">The message.</param>
    /// <param name="except">A connection to leave out, such as the one that the message came from; null for none.</param>
    /// <param name="path">The path of the connections to send to, as their requests have it; null for all.</param>
    /// <returns>How many have accepted the message, and how many were skipped.</returns>
    /// <remarks>Safe from any thread; every connection gets the broadcasts in the same order. The message is framed and compressed once,
    /// and sent from the same memory to all; what is broadcast in quick succession leaves each connection with one call to the
    /// operating system.</remarks>
    public BroadcastResult Broadcast(PreparedMessage message, WebSocketConnection? except = null, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        return _core.Broadcasting.Send(message, except, path);
    }

    /// <summary>Starts to listen.</summary>
    /// <param name="cancellationToken">Where it is cancelled already, nothing is started.</param>
    /// <returns>A task that has completed: the server listens when this method returns.</returns>
    /// <exception cref="IOException">An end point cannot be listened on; the message names it and the reason. Nothing listens then.</exception>
    /// <exception cref="InvalidOperationException">The server has been started before, or no end point is set.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (_isStarted || _isStopped)
                throw new InvalidOperationException("This server has been started before: make another one.");
            Start();
        }

        return Task.CompletedTask;
    }

    /// <summary>Serves until the token is cancelled or the server is stopped; starts the server first, unless it has been.</summary>
    /// <param name="cancellationToken">Stops the server, with <see cref="WebSocketServerOptions.StopTimeout"/>; that is no failure.</param>
    /// <returns>A task that completes when the server has stopped.</returns>
    /// <exception cref="IOException">An end point cannot be listened on.</exception>
    public async Task RunAsync(CancellationToken cancellationToken = default)
    {
        EnsureStarted();
        using (cancellationToken.UnsafeRegister(static stop => ((TaskCompletionSource)stop!).TrySetResult(), _stopRequested))
            await _stopRequested.Task.ConfigureAwait(false);
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Gives the requests to upgrade that no <c>Map</c> matches, for the application to accept or reject. Starts the
    /// server when the enumeration begins, unless it has been.</summary>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The requests; valid ones alone, of allowed origins. The enumeration ends when the server stops.</returns>
    /// <remarks>Decide about each request within <see cref="WebSocketServerOptions.HandshakeTimeout"/> of its connection, else it gets
    /// 503. Requests wait in a queue of <see cref="WebSocketServerOptions.RequestQueue"/>: start what takes time, and do not wait for
    /// it inside the loop. Nothing that a client does makes the loop throw.</remarks>
    /// <exception cref="InvalidOperationException">Somebody else enumerates already.</exception>
    public async IAsyncEnumerable<UpgradeRequest> UpgradeRequestsAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        _core.Queue.Attach();
        try
        {
            EnsureStarted();
            await foreach (UpgradeRequest request in _core.Queue.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                if (request.IsUndecided)
                    yield return request;
            }
        }
        finally
        {
            _core.Queue.Detach();
        }
    }

    /// <summary>Listens no more: its end points are free for others, a newer process for instance. Connections, and handshakes under way, go on
    /// until they end by themselves or <see cref="StopAsync(DrainOptions, CancellationToken)"/> closes them. It cannot be undone;
    /// idempotent, from any thread.</summary>
    public void StopListening() => CloseListeners();

    /// <summary>Stops within <see cref="WebSocketServerOptions.StopTimeout"/>.</summary>
    /// <param name="cancellationToken">Ends the patience: what is still open is aborted at once.</param>
    /// <returns>A task that completes when every connection has ended.</returns>
    public Task StopAsync(CancellationToken cancellationToken = default) => StopAsync(DrainOptions.Default, cancellationToken);

    /// <summary>Stops within a time: closes every connection with 1001 "Server shutting down", all at the same time.</summary>
    /// <param name="timeout">How long to wait; absolute, whatever the connections still do.</param>
    /// <param name="cancellationToken">Ends the patience: what is still open is aborted at once.</param>
    /// <returns>See <see cref="StopAsync(DrainOptions, CancellationToken)"/>.</returns>
    public Task StopAsync(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        StopAsync(new DrainOptions { Timeout = timeout }, cancellationToken);

    /// <summary>Stops: listens no more, refuses the requests that are under way with 503, closes every connection as the options say,
    /// waits for their ends and for their handlers, and at the deadline aborts what is left. What a connection had accepted leaves before
    /// its Close frame; one that has not yet been told goes on as before.</summary>
    /// <param name="options">The code, the span over which it is told, and the deadline.</param>
    /// <param name="cancellationToken">Ends the patience: what is still open is aborted at once.</param>
    /// <returns>A task that completes when every connection has ended. It does not fail. A handler that goes on after the deadline is
    /// not waited for; a handler must not wait for this task itself.</returns>
    public async Task StopAsync(DrainOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        CloseListeners();
        _core.Queue.Complete();
        HandshakeLog.Stopping(_core.Logger, Connections.Count);
        await new Draining(_core, options).RunAsync(cancellationToken).ConfigureAwait(false);
        _core.Broadcasting.Release();
        _stopRequested.TrySetResult();
    }

    /// <summary>Stops as <see cref="StopAsync(CancellationToken)"/> does.</summary>
    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    private static Endpoint MakeEndpoint(
        string path, Func<WebSocketConnection, CancellationToken, Task> handler, WebSocketAcceptOptions? options) =>
        new(path, (connection, owner) => connection.Run(handler, owner), options ?? WebSocketAcceptOptions.Default);

    private static Endpoint MakeEndpoint(string path, WebSocketHandler handler, WebSocketAcceptOptions? options) =>
        new(path, (connection, owner) => connection.Run(handler, owner), options ?? WebSocketAcceptOptions.Default);

    private void EnsureStarted()
    {
        lock (_lock)
        {
            if (_isStopped)
                throw new InvalidOperationException("This server has been stopped: make another one.");
            if (!_isStarted)
                Start();
        }
    }

    private void Start()
    {
        WebSocketServerOptions options = _core.Options;
        List<EndPoint> endPoints = [.. options.EndPoints];
        if (options.Port is { } port)
            endPoints.Insert(0, new IPEndPoint(options.Address, port));
        if (endPoints.Count + options.ListeningSockets.Count == 0)
        {
            throw new InvalidOperationException(
                "There is nothing to listen on: set Port, EndPoints or ListeningSockets in the options of the server.");
        }

        var listeners = new List<Listener>();
        try
        {
            EventLoopGroup? group = options.EventLoop?.Group;
            if (group is not null)
                group.Logger = _core.Logger;
            foreach (EndPoint endPoint in endPoints)
                listeners.AddRange(Listener.BindAll(endPoint, options.Backlog, group, options.EventLoop?.Accept ?? default));
            foreach (Socket socket in options.ListeningSockets)
                listeners.Add(Listener.Adopt(socket, options.Backlog, group));
        }
        catch (Exception e)
        {
            foreach (Listener listener in listeners)
                listener.Dispose();
            _listening.TrySetException(e);
            _ = _listening.Task.Exception; // whoever does not ask for it shall not find it unobserved
            throw;
        }

        _isStarted = true;
        _listeners = [.. listeners];
        EndPoint[] bound = [.. listeners.Select(listener => listener.EndPoint).Distinct()];
        _listening.TrySetResult(bound);
        foreach (EndPoint endPoint in bound)
            HandshakeLog.Listening(_core.Logger, endPoint);
        foreach (Listener listener in listeners)
        {
            // Neither the loop nor what it starts shall run in the context of whoever happened to start the server.
            ThreadPool.UnsafeQueueUserWorkItem(
                static start => _ = start.listener.RunAsync(start.server.OnAccepted, start.server.OnListenerFailed, start.server._core.Time),
                (server: this, listener),
                preferLocal: false);
        }
    }

    private void OnAccepted(ConnectedSocket socket)
    {
        var connection = new ServerConnection(_core, socket);
        if (!_core.Connections.TryAdd(connection, socket.RemoteEndPoint))
            connection.Discard();
        else if (socket is EventLoopSocket)
            connection.Execute(); // on the loop that accepted it: there is nothing to wait for, and no handler runs yet
        else
            ThreadPool.UnsafeQueueUserWorkItem(connection, preferLocal: false);
    }

    private void OnListenerFailed(Listener listener, Exception exception)
    {
        HandshakeLog.AcceptFailed(_core.Logger, listener.EndPoint, exception);
        try
        {
            ListenerFailed?.Invoke(listener.EndPoint, exception);
        }
        catch (Exception e)
        {
            HandshakeLog.ListenerFailedThrew(_core.Logger, e);
        }
    }

    private void CloseListeners()
    {
        lock (_lock)
        {
            _isStopped = true;
            foreach (Listener listener in _listeners)
                listener.Dispose();
            _listeners = [];
        }

        _listening.TrySetException(new InvalidOperationException("The server was stopped before it was started."));
        _ = _listening.Task.Exception;
    }
}
