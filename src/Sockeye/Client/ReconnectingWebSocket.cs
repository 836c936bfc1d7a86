using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>A client's WebSocket that outlives its connections: it connects again, and keeps what is to be sent in an outbox that says of
/// each message what became of it.</summary>
/// <remarks>
/// <para>Nothing is sent twice behind your back. After a loss, what had not begun to leave is sent on the next connection, in order. What
/// had begun to leave and was not confirmed is <see cref="DeliveryState.Uncertain"/>: whether to send it again is for you to
/// decide, since the server may have it.</para>
/// <para>It is one state machine: each transition raises <see cref="StateChanged"/> once. Handlers run one at a time, in order, on the
/// <see cref="SynchronizationContext"/> of who constructed it, or else on a thread of the pool; an exception in one is logged and
/// ends nothing. All members may be used from any thread; one reader at a time reads.</para>
/// <para>The clock of all delays is that of <see cref="ReconnectOptions.Client"/>.</para>
/// </remarks>
public sealed partial class ReconnectingWebSocket : IAsyncDisposable
{
    private readonly ReconnectingWebSocketOptions _options;
    private readonly Reconnector _reconnector;
    private readonly ReconnectingOutbox _outbox;
    private readonly HandlerQueue _handlers;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<ReconnectFailure?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Wakes the loop: something may have changed.
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    // Guarded by the lock.
    private readonly Lock _sync = new();
    private ReconnectState _state;
    private WebSocketConnection? _connection;
    private bool _isStarted;
    private (CloseCode Code, string Reason) _close = (CloseCode.Normal, "");

    /// <summary>Makes one that connects when it is started; messages may be sent before.</summary>
    /// <param name="uri">The address: see <see cref="WebSocketClient.ConnectAsync(string, WebSocketClientOptions, CancellationToken)"/>.</param>
    /// <param name="options">The options; <see cref="ReconnectingWebSocketOptions.Default"/> where null.</param>
    /// <exception cref="ArgumentException">The address cannot be used.</exception>
    public ReconnectingWebSocket(string uri, ReconnectingWebSocketOptions? options = null)
        : this([Parse(uri)], options)
    {
    }

    /// <summary>Makes one that connects when it is started; messages may be sent before.</summary>
    /// <param name="uris">The addresses of servers that can stand in for each other, the one preferred first: after a failure the next one
    /// is tried, after the loss of a connection that had held the first.</param>
    /// <param name="options">The options; <see cref="ReconnectingWebSocketOptions.Default"/> where null.</param>
    /// <exception cref="ArgumentException">There is no address, or one cannot be used.</exception>
    public ReconnectingWebSocket(IReadOnlyList<Uri> uris, ReconnectingWebSocketOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(uris);
        _options = options ?? ReconnectingWebSocketOptions.Default;
        _reconnector = new Reconnector(uris, _options.Reconnect);
        _logger = _options.Reconnect.Client.Connection.Logger;
        _handlers = new HandlerQueue(_logger);
        _outbox = new ReconnectingOutbox(
            _options, Wake, message => Raise(() => _handlers.Call(MessageLost, this, new OutboxMessageEventArgs(message))));
    }

    /// <summary>Raised once for each transition, in order.</summary>
    public event EventHandler<ReconnectStateEventArgs>? StateChanged;

    /// <summary>Raised once for each message that was settled otherwise than by being confirmed: uncertain, unsent, expired or dropped.</summary>
    public event EventHandler<OutboxMessageEventArgs>? MessageLost;

    /// <summary>Gets what it is doing.</summary>
    public ReconnectState State
    {
        get
        {
            lock (_sync)
                return _state;
        }
    }

    /// <summary>Gets the connection while <see cref="State"/> is <see cref="ReconnectState.Open"/> or <see cref="ReconnectState.Closing"/>;
    /// else null. It is for looking, and for pings: what is sent on it directly is in no outbox.</summary>
    public WebSocketConnection? Connection
    {
        get
        {
            lock (_sync)
                return _connection;
        }
    }

    /// <summary>Gets how many messages are not settled.</summary>
    public int UnsettledMessages => _outbox.Count;

    /// <summary>Gets how many bytes of payload the messages have that are not settled.</summary>
    public long UnsettledBytes => _outbox.Bytes;

    /// <summary>Gets a task that completes when it has ended for good: with null where this side closed it, else with the failure that
    /// was final. It never faults.</summary>
    public Task<ReconnectFailure?> Closed => _closed.Task;

    private bool IsClosing => _closing.IsCancellationRequested;

    /// <summary>Begins to connect. Idempotent. Subscribe to the events before.</summary>
    public void Start()
    {
        lock (_sync)
        {
            if (_isStarted)
                return;
            _isStarted = true;
        }

        _ = Task.Run(RunAsync);
    }

    /// <summary>Sends a text message: now, or when there is a connection again.</summary>
    /// <param name="text">The text; a lone surrogate is sent as U+FFFD.</param>
    /// <param name="cancellationToken">Ends the wait for room, and withdraws the message then. It has no effect on a message that is in
    /// the outbox.</param>
    /// <returns>The message, once it is in the outbox (or dropped); it tells what becomes of it. Messages leave in the order of the
    /// calls, awaited or not.</returns>
    /// <exception cref="WebSocketReconnectException">It has ended for good.</exception>
    public ValueTask<OutboxMessage> SendTextAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageKind.Text, SendOptions.None, cancellationToken);
    }

    /// <summary>Sends a message: now, or when there is a connection again.</summary>
    /// <param name="payload">The payload, copied at the call.</param>
    /// <param name="kind">What the message carries; the payload of text must be valid UTF-8.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <param name="cancellationToken">Ends the wait for room, and withdraws the message then. It has no effect on a message that is in
    /// the outbox.</param>
    /// <returns>See <see cref="SendTextAsync"/>.</returns>
    /// <exception cref="ArgumentException">The kind is none, or the text is not UTF-8.</exception>
    /// <exception cref="WebSocketReconnectException">It has ended for good.</exception>
    public ValueTask<OutboxMessage> SendAsync(
        ReadOnlyMemory<byte> payload,
        WebSocketMessageKind kind = WebSocketMessageKind.Binary,
        SendOptions options = SendOptions.None,
        CancellationToken cancellationToken = default)
    {
        if (kind is not (WebSocketMessageKind.Text or WebSocketMessageKind.Binary))
            throw new ArgumentException($"A message is Text or Binary; {kind} cannot be sent.", nameof(kind));
        if (kind == WebSocketMessageKind.Text && !Utf8Text.IsValid(payload.Span))
            throw new ArgumentException("The payload is not valid UTF-8, which a text message must be: send it as Binary.", nameof(payload));
        return SendAsync(payload.ToArray(), kind, options, cancellationToken);
    }

    /// <summary>Sends a value as a text message of JSON: now, or when there is a connection again.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="value">The value, read at the call.</param>
    /// <param name="typeInfo">How the value is written: a property of a <c>JsonSerializerContext</c>, say. Its options hold.</param>
    /// <param name="cancellationToken">Ends the wait for room, and withdraws the message then. It has no effect on a message that is in
    /// the outbox.</param>
    /// <returns>See <see cref="SendTextAsync"/>.</returns>
    /// <remarks>What the serializer throws is thrown at the call, as by
    /// <see cref="WebSocketConnection.SendJsonAsync{T}(T, JsonTypeInfo{T}, CancellationToken)"/>: nothing is in the outbox then.</remarks>
    /// <exception cref="JsonException">The value refers to itself, or is nested too deeply.</exception>
    /// <exception cref="NotSupportedException">There is no way to write a part of the value.</exception>
    /// <exception cref="ArgumentException">There is no such number in JSON, or a converter has written what is not valid UTF-8.</exception>
    /// <exception cref="WebSocketReconnectException">It has ended for good.</exception>
    public ValueTask<OutboxMessage> SendJsonAsync<T>(T value, JsonTypeInfo<T> typeInfo, CancellationToken cancellationToken = default) =>
        SendAsync(JsonSerializer.SerializeToUtf8Bytes(value, typeInfo), WebSocketMessageKind.Text, cancellationToken: cancellationToken);

    /// <summary>Waits until every message that is in the outbox has been settled: confirmed, or lost. While there is no connection it
    /// waits for one.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task FlushAsync(CancellationToken cancellationToken = default) => _outbox.FlushAsync(cancellationToken);

    /// <summary>Ends it for good. An open connection takes all that is in the outbox, then closes as
    /// <see cref="WebSocketConnection.CloseAsync"/> does; without one, nothing is waited for, and what is in the outbox stays
    /// unsent: <see cref="FlushAsync"/> before waits for it. Idempotent, from any thread; the first call's code and reason count.</summary>
    /// <param name="code">The code: see <see cref="WebSocketConnection.CloseAsync"/>.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait only; the close goes on.</param>
    /// <exception cref="ArgumentException">The code must not be sent, or the reason is too long.</exception>
    public Task CloseAsync(CloseCode code = CloseCode.Normal, string reason = "", CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reason);
        ClosePayload.Validate(code, reason);
        lock (_sync)
        {
            if (!IsClosing)
            {
                _close = (code, reason);
                // Not under the lock: who waits is told here.
                _ = _closing.CancelAsync();
            }
        }

        Start();
        Wake();
        return Closed.WaitAsync(cancellationToken);
    }

    /// <summary>Closes with 1000 and waits for the end: see <see cref="CloseAsync"/>.</summary>
    public async ValueTask DisposeAsync() => await CloseAsync().ConfigureAwait(false);

    private static Uri Parse(string uri)
    {
        _ = WebSocketUri.Parse(uri);
        return new Uri(uri);
    }

    private ValueTask<OutboxMessage> SendAsync(byte[] payload, WebSocketMessageKind kind, SendOptions options, CancellationToken token)
    {
        var message = new OutboxMessage(payload, kind, options, _options.Reconnect.TimeProvider.GetTimestamp());
        return _outbox.AddAsync(message, token);
    }

    private void Wake() => _changes.Writer.TryWrite(true);
}
