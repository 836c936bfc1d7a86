using System.IO.Pipelines;
using Sockeye.Adapters;

namespace Sockeye;

/// <content>The connection in the shapes that the framework has for such things.</content>
public sealed partial class WebSocketConnection
{
    /// <summary>Gives the connection as a full-duplex stream: each write is sent as one message, reads take what messages carry.</summary>
    /// <param name="options">How; <see cref="WebSocketStreamOptions.Default"/> where null: binary messages, read as bytes.</param>
    /// <returns>The stream. It is the one reader of the connection; one may read and one write at the same time.</returns>
    /// <remarks>
    /// <para>A write completes as <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/> does, so that a
    /// peer that takes no data holds up the writer, and a reader that does not read holds up the peer. Flushing does nothing: nothing is
    /// held back, but for the beginning of a character at the end of a write of text, which leaves with the rest of it. Empty messages
    /// are neither sent nor delivered, because a read of 0 bytes is the end.</para>
    /// <para>Reading ends with 0 bytes after a clean close, whatever its code (<see cref="Closed"/> tells it), and otherwise with
    /// <see cref="WebSocketClosedException"/>, which is an <see cref="IOException"/> (unless
    /// <see cref="WebSocketConnectionOptions.ThrowOnAbnormalClose"/> is off). Tokens end the wait alone.</para>
    /// <para><see cref="Stream.DisposeAsync"/> closes the connection as <see cref="DisposeAsync"/> does, with 1000 and behind
    /// everything written. <see cref="Stream.Dispose()"/> begins that and does not wait. Text that ends inside a character closes with 1011. To end at
    /// once, call <see cref="Abort"/>.</para>
    /// <para>A synchronous read that needs another message throws <see cref="InvalidOperationException"/> on the thread that receives
    /// for this connection, as that of its handler is until it awaits something else: it would wait for itself. A synchronous write does
    /// not wait there.</para>
    /// </remarks>
    /// <exception cref="ArgumentException"><see cref="WebSocketStreamOptions.WholeMessages"/> is on, and so is
    /// <see cref="WebSocketConnectionOptions.ReceiveInPieces"/>: no message is held whole.</exception>
    public Stream AsStream(WebSocketStreamOptions? options = null)
    {
        options ??= WebSocketStreamOptions.Default;
        if (options.WholeMessages && Terms.Options.ReceiveInPieces)
            throw new ArgumentException("This connection receives in pieces: leave WholeMessages off.", nameof(options));
        return new MessageStream(this, options);
    }

    /// <summary>Gives the connection as a pair of pipes: each flush of the output is sent as one binary message, the input is the bytes
    /// of all messages.</summary>
    /// <returns>The pipes. The input is the one reader of the connection.</returns>
    /// <remarks>
    /// <para>A flush completes as <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/> does. The input
    /// ends as reading from <see cref="AsStream"/> does.</para>
    /// <para>Completing the output sends what has not been flushed and closes the connection behind it with 1000, or with 1011 where it
    /// is completed with an exception; what comes until the peer's Close is still read. Completing the input discards what comes from
    /// then on.</para>
    /// </remarks>
    public IDuplexPipe AsDuplexPipe() => new MessagePipe(this);

    /// <summary>Gives the connection as the framework's type, for libraries that take one.</summary>
    /// <returns>A <see cref="System.Net.WebSockets.WebSocket"/>, which is the one reader of the connection.</returns>
    /// <remarks>
    /// <para>It behaves as the framework's own does, but for what follows. A token that is cancelled ends the wait, or withdraws a
    /// message that has not begun to leave, and never aborts the connection. Any number of whole messages may be sent at the same time.
    /// <c>SendAsync</c> completes when the message has been accepted (see
    /// <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>) and refuses text that is not UTF-8 with
    /// <see cref="ArgumentException"/>.</para>
    /// <para>The peer's Close is answered by the engine, with the code that came, when the receive that reports it is made: after that
    /// nothing can be sent, and <c>CloseAsync</c> and <c>CloseOutputAsync</c>, which code written for the framework calls then, complete
    /// the state alone. <c>CloseAsync</c> never throws for what the peer does: where no Close came, the state is
    /// <see cref="System.Net.WebSockets.WebSocketState.Aborted"/>. After <c>CloseOutputAsync</c>, what comes until the peer's Close can be
    /// received as before, within <see cref="WebSocketConnectionOptions.CloseTimeout"/>.</para>
    /// <para>Disposing it begins to close the connection with 1000 and does not wait.</para>
    /// </remarks>
    public System.Net.WebSockets.WebSocket AsWebSocket() => new FrameworkWebSocket(this);
}
