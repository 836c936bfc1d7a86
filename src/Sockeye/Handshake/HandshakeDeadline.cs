using Sockeye.Transports;

namespace Sockeye;

/// <summary>Bounds a handshake by a deadline and by the caller's token, and tells afterwards which of them ended it.</summary>
internal sealed class HandshakeDeadline : IDisposable
{
    /// <summary>How long the body of a refusal may take: it is for people to read, and the status has come already.</summary>
    public static readonly TimeSpan BodyPatience = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly CancellationToken _callers;
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _either;
    private volatile Func<Exception>? _refusal;

    public HandshakeDeadline(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _timeout = timeout;
        _time = time;
        _start = time.GetTimestamp();
        _callers = cancellationToken;
        _timer = new CancellationTokenSource(timeout, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_timer.Token, cancellationToken);
        Token = _either.Token;
    }

    /// <summary>Gets the token that fires with either. It goes to name resolution, connecting and TLS, whose failure ends all. It stays
    /// usable when this has been disposed: an attempt that was given up goes on until it sees that.</summary>
    public CancellationToken Token { get; }

    /// <summary>Gets whether the time is over, or the caller has lost patience.</summary>
    public bool IsOver => _either.IsCancellationRequested;

    /// <summary>Gets whether the caller's token has fired.</summary>
    public bool IsCancelledByCaller => _callers.IsCancellationRequested;

    /// <summary>Aborts a transport when the time is over: no token is passed into a transport.</summary>
    public CancellationTokenRegistration AbortOnExpiry(Transport transport) =>
        Token.UnsafeRegister(static state => ((Transport)state!).Abort(), transport);

    /// <summary>Reads the body of a refusal, for a short time and never beyond the deadline. When it is over, the refusal is what
    /// <see cref="Explain"/> tells: it has come in time.</summary>
    /// <param name="body">The body; null where nobody will look at it.</param>
    /// <param name="refusal">Makes the exception, of as much of the body as has come.</param>
    /// <returns>The exception to throw.</returns>
    public async Task<Exception> RefuseAsync(ResponseBody? body, Func<byte[], Exception> refusal)
    {
        if (body is null)
            return refusal([]);
        _refusal = () => refusal(body.ToArray());

        // First what is there already: the time may be over at once.
        ValueTask reading = body.ReadAsync();
        Shorten();
        await reading.ConfigureAwait(false);
        return IsCancelledByCaller ? new OperationCanceledException("The handshake was cancelled.", _callers) : _refusal();
    }

    private void Shorten()
    {
        TimeSpan left = _timeout - _time.GetElapsedTime(_start);
        try
        {
            _timer.CancelAfter(left < TimeSpan.Zero ? TimeSpan.Zero : left < BodyPatience ? left : BodyPatience);
        }
        catch (ObjectDisposedException)
        {
            // The attempt was given up: the token has fired.
        }
    }

    /// <summary>Makes the exception that tells why an operation failed.</summary>
    /// <param name="exception">What it threw.</param>
    /// <param name="what">What was waited for, for the message.</param>
    public Exception Explain(Exception exception, string what)
    {
        if (_callers.IsCancellationRequested)
            return new OperationCanceledException("The handshake was cancelled.", exception, _callers);
        if (_refusal is { } refusal)
            return refusal();
        if (_timer.IsCancellationRequested)
        {
            return new WebSocketHandshakeException(
                HandshakeFailure.Timeout, $"The handshake took longer than {_timeout.TotalSeconds:0.###} s, waiting for {what}.", exception);
        }

        return new WebSocketHandshakeException(
            HandshakeFailure.Ended, $"The peer ended the connection during the handshake, before {what} was there.", exception);
    }

    public void Dispose()
    {
        _either.Dispose();
        _timer.Dispose();
    }
}
