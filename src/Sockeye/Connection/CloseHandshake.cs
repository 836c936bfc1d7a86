using System.Text;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>The end of a connection: from the first event that ends it to the one account of how it ended.</summary>
/// <remarks>
/// <para>Queued data leaves first, then Close; then the server ends TCP first and the client waits for that; what still comes is
/// discarded until the peer ends its side, so that no reset destroys what is on its way (RFC 6455, section 7.1.1).</para>
/// <para>A connection that is open has none. Guarded by the lock of the connection. The first event to end the connection is its cause.</para>
/// </remarks>
internal sealed partial class CloseHandshake
{
    private readonly WebSocketConnection _connection;
    private readonly Transport _transport;
    private readonly WebSocketConnectionOptions _options;
    private readonly Role _role;

    // What began it.
    private bool _hasBegun;
    private bool _hasCause;
    private CloseCause _cause;
    private CloseInitiator _initiator;
    private Violation? _violation;
    private bool _isDeaf;
    private bool _isMessageLost;
    private Exception? _exception;

    // The two Close frames.
    private CloseCode? _sentCode;
    private string? _sentReason;
    private bool _isCloseWritten;
    private CloseCode? _receivedCode;
    private string? _receivedReason;

    // The way out.
    private long _progressAtPatience;
    private bool _isPeerDone;
    private bool _isSendBroken;
    private bool _isShutDown;
    private bool _isTransportShutDown;
    private bool _isEnded;
    private bool _isTold;
    private CloseResult? _result;
    private TaskCompletionSource<CloseResult>? _closed;

    public CloseHandshake(WebSocketConnection connection)
    {
        _connection = connection;
        _transport = connection.Transport;
        _options = connection.Terms.Options;
        _role = connection.Role;
    }

    /// <summary>Gets whether a Close frame is queued or the connection has ended: nothing more is accepted.</summary>
    public bool HasBegun => Volatile.Read(ref _hasBegun);

    /// <summary>Gets whether the connection has ended.</summary>
    public bool IsEnded => Volatile.Read(ref _isEnded);

    /// <summary>Gets whether those have been told that the connection has ended who wait for it.</summary>
    public bool IsTold => _isTold;

    /// <summary>Gets the account, once the connection has ended.</summary>
    public CloseResult? Result => Volatile.Read(ref _result);

    /// <summary>Gets the task that completes with the account, never faulted (rule C5).</summary>
    public Task<CloseResult> Closed
    {
        get
        {
            lock (_connection.Sync)
            {
                if (_closed is null)
                {
                    _closed = new TaskCompletionSource<CloseResult>(TaskCreationOptions.RunContinuationsAsynchronously);
                    if (_isTold)
                        _closed.SetResult(_result!);
                }

                return _closed.Task;
            }
        }
    }

    /// <summary>Gets the account as it stands: for an exception while the end is under way.</summary>
    public CloseResult Snapshot()
    {
        lock (_connection.Sync)
            return _result ?? MakeResult();
    }

    /// <summary>Begins the handshake from this side, unless something has begun the end already.</summary>
    /// <param name="code">The code.</param>
    /// <param name="reason">The reason.</param>
    /// <param name="cause">Why.</param>
    /// <param name="exception">What went wrong.</param>
    /// <param name="readsOn">Whether what comes is still wanted by a reader that is away.</param>
    public void Begin(CloseCode code, string reason, CloseCause cause, Exception? exception = null, bool readsOn = false)
    {
        lock (_connection.Sync)
        {
            // Where sending is broken, no Close can leave: the end is under way already.
            if (_isEnded || _isSendBroken)
                return;
            // Who reads on gives it up by closing once more.
            _connection.Receive.ReadsOn = readsOn && (!_hasBegun || _connection.Receive.ReadsOn);
            if (!_hasBegun)
            {
                BeginLocked(cause, CloseInitiator.Local, code, reason);
                _exception ??= exception;
            }
        }

        _connection.Send.Flush();
        _connection.Receive.OnCloseBegun();
    }

    /// <summary>Takes the peer's Close frame, when its turn in the stream has come: it is answered behind everything accepted.</summary>
    public void OnPeerClose(CloseCode code, string reason)
    {
        lock (_connection.Sync)
        {
            if (_isEnded || _receivedCode is not null)
                return;
            _receivedCode = code;
            _receivedReason = reason;
            // Bytes that are no UTF-8 and were let through have become longer: an answer need not repeat the reason.
            bool fits = Encoding.UTF8.GetByteCount(reason) <= ClosePayload.MaxReasonBytes;
            if (!_hasBegun)
                BeginLocked(CloseCause.Peer, CloseInitiator.Peer, code, fits ? reason : "");
        }

        AnswerPeer();
    }

    /// <summary>Fails the connection for what the peer did (RFC 6455, section 7.1.7).</summary>
    public void OnViolation(Violation violation)
    {
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            _violation ??= violation;
            if (!_hasBegun)
                BeginLocked(CloseCause.Violation, CloseInitiator.Local, violation.CloseCode, violation.Message);
        }

        AnswerPeer();
    }

    /// <summary>Fails the connection because this side could not inflate what came: what follows cannot be understood (rule Z1).</summary>
    public void OnInflatingFailed(Exception exception)
    {
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            _isDeaf = true;
            if (!_hasBegun)
                BeginLocked(CloseCause.CompressionFailed, CloseInitiator.Local, CloseCode.InternalError, "");
            _exception ??= exception;
        }

        AnswerPeer();
    }

    /// <summary>Fails the connection of a peer that did not answer: it gets a Close frame if the transport takes one, and nobody
    /// waits for its answer.</summary>
    public void OnIdle()
    {
        lock (_connection.Sync)
        {
            if (_isEnded || _hasBegun)
                return;
            BeginLocked(CloseCause.IdleTimeout, CloseInitiator.Local, CloseCode.GoingAway, "No response from ping frame.");
        }

        _connection.Send.Flush();
        bool isTaken;
        lock (_connection.Sync)
            isTaken = _isCloseWritten;
        Finish(abort: !isTaken);
    }

    /// <summary>Notes that the transport has taken our Close frame.</summary>
    public void OnCloseWritten()
    {
        lock (_connection.Sync)
        {
            _isCloseWritten = true;
            if (!_isEnded)
                _connection.Deadlines.SetCloseTimeout(_options.CloseTimeout);
        }

        Proceed();
    }

    /// <summary>Notes that the peer has ended its direction of the transport.</summary>
    public void OnTransportEnded()
    {
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            _isPeerDone = true;
            if (IsPeerHeard)
            {
                // It has said all that it had to say; what we have to say still goes out.
                if (!_isCloseWritten)
                    return;
            }
            else
            {
                SetCause(CloseCause.TransportEnded, CloseInitiator.Peer);
            }
        }

        Finish(abort: false);
    }

    /// <summary>Notes that receiving failed: nothing more can come.</summary>
    public void OnReceiveFailed(Exception exception)
    {
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            SetCause(CloseCause.TransportFailed, CloseInitiator.Peer);
            // A peer that has said and heard everything may end the transport as it likes.
            if (!IsSettled)
                _exception ??= exception;
        }

        Finish(abort: true);
    }

    /// <summary>Notes that sending has failed. Called under the lock, as sends begin to be refused, so that each is told why.</summary>
    public void NoteSendBroken(Exception exception)
    {
        if (_isEnded)
            return;
        SetCause(CloseCause.TransportFailed, CloseInitiator.Peer);
        _exception ??= exception;
        _isSendBroken = true;
        _connection.Deadlines.SetCloseTimeout(_options.CloseGrace);
    }

    /// <summary>Notes that a message could not be compressed and is lost. Called under the lock, before it is dropped, so that whoever sent
    /// it is told why.</summary>
    public void NoteCompressionFailed(Exception exception)
    {
        _exception ??= exception;
        _isMessageLost = true;
        if (!_hasBegun)
            BeginLocked(CloseCause.CompressionFailed, CloseInitiator.Local, CloseCode.InternalError, "");
    }

    /// <summary>Acts on a broken output. What has been received is still delivered: the loop reads on until it meets the end
    /// itself, for a while.</summary>
    public void OnSendBroken()
    {
        bool end;
        lock (_connection.Sync)
            end = IsPeerHeard;
        if (end)
            Finish(abort: true);
    }

    /// <summary>Ends the connection at once.</summary>
    public void Fail(CloseCause cause, Exception? exception)
    {
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            SetCause(cause, CloseInitiator.Local);
            _exception ??= exception;
        }

        Finish(abort: true);
    }

    /// <summary>Decides what a handshake that takes too long comes to.</summary>
    public void OnTimeout()
    {
        bool endStreams = false;
        lock (_connection.Sync)
        {
            if (_isEnded)
                return;
            if (!_isCloseWritten && !_isSendBroken)
            {
                long progress = Progress;
                bool isProgress = progress != _progressAtPatience;
                _progressAtPatience = progress;
                endStreams = _connection.Send.HasOpenStreams;
                if (isProgress || endStreams)
                    _connection.Deadlines.SetCloseTimeout(_options.CloseTimeout);
                if (isProgress && !endStreams)
                    return;
            }
        }

        if (endStreams)
            _connection.Send.EndStreams();
        else
            Finish(abort: !_isCloseWritten || !_connection.Receive.IsDrained);
    }

    /// <summary>Gets whether nothing more is to be heard from the peer.</summary>
    private bool IsPeerHeard => _receivedCode is not null || IsInputBroken;

    private bool IsInputBroken => _violation is not null || _isDeaf;

    private long Progress => _transport.BytesSent + _connection.Send.DeflatedBytes;

    /// <summary>Gets whether both sides have had their say.</summary>
    private bool IsSettled => _isCloseWritten && IsPeerHeard;

    private void BeginLocked(CloseCause cause, CloseInitiator initiator, CloseCode code, string reason)
    {
        _hasBegun = true;
        SetCause(cause, initiator);
        _sentCode = code;
        _sentReason = reason;
        _progressAtPatience = Progress;
        _connection.Deadlines.SetCloseTimeout(_options.CloseTimeout);
        try
        {
            _connection.Send.AppendClose(code, reason);
        }
        catch (Exception e)
        {
            // A source of mask keys threw. Who closes is often nobody's call, on the pool: the account says it, and the end is bounded.
            _exception ??= e;
        }
    }

    /// <summary>The first event to end the connection is its cause.</summary>
    private void SetCause(CloseCause cause, CloseInitiator initiator)
    {
        if (_hasCause)
            return;
        _hasCause = true;
        _cause = cause;
        _initiator = initiator;
    }
}
