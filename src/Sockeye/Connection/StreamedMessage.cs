using Sockeye.Protocol;

namespace Sockeye;

/// <summary>A message that is sent in pieces, each as one fragment (RFC 6455, section 5.4).</summary>
/// <remarks>One writer at a time. While it is open, other messages queue behind it and control frames pass. Dispose it in any case:
/// disposing it unfinished after its first fragment closes the connection with 1011, because the peer cannot be told otherwise that
/// the message will not come; before that it is simply withdrawn.</remarks>
public sealed class StreamedMessage : IAsyncDisposable
{
    private readonly WebSocketConnection _connection;
    private readonly OutputSegment _place;
    private readonly Opcode _opcode;
    private readonly SendOptions _options;
    private Utf8Validator _utf8;
    private bool _hasBegun;
    private bool _isDone;

    internal StreamedMessage(WebSocketConnection connection, WebSocketMessageKind kind, Opcode opcode, SendOptions options, OutputSegment place)
    {
        _options = options;
        _connection = connection;
        _opcode = opcode;
        _place = place;
        Kind = kind;
    }

    /// <summary>Gets what the message carries.</summary>
    public WebSocketMessageKind Kind { get; }

    /// <summary>Sends a piece.</summary>
    /// <param name="piece">The piece, which may be empty; text may break inside a character. Up to 16 KiB it is copied at the call; a larger one is
    /// sent from this memory, which must not change until the task completes.</param>
    /// <param name="cancellationToken">A token that is cancelled already sends nothing; no effect after that.</param>
    /// <returns>A task that completes as that of <see cref="WebSocketConnection.SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/> does.</returns>
    /// <exception cref="ArgumentException">The text is not valid UTF-8.</exception>
    /// <exception cref="InvalidOperationException">The message is complete or disposed.</exception>
    /// <exception cref="WebSocketClosedException">The connection has ended, or did not wait longer for this message.</exception>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellationToken = default) =>
        Append(piece, isFinal: false, cancellationToken);

    /// <summary>Ends the message with its last piece.</summary>
    /// <param name="piece">The last piece; empty by default.</param>
    /// <param name="cancellationToken">A token that is cancelled already sends nothing; no effect after that.</param>
    /// <returns>See <see cref="WriteAsync"/>.</returns>
    /// <exception cref="ArgumentException">The text is not valid UTF-8, or ends inside a character.</exception>
    /// <exception cref="InvalidOperationException">The message is complete or disposed.</exception>
    /// <exception cref="WebSocketClosedException">The connection has ended, or did not wait longer for this message.</exception>
    public ValueTask CompleteAsync(ReadOnlyMemory<byte> piece = default, CancellationToken cancellationToken = default) =>
        Append(piece, isFinal: true, cancellationToken);

    /// <summary>Gives up the message, if it is not complete.</summary>
    public ValueTask DisposeAsync()
    {
        if (_isDone)
            return default;
        _isDone = true;
        if (_hasBegun)
            _connection.Close.Begin(CloseCode.InternalError, "", CloseCause.MessageUnfinished);
        _connection.Send.EndStream(_place);
        return default;
    }

    private ValueTask Append(ReadOnlyMemory<byte> piece, bool isFinal, CancellationToken cancellationToken)
    {
        if (_isDone)
            throw new InvalidOperationException("The streamed message is complete or disposed: open another one.");
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (_opcode == Opcode.Text)
        {
            Utf8Validator checkedSoFar = _utf8;
            if (!checkedSoFar.Append(piece.Span) || (isFinal && !checkedSoFar.IsComplete))
                throw new ArgumentException("The text is not valid UTF-8: send it as Binary.", nameof(piece));
            _utf8 = checkedSoFar;
        }

        Opcode opcode = _hasBegun ? Opcode.Continuation : _opcode;
        _hasBegun = true;
        _isDone = isFinal;
        return _connection.Send.AppendFragment(_place, opcode, piece, isFinal, _options);
    }
}
