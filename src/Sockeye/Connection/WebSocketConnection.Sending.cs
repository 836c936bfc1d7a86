using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <content>How messages are sent (rules S1 to S10).</content>
public sealed partial class WebSocketConnection
{
    /// <summary>Sends a message that was received, here or on another connection; its lease need not last until the task completes.</summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Withdraws the message if its first byte has not been framed; no effect after that.</param>
    /// <returns>See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</returns>
    /// <exception cref="InvalidOperationException">The lease has ended, or the message is the end of its connection, or a piece.</exception>
    public ValueTask SendAsync(WebSocketMessage message, CancellationToken cancellationToken = default) =>
        SendAsync(message, SendOptions.None, cancellationToken);

    /// <inheritdoc cref="SendAsync(WebSocketMessage, CancellationToken)"/>
    /// <param name="message">The message.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <param name="cancellationToken">Withdraws the message if its first byte has not been framed; no effect after that.</param>
    public ValueTask SendAsync(WebSocketMessage message, SendOptions options, CancellationToken cancellationToken = default)
    {
        Incoming leased = message.Whole;
        var opcode = (Opcode)leased.Kind;
        if (leased.Length > SendBuffer.CopyLimit)
        {
            SharedMemory hold = message.Source.HoldLease(message.Version);
            return Send.SendAsync(opcode, leased.Array.AsMemory(leased.Start, leased.Length), hold, options, cancellationToken);
        }

        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : Send.SendSmall(opcode, leased.Payload, options, cancellationToken);
    }

    /// <summary>Sends a message.</summary>
    /// <param name="payload">The payload. Up to 16 KiB it is copied at the call; a larger one is sent from this memory, which must
    /// not change until the task completes.</param>
    /// <param name="kind">What the message carries; the payload of text must be valid UTF-8.</param>
    /// <param name="cancellationToken">Withdraws the message if its first byte has not been framed; no effect after that. A token
    /// that is cancelled already sends nothing.</param>
    /// <returns>A task that completes when the message has been accepted and at most
    /// <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes wait; for a larger payload when its memory is no longer needed.
    /// It need not be awaited: messages leave in the order of the calls. What fails later shows in <see cref="Closed"/>, in
    /// <see cref="DrainAsync"/> and in the next send.</returns>
    /// <exception cref="ArgumentException">The kind is none, or the text is not UTF-8.</exception>
    /// <exception cref="WebSocketClosedException">The connection is closing or has ended.</exception>
    public ValueTask SendAsync(
        ReadOnlyMemory<byte> payload, WebSocketMessageKind kind = WebSocketMessageKind.Binary, CancellationToken cancellationToken = default) =>
        Send.SendAsync(OpcodeOf(kind, payload.Span), payload, hold: null, SendOptions.None, cancellationToken);

    /// <inheritdoc cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>
    /// <param name="payload">The payload. Up to 16 KiB it is copied at the call; a larger one is sent from this memory, which must
    /// not change until the task completes.</param>
    /// <param name="kind">What the message carries; the payload of text must be valid UTF-8.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <param name="cancellationToken">Withdraws the message if its first byte has not been framed; no effect after that.</param>
    public ValueTask SendAsync(
        ReadOnlyMemory<byte> payload, WebSocketMessageKind kind, SendOptions options, CancellationToken cancellationToken = default) =>
        Send.SendAsync(OpcodeOf(kind, payload.Span), payload, hold: null, options, cancellationToken);

    /// <summary>Sends a message that was prepared for many connections.</summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">A token that is cancelled already sends nothing.</param>
    /// <returns>A task that completes when the message has been accepted and at most
    /// <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes wait.</returns>
    /// <exception cref="WebSocketClosedException">The connection is closing or has ended.</exception>
    public ValueTask SendAsync(PreparedMessage message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Send.SendPrepared(message, cancellationToken);
    }

    /// <summary>Sends a text message.</summary>
    /// <param name="text">The text; a lone surrogate is sent as U+FFFD.</param>
    /// <param name="cancellationToken">See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</param>
    /// <returns>See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</returns>
    /// <exception cref="WebSocketClosedException">The connection is closing or has ended.</exception>
    public ValueTask SendTextAsync(string text, CancellationToken cancellationToken = default) =>
        SendTextAsync(text, SendOptions.None, cancellationToken);

    /// <inheritdoc cref="SendTextAsync(string, CancellationToken)"/>
    /// <param name="text">The text; a lone surrogate is sent as U+FFFD.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <param name="cancellationToken">See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</param>
    public ValueTask SendTextAsync(string text, SendOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Send.SendText(text, options, cancellationToken);
    }

    /// <summary>Sends the memory of values as a binary message, in the byte order of this machine.</summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="values">The values, copied at the call. A structure with padding is sent with it, whatever it holds.</param>
    /// <param name="cancellationToken">See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</param>
    /// <returns>See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</returns>
    /// <exception cref="WebSocketClosedException">The connection is closing or has ended.</exception>
    public ValueTask SendSpanAsync<T>(ReadOnlySpan<T> values, CancellationToken cancellationToken = default)
        where T : unmanaged => SendSpanAsync(values, SendOptions.None, cancellationToken);

    /// <inheritdoc cref="SendSpanAsync{T}(ReadOnlySpan{T}, CancellationToken)"/>
    /// <param name="values">The values, copied at the call.</param>
    /// <param name="options">Whether they may be compressed.</param>
    /// <param name="cancellationToken">See <see cref="SendAsync(ReadOnlyMemory{byte}, WebSocketMessageKind, CancellationToken)"/>.</param>
    public ValueTask SendSpanAsync<T>(ReadOnlySpan<T> values, SendOptions options, CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);

        ReadOnlySpan<byte> bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(values);
        if (bytes.Length <= SendBuffer.CopyLimit)
            return Send.SendSmall(Opcode.Binary, bytes, options, cancellationToken);
        PooledArray copy = PooledArray.Copy(bytes, Buffers.Arrays);
        return Send.SendAsync(Opcode.Binary, copy.Array.AsMemory(0, bytes.Length), copy, options, cancellationToken);
    }

    /// <summary>Sends a message or refuses it, at once: never waits, never throws for the state of the connection.</summary>
    /// <param name="payload">The payload, copied at the call.</param>
    /// <param name="kind">What the message carries; the payload of text must be valid UTF-8.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <returns>What became of the message.</returns>
    /// <exception cref="ArgumentException">The kind is none, or the text is not UTF-8.</exception>
    public SendResult TrySend(
        ReadOnlySpan<byte> payload, WebSocketMessageKind kind = WebSocketMessageKind.Binary, SendOptions options = SendOptions.None) =>
        Send.TrySend(OpcodeOf(kind, payload), payload, options);

    /// <summary>Begins a message that is sent in pieces, each as a fragment. Other messages queue behind it; control frames pass.</summary>
    /// <param name="kind">What the message carries.</param>
    /// <param name="options">Whether it may be compressed: it is decided with the first piece.</param>
    /// <returns>The message: write to it, then <see cref="StreamedMessage.CompleteAsync"/>, then dispose it.</returns>
    /// <exception cref="WebSocketClosedException">The connection is closing or has ended.</exception>
    public StreamedMessage OpenMessage(
        WebSocketMessageKind kind = WebSocketMessageKind.Binary, SendOptions options = SendOptions.None) =>
        new(this, kind, OpcodeOf(kind, []), options, Send.OpenStream());

    /// <summary>Waits until everything accepted so far has been taken by the operating system.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="WebSocketClosedException">The connection ended before that.</exception>
    public ValueTask DrainAsync(CancellationToken cancellationToken = default) => Send.DrainAsync(cancellationToken);

    private Opcode OpcodeOf(WebSocketMessageKind kind, ReadOnlySpan<byte> payload)
    {
        if (kind == WebSocketMessageKind.Binary)
            return Opcode.Binary;
        if (kind != WebSocketMessageKind.Text)
            throw new ArgumentException($"A message is Text or Binary; {kind} cannot be sent.", nameof(kind));
        if (!Terms.Options.SkipUtf8Validation && !Utf8Text.IsValid(payload))
            throw new ArgumentException("The payload is not valid UTF-8, which a text message must be: send it as Binary.", nameof(payload));
        return Opcode.Text;
    }
}
