using Sockeye.Transports;

namespace Sockeye;

/// <summary>Bounds a handshake by a deadline and by the caller's token, and tells afterwards which of them ended it.</summary>
internal sealed class HandshakeDeadline : IDisposable
{
    private readonly TimeSpan _timeout;
    private readonly CancellationToken _callers;
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _either;

    public HandshakeDeadline(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _timeout = timeout;
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

    /// <summary>Makes the exception that tells why an operation failed.</summary>
    /// <param name="exception">What it threw.</param>
    /// <param name="what">What was waited for, for the message.</param>
    public Exception Explain(Exception exception, string what)
    {
        if (_callers.IsCancellationRequested)
            return new OperationCanceledException("The handshake was cancelled.", exception, _callers);
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
