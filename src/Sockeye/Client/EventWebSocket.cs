using System.Buffers;
using System.Text;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>A connection in the shape that browsers have, for code that comes from a page, from Deno or from ws.</summary>
/// <remarks>
/// <para>It begins to connect in its constructor, or takes a connection that is open, such as a server's. Handlers run one at a time, in order, on the
/// <see cref="SynchronizationContext"/> of who constructed it, or else on a thread of the pool. An exception in one is logged
/// and ends nothing; without a context that holds for what an <c>async void</c> handler throws after an <c>await</c> as well.</para>
/// <para>The callbacks of <see cref="WebSocketClientOptions"/> are no handlers. The first
/// <see cref="WebSocketClientOptions.RequestCallback"/> begins within the constructor, on its thread, and so does what comes next until there
/// is something to wait for; from then on they run on threads of the pool.</para>
/// <para>Nothing is lost before a handler is there. Messages wait for the first handler of <see cref="Message"/>, and beyond
/// <see cref="WebSocketConnectionOptions.ReadAhead"/> the server waits too. All other events but pings and pongs
/// (<see cref="Redirect"/>, <see cref="Upgrade"/>, <see cref="UnexpectedResponse"/>, <see cref="Opened"/>, <see cref="Error"/>, <see cref="Closed"/>) are remembered, and told to
/// who subscribes later. Only once the connection has ended, and a handler of <see cref="Error"/> or <see cref="Closed"/> but none of
/// <see cref="Message"/> is there, messages that wait are dropped: subscribe to <see cref="Message"/> first.</para>
/// <para>An error that nobody observes does nothing. All members may be used from any thread.</para>
/// </remarks>
public sealed partial class EventWebSocket : IAsyncDisposable
{
    private readonly WebSocketClientOptions _options = WebSocketClientOptions.Default;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _dialing = new();
    private WebSocketConnection? _connection;
    private long _unsendable;

    // Guarded by the lock.
    private readonly Lock _sync = new();
    private EventWebSocketState _state;
    private bool _isPaused;
    private Exception? _error;

    /// <summary>Begins to connect.</summary>
    /// <param name="url">The address: see <see cref="WebSocketClient.ConnectAsync(string, WebSocketClientOptions, CancellationToken)"/>.</param>
    /// <param name="options">How to connect; <see cref="WebSocketClientOptions.Default"/> where null.</param>
    /// <exception cref="ArgumentException">The address cannot be used.</exception>
    public EventWebSocket(string url, WebSocketClientOptions? options = null)
        : this(Parse(url), options)
    {
    }

    /// <summary>Begins to connect.</summary>
    /// <param name="url">The address.</param>
    /// <param name="protocols">The subprotocols to offer, the one preferred first.</param>
    /// <exception cref="ArgumentException">The address cannot be used; a subprotocol is no token or is there twice.</exception>
    public EventWebSocket(string url, IReadOnlyList<string> protocols)
        : this(url, new WebSocketClientOptions { Subprotocols = protocols })
    {
    }

    /// <inheritdoc cref="EventWebSocket(string, WebSocketClientOptions)"/>
    public EventWebSocket(Uri url, WebSocketClientOptions? options = null)
        : this(WebSocketUri.Parse(url).ToUri(), (options ?? WebSocketClientOptions.Default).Connection.Logger)
    {
        _options = options ?? WebSocketClientOptions.Default;
        if (_options.Connection.ReceiveInPieces)
            throw new ArgumentException("An EventWebSocket raises whole messages: leave ReceiveInPieces off.", nameof(options));
        _ = RunAsync(DialAsync(url));
    }

    /// <summary>Takes a connection that is open: of a server, what it has accepted, as <c>Deno.upgradeWebSocket</c> and ws give it.</summary>
    /// <param name="connection">The connection. This is its one reader from now on.</param>
    /// <remarks>It is <see cref="EventWebSocketState.Open"/> at once, and <see cref="Opened"/> is raised as if it had just opened;
    /// <see cref="Redirect"/>, <see cref="Upgrade"/> and <see cref="UnexpectedResponse"/> never are. A server may close with any code that
    /// may be sent. A handler of a server closes its connection when it returns: let it await
    /// <see cref="WebSocketConnection.Closed"/>.</remarks>
    /// <exception cref="InvalidOperationException">The messages of the connection go to a <see cref="WebSocketHandler"/>, or it receives in
    /// pieces (<see cref="WebSocketConnectionOptions.ReceiveInPieces"/>).</exception>
    public EventWebSocket(WebSocketConnection connection)
        : this(UrlOf(connection), connection.Terms.Logger)
    {
        if (connection.Terms.Options.ReceiveInPieces)
            throw new InvalidOperationException("An EventWebSocket raises whole messages: leave ReceiveInPieces off.");
        connection.Receive.ThrowIfCalled();
        _connection = connection;
        _state = EventWebSocketState.Open;
        _ = RunAsync(TakeAsync(connection));
    }

    private EventWebSocket(Uri url, ILogger logger)
    {
        Url = url;
        _logger = logger;
        _handlers = new HandlerQueue(logger);
        _redirect = new(this, _handlers);
        _upgrade = new(this, _handlers);
        _unexpectedResponse = new(this, _handlers);
        _opened = new(this, _handlers);
        _errors = new(this, _handlers);
        _closed = new(this, _handlers);
    }

    /// <summary>Gets the address, without credentials; of a connection that was open, the one that its request asked for, and
    /// <c>about:blank</c> where that is not known.</summary>
    public Uri Url { get; }

    /// <summary>Gets how far it is. It becomes <see cref="EventWebSocketState.Open"/> and <see cref="EventWebSocketState.Closed"/> right
    /// before the event that tells it.</summary>
    public EventWebSocketState ReadyState
    {
        get
        {
            lock (_sync)
                return _state == EventWebSocketState.Open && !_connection!.IsOpen ? EventWebSocketState.Closing : _state;
        }
    }

    /// <summary>Gets how many bytes wait to be taken by the operating system, framing included; what was sent after the end stays
    /// counted.</summary>
    public long BufferedAmount => (_connection?.BufferedBytes ?? 0) + Volatile.Read(ref _unsendable);

    /// <summary>Gets the subprotocol that the server selected; empty before it is open, and where there is none.</summary>
    public string Protocol => _connection?.Subprotocol ?? "";

    /// <summary>Gets the extensions that the server selected; empty before it is open, and where there are none.</summary>
    public string Extensions => _connection?.ResponseHeaders?["Sec-WebSocket-Extensions"] ?? "";

    /// <summary>Gets or sets how binary messages that come from now on are given out; <see cref="WebSocketBinaryType.Array"/> by
    /// default.</summary>
    public WebSocketBinaryType BinaryType { get; set; }

    /// <summary>Gets whether events are held back.</summary>
    public bool IsPaused
    {
        get
        {
            lock (_sync)
                return _isPaused;
        }
    }

    /// <summary>Sends a text message; never waits. Once it closes, the message is dropped and counted in <see cref="BufferedAmount"/>.</summary>
    /// <param name="data">The text; a lone surrogate is sent as U+FFFD.</param>
    /// <remarks>Where more than <see cref="WebSocketConnectionOptions.MaxBufferedBytes"/> would wait, the connection closes with 1011
    /// and <see cref="Error"/>: watch <see cref="BufferedAmount"/>.</remarks>
    /// <exception cref="InvalidOperationException">It is still connecting.</exception>
    public void Send(string data)
    {
        ArgumentNullException.ThrowIfNull(data);
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(data));
        try
        {
            Send(utf8.AsSpan(0, Encoding.UTF8.GetBytes(data, utf8)), WebSocketMessageKind.Text);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }

    /// <summary>Sends a binary message; never waits. Once it closes, the message is dropped and counted in
    /// <see cref="BufferedAmount"/>.</summary>
    /// <param name="data">The bytes, copied at the call.</param>
    /// <inheritdoc cref="Send(string)"/>
    public void Send(ReadOnlySpan<byte> data) => Send(data, WebSocketMessageKind.Binary);

    /// <inheritdoc cref="Send(ReadOnlySpan{byte})"/>
    public void Send(ReadOnlyMemory<byte> data) => Send(data.Span, WebSocketMessageKind.Binary);

    /// <inheritdoc cref="Send(ReadOnlySpan{byte})"/>
    public void Send(byte[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        Send(data, WebSocketMessageKind.Binary);
    }

    /// <summary>Sends a ping; nothing once it closes. <see cref="Pong"/> tells of the answer.</summary>
    /// <param name="data">The payload, at most 125 bytes; empty (the default) for one that no other ping has.</param>
    /// <exception cref="ArgumentException">The payload is longer than 125 bytes.</exception>
    /// <exception cref="InvalidOperationException">It is still connecting.</exception>
    public void SendPing(ReadOnlyMemory<byte> data = default) => _ = Connection()?.PingAsync(data);

    /// <summary>Sends a pong that answers no ping; nothing once it closes. Pings are answered anyway, unless
    /// <see cref="WebSocketConnectionOptions.AutoPong"/> is off.</summary>
    /// <param name="data">The payload, at most 125 bytes.</param>
    /// <exception cref="ArgumentException">The payload is longer than 125 bytes.</exception>
    /// <exception cref="InvalidOperationException">It is still connecting.</exception>
    public void SendPong(ReadOnlyMemory<byte> data = default) => _ = Connection()?.SendPongAsync(data).AsTask().Observed();

    /// <summary>Closes without a code: what was sent leaves first; messages that come after the call are dropped. While connecting, it
    /// fails the attempt: <see cref="Error"/>, then <see cref="Closed"/> with 1006. Idempotent.</summary>
    public void Close() => BeginClose(CloseCode.NoStatus, "");

    /// <summary>Closes with a code. See <see cref="Close()"/>.</summary>
    /// <param name="code">The code: 1000 or 3000–4999; of a server any that may be sent.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <exception cref="ArgumentException">The code is another one, or the reason is too long.</exception>
    public void Close(CloseCode code, string reason = "")
    {
        ArgumentNullException.ThrowIfNull(reason);
        if (_connection is not { Role: Role.Server } && code != CloseCode.Normal && (int)code is not (>= 3000 and <= 4999))
            throw new ArgumentException($"The close code must be 1000 or one of 3000–4999; it is {(int)code}.", nameof(code));
        ClosePayload.Validate(code, reason);
        BeginClose(code, reason);
    }

    /// <inheritdoc cref="Close(CloseCode, string)"/>
    public void Close(int code, string reason = "") => Close((CloseCode)code, reason);

    /// <summary>Ends the connection at once, without a Close frame; what waits to be sent or raised is dropped. Then <see cref="Closed"/>
    /// tells 1006. Idempotent.</summary>
    public void Terminate()
    {
        BeginClose(code: null, "");
        _connection?.Abort();
    }

    /// <summary>Holds messages, pings, pongs and the end back from now on: beyond
    /// <see cref="WebSocketConnectionOptions.ReadAhead"/> the server waits as well. Nothing unless it is open.</summary>
    public void Pause()
    {
        lock (_sync)
            _isPaused = _state == EventWebSocketState.Open;
    }

    /// <summary>Raises again what <see cref="Pause"/> held back.</summary>
    public void Resume()
    {
        lock (_sync)
            _isPaused = false;
        Signal();
    }

    /// <summary>Closes with 1000 and waits for the end of the connection, as <see cref="WebSocketConnection.DisposeAsync"/> does, but
    /// not for the handlers.</summary>
    public async ValueTask DisposeAsync()
    {
        BeginClose(CloseCode.Normal, "");
        if (_connection is { } connection)
            await connection.Closed.ConfigureAwait(false);
    }

    private static Uri UrlOf(WebSocketConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        string scheme = connection.IsSecure ? "wss" : "ws";
        return connection.Request is { } request
            && Uri.TryCreate($"{scheme}://{request.Headers["Host"]}{request.Target}", UriKind.Absolute, out Uri? url)
            ? url
            : new Uri("about:blank");
    }

    private static Uri Parse(string url)
    {
        WebSocketUri.Parse(url);
        return new Uri(url);
    }

    private void Send(ReadOnlySpan<byte> data, WebSocketMessageKind kind)
    {
        // Once Close has been called the connection refuses it too; where none came about there is none to ask.
        SendResult result = Connection()?.TrySend(data, kind) ?? SendResult.Closed;
        if (result == SendResult.Full)
            Fail(new InvalidOperationException("More than MaxBufferedBytes wait to be sent, and a message was lost: watch BufferedAmount."));
        if (result is SendResult.Full or SendResult.Closed)
            Interlocked.Add(ref _unsendable, data.Length);
    }

    /// <summary>Gets the connection that has been opened; null where none came about.</summary>
    private WebSocketConnection? Connection()
    {
        lock (_sync)
        {
            return _state == EventWebSocketState.Connecting
                ? throw new InvalidOperationException("The WebSocket is still connecting: wait for Opened.")
                : _connection;
        }
    }

    private void Fail(Exception exception)
    {
        lock (_sync)
            _error ??= exception;
        BeginClose(CloseCode.InternalError, "");
    }

    /// <summary>Begins the end from this side, unless it has begun.</summary>
    /// <param name="code">The code; null for no Close frame at all.</param>
    /// <param name="reason">The reason.</param>
    private void BeginClose(CloseCode? code, string reason)
    {
        WebSocketConnection? connection;
        lock (_sync)
        {
            if (_state >= EventWebSocketState.Closing)
                return;
            _state = EventWebSocketState.Closing;
            _isPaused = false;
            connection = _connection;
        }

        // Who dials sees that it is no longer wanted.
        if (connection is null)
            _ = _dialing.CancelAsync();
        else if (code is { } sent)
            _ = connection.CloseAsync(sent, reason);
        Signal();
    }
}
