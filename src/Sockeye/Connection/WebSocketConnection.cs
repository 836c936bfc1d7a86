using System.Net;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>An open WebSocket connection, of a server or of a client.</summary>
/// <remarks>
/// <para>Any number of threads may send, ping, close and abort at the same time. One reader at a time reads, in one of these ways:
/// <see cref="ReadAllAsync"/>, <see cref="ReadEventsAsync"/>, <see cref="ReceiveAsync"/>, <see cref="ReceiveStreamAsync"/>.</para>
/// <para>The engine receives from the moment of opening: it answers pings and notices the end while the application is busy, and
/// reads ahead within <see cref="WebSocketConnectionOptions.ReadAhead"/>.</para>
/// <para>What a handler sends while received input waits to be parsed leaves together, when it awaits something or asks for what has
/// not arrived. A handler that blocks its thread instead holds back what it has sent, up to 64 KiB, until it returns or awaits, or
/// until an event loop has noticed that its thread is held (<see cref="EventLoopOptions"/>), some milliseconds later;
/// <see cref="DrainAsync"/> sends it at once. What other threads send waits for nothing of this.</para>
/// <para>Cancellation never breaks a connection: a token ends the wait, or withdraws a message that has not begun to leave.</para>
/// </remarks>
public sealed partial class WebSocketConnection : IAsyncDisposable
{
    private CloseHandshake? _close;

    internal WebSocketConnection(
        Transport transport, Role role, WebSocketConnectionOptions options, ConnectionDetails details, ReadOnlySpan<byte> received)
    {
        Transport = transport;
        Terms = ConnectionTerms.Of(options, role);
        Details = details;
        Deadlines = new ConnectionDeadlines(this);
        Send = new SendBuffer(this, details.Deflate);
        Receive = new ReceiveLoop(this, details.Deflate?.CreateInflater());
        transport.Unread(received);
    }

    /// <summary>Raised once after each time that <see cref="TrySend"/> returned
    /// <see cref="SendResult.AcceptedAboveHighWater"/>: there is room again. Raised on a thread of the pool.</summary>
    public event Action<WebSocketConnection>? Writable;

    /// <summary>Gets the side that this connection is.</summary>
    public Role Role => Terms.Role;

    /// <summary>Gets the subprotocol that was agreed on; null where none was.</summary>
    public string? Subprotocol => Details.Subprotocol;

    /// <summary>Gets what was agreed on for compression (permessage-deflate); null where messages are not compressed.</summary>
    public DeflateParameters? PerMessageDeflate => Details.Deflate?.Parameters;

    /// <summary>Gets the request that opened the connection: its path, query and headers; null where it was upgraded elsewhere.</summary>
    public RequestHead? Request => Details.Request;

    /// <summary>Gets or sets what the application wants to find with the connection, such as who its user is; null until it is set. On a server
    /// it is that of the <see cref="UpgradeRequest"/> to begin with. It is kept and never looked at; nothing but a reference is read or
    /// written, so that threads which share it agree on that themselves.</summary>
    public object? UserData { get; set; }

    /// <summary>Gets the headers of the response that opened the connection; null where it was upgraded elsewhere.</summary>
    public HttpHeaders? ResponseHeaders => Details.ResponseHeaders;

    /// <summary>Gets the address of this side; null where the transport has none, and on an event loop once the connection has ended, if
    /// its server listens on every address.</summary>
    public EndPoint? LocalEndPoint => Transport.LocalEndPoint;

    /// <summary>Gets the address of the peer; null where the transport has none.</summary>
    public EndPoint? RemoteEndPoint => Details.RemoteEndPoint ?? Transport.RemoteEndPoint;

    /// <summary>Gets the address of the client of a server: that of <see cref="RemoteEndPoint"/>, or, behind one of
    /// <see cref="WebSocketServerOptions.TrustedProxies"/>, the one that it named in <c>X-Forwarded-For</c>; null where the transport has
    /// none.</summary>
    public IPAddress? ClientAddress => Details.ForwardedFor ?? TrustedProxies.Plain((RemoteEndPoint as IPEndPoint)?.Address);

    /// <summary>Gets whether the connection runs over TLS that this process terminates.</summary>
    public bool IsSecure => Transport.IsSecure;

    /// <summary>Gets the certificate that the peer presented, verified as the TLS options demand; null where it presented none, or where
    /// TLS ends elsewhere.</summary>
    public X509Certificate? RemoteCertificate => Transport.PeerCertificate;

    /// <summary>Gets whether messages may be sent: no Close is queued and the connection has not ended.</summary>
    public bool IsOpen => Send.IsOpen;

    /// <summary>Gets a task that completes when the connection has ended, with the account of how. It never faults.</summary>
    public Task<CloseResult> Closed => Close.Closed;

    /// <summary>Gets how many accepted bytes, framing included, wait to be taken by the operating system.</summary>
    public long BufferedBytes => Send.BufferedBytes;

    /// <summary>Gets what the state of the connection is locked by: an object that is there in any case and that nobody else knows.</summary>
    internal object Sync => Send;

    internal ConnectionTerms Terms { get; }

    internal Transport Transport { get; }

    internal BufferPool Buffers => Terms.Buffers;

    internal ConnectionDetails Details { get; }

    internal ConnectionDeadlines Deadlines { get; }

    /// <summary>Gets the end of the connection, which is made as soon as anything is done about it.</summary>
    internal CloseHandshake Close =>
        Volatile.Read(ref _close) ?? Interlocked.CompareExchange(ref _close, new CloseHandshake(this), null) ?? _close;

    /// <summary>Gets whether a Close frame is queued or the connection has ended: nothing more is accepted.</summary>
    internal bool IsClosing => Volatile.Read(ref _close) is { HasBegun: true };

    /// <summary>Gets whether the connection has ended.</summary>
    internal bool HasEnded => Volatile.Read(ref _close) is { IsEnded: true };

    /// <summary>Gets the account, once the connection has ended.</summary>
    internal CloseResult? Result => Volatile.Read(ref _close)?.Result;

    internal SendBuffer Send { get; }

    internal ReceiveLoop Receive { get; }

    /// <summary>Waits for the next message.</summary>
    /// <param name="cancellationToken">Ends the wait; a message that comes later stays for the next call.</param>
    /// <returns>The message, leased until the next read; <see cref="WebSocketMessage.IsEnd"/> after a clean close.</returns>
    /// <exception cref="InvalidOperationException">Another read is waiting.</exception>
    /// <exception cref="WebSocketClosedException">The connection ended otherwise than by a clean close (unless
    /// <see cref="WebSocketConnectionOptions.ThrowOnAbnormalClose"/> is off).</exception>
    public ValueTask<WebSocketMessage> ReceiveAsync(CancellationToken cancellationToken = default) => Receive.ReceiveAsync(cancellationToken);

    /// <summary>Waits for the next message and gives it as a stream, to be read as it arrives.</summary>
    /// <param name="cancellationToken">Ends the wait; a message that comes later stays for the next call.</param>
    /// <returns>The message; null after a clean close. It ends with the next read on the connection; what has not been read of it is passed
    /// over by the next call of this method.</returns>
    /// <remarks>With <see cref="WebSocketConnectionOptions.ReceiveInPieces"/> no more of it is held than has come and has not been read, within
    /// <see cref="WebSocketConnectionOptions.ReadAhead"/>. Without, the stream begins when the message is whole.</remarks>
    /// <exception cref="InvalidOperationException">Another read is waiting.</exception>
    /// <exception cref="WebSocketClosedException">The connection ended otherwise than by a clean close (unless
    /// <see cref="WebSocketConnectionOptions.ThrowOnAbnormalClose"/> is off).</exception>
    public async ValueTask<ReceivedMessageStream?> ReceiveStreamAsync(CancellationToken cancellationToken = default)
    {
        WebSocketMessage message;
        do
        {
            message = await Receive.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (message.IsEnd)
                return null;
        }
        while (!message.BeginsMessage);

        return new ReceivedMessageStream(this, message);
    }

    /// <summary>Reads all messages, for <c>await foreach</c>. Each is leased until the next one is asked for.</summary>
    /// <param name="cancellationToken">Ends the wait for the next message with <see cref="OperationCanceledException"/>; the
    /// connection stays as it is.</param>
    /// <returns>A sequence that ends after a clean close and else throws <see cref="WebSocketClosedException"/> (unless
    /// <see cref="WebSocketConnectionOptions.ThrowOnAbnormalClose"/> is off). It is no <see cref="IAsyncEnumerable{T}"/>, whose
    /// operators would keep messages beyond their lease: <see cref="ReadAllOwnedAsync"/> is one.</returns>
    public MessageSequence ReadAllAsync(CancellationToken cancellationToken = default) => new(Receive, cancellationToken);

    /// <summary>Reads all messages as copies that may be kept.</summary>
    /// <param name="cancellationToken">Ends the wait for the next message.</param>
    /// <returns>A sequence that ends as that of <see cref="ReadAllAsync"/> does.</returns>
    public async IAsyncEnumerable<OwnedMessage> ReadAllOwnedAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (WebSocketMessage message in ReadAllAsync(cancellationToken))
            yield return message.ToOwned();
    }

    /// <summary>Reads every event in order: messages, pings, pongs, and as the last one the end, for <c>await foreach</c>.</summary>
    /// <remarks>Pings and pongs that come before the first read are kept while less than half of
    /// <see cref="WebSocketConnectionOptions.ReadAhead"/> waits to be read, and dropped beyond that, as they are while messages alone are
    /// read. The engine answers and matches them in any case.</remarks>
    /// <param name="cancellationToken">Ends the wait for the next event; the connection stays as it is.</param>
    /// <returns>A sequence that never throws for what the peer does. Each event is leased until the next one is asked for.</returns>
    public EventSequence ReadEventsAsync(CancellationToken cancellationToken = default) => new(Receive, cancellationToken);

    /// <summary>Discards messages from here on, those read ahead included, and keeps pings, pongs and the close handshake alive: for
    /// code that only sends. Without it, a peer that sends to a connection that nobody reads is stopped.</summary>
    public void IgnoreMessages() => Receive.IgnoreMessages();

    /// <summary>Gets whether <see cref="Pause"/> holds.</summary>
    public bool IsPaused => Receive.IsHeld;

    /// <summary>Stops receiving until <see cref="Resume"/>; the peer is stopped by the flow control of the transport. Callbacks are not
    /// called: one that pauses has got its last message, and where another thread pauses, one more may be on its way. A reader still
    /// gets what has been received, then it waits. Idempotent, from any thread.</summary>
    /// <remarks>Meanwhile pings are not answered, pongs and the end of the peer are not seen, and the idle clock rests, as when
    /// <see cref="WebSocketConnectionOptions.ReadAhead"/> is full. Sending and closing go on. After <see cref="IgnoreMessages"/> it has no
    /// effect.</remarks>
    public void Pause() => Receive.Hold();

    /// <summary>Receives again after <see cref="Pause"/>. Idempotent, from any thread.</summary>
    public void Resume() => Receive.ReleaseHold();

    /// <summary>Closes the connection: what has been accepted leaves first, then the Close frame; then the peer's is awaited.</summary>
    /// <param name="code">The code: 1000–1003, 1007–1014 or 3000–4999; <see cref="CloseCode.NoStatus"/> sends none.</param>
    /// <param name="reason">The reason, at most 123 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait only; the close goes on.</param>
    /// <returns>How the connection ended. Every call gets the same account; only the first one's code and reason are sent.</returns>
    /// <remarks>May be called from anywhere, also by the code that reads. It never throws for what the peer does and takes at most
    /// <see cref="WebSocketConnectionOptions.CloseTimeout"/> without progress.</remarks>
    /// <exception cref="ArgumentException">The code must not be sent, or the reason is too long.</exception>
    public Task<CloseResult> CloseAsync(
        CloseCode code = CloseCode.Normal, string reason = "", CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reason);
        ClosePayload.Validate(code, reason);
        Close.Begin(code, reason, CloseCause.Local);
        return cancellationToken.CanBeCanceled ? Closed.WaitAsync(cancellationToken) : Closed;
    }

    /// <summary>Ends the connection at once, without a Close frame; what waits to be sent or read is dropped. Idempotent, from any
    /// thread. Never throws.</summary>
    public void Abort() => AbortFor(CloseCause.Aborted);

    /// <summary>Closes the connection with 1000 and waits, at most <see cref="WebSocketConnectionOptions.CloseTimeout"/> without
    /// progress; then aborts. Nothing that was accepted is lost; the lease on a message ends. Idempotent, from any thread.</summary>
    public async ValueTask DisposeAsync()
    {
        await CloseForAsync(CloseCode.Normal, "", CloseCause.Local).ConfigureAwait(false);
        Receive.Discard(endLease: true);
    }

    /// <summary>Closes this side alone: what comes until the peer's Close is kept for a reader, also while none waits, and stops the peer
    /// at <see cref="WebSocketConnectionOptions.ReadAhead"/>. A call of <see cref="CloseAsync"/> gives that up.</summary>
    internal Task<CloseResult> CloseOutputAsync(CloseCode code, string reason)
    {
        ClosePayload.Validate(code, reason);
        Close.Begin(code, reason, CloseCause.Local, readsOn: true);
        return Closed;
    }

    internal Task<CloseResult> CloseForAsync(CloseCode code, string reason, CloseCause cause)
    {
        Close.Begin(code, reason, cause);
        return Closed;
    }

    internal void AbortFor(CloseCause cause)
    {
        Close.Fail(cause, exception: null);
        Receive.Discard(endLease: false);
        CancelHandler();
    }

    internal Exception ClosedException() => new WebSocketClosedException(Close.Snapshot());

    internal void FireWritable()
    {
        if (Writable is not null)
            ThreadPool.UnsafeQueueUserWorkItem(static socket => socket.RaiseWritable(), this, preferLocal: false);
    }

    private void RaiseWritable()
    {
        try
        {
            Writable?.Invoke(this);
        }
        catch (Exception e)
        {
            OnHandlerFailed(e);
        }
    }

    /// <summary>Notes that the connection has ended.</summary>
    internal void OnEnded(CloseResult result)
    {
        Receive.OnEnded(result);
        PendingPing? unanswered;
        lock (Sync)
            unanswered = _pings?.TakeAll();
        if (unanswered is not null)
            FailPings(unanswered, new WebSocketClosedException(result));
        if (Receive.HasStarted)
            Telemetry.Closed(Role, result);
        Terms.Logger.Closed(result.Code, result.Cause, result.IsClean);
    }

    internal void LogTransportDisposeFailed(Exception exception) => Terms.Logger.TransportDisposeFailed(exception);
}
