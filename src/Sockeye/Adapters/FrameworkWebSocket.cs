using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using Sockeye.Protocol;

namespace Sockeye.Adapters;

/// <summary>A connection as the framework's type. Its state is what its caller has seen and done, as there: it changes with calls, not
/// with what the engine knows already.</summary>
internal sealed class FrameworkWebSocket(WebSocketConnection socket) : WebSocket
{
    // The reader's: the message that is being received, and how much of it has been.
    private WebSocketMessage _message;
    private int _taken;
    private bool _isInMessage;

    // The writer's.
    private StreamedMessage? _streamed;

    private CloseResult? _received;
    private volatile bool _isCloseSent;
    private volatile bool _isAborted;
    private volatile bool _isDisposed;

    public override WebSocketState State => (_isAborted, _isDisposed, _isCloseSent, Volatile.Read(ref _received)) switch
    {
        (true, _, _, _) => WebSocketState.Aborted,
        (_, true, _, _) or (_, _, true, not null) => WebSocketState.Closed,
        (_, _, true, _) => WebSocketState.CloseSent,
        (_, _, _, not null) => WebSocketState.CloseReceived,
        _ => WebSocketState.Open,
    };

    public override WebSocketCloseStatus? CloseStatus => Volatile.Read(ref _received)?.ReceivedCode switch
    {
        null => null,
        // As the framework has it, and as code that compares with it expects.
        CloseCode.NoStatus => WebSocketCloseStatus.NormalClosure,
        { } code => (WebSocketCloseStatus)code,
    };

    public override string? CloseStatusDescription => Volatile.Read(ref _received)?.ReceivedReason;

    public override string? SubProtocol => socket.Subprotocol;

    public override async Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(buffer.Array, nameof(buffer));
        ValueWebSocketReceiveResult result = await ReceiveAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
        return result.MessageType == WebSocketMessageType.Close
            ? new WebSocketReceiveResult(0, WebSocketMessageType.Close, true, CloseStatus, CloseStatusDescription)
            : new WebSocketReceiveResult(result.Count, result.MessageType, result.EndOfMessage);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ThrowUnless(WebSocketState.Open, WebSocketState.CloseSent);
        cancellationToken.ThrowIfCancellationRequested();
        if (_isInMessage)
            return Take(buffer.Span);
        try
        {
            WebSocketMessage message = await socket.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (message.IsEnd)
                return OnEnd(socket.Close.Snapshot());
            _message = message;
            _taken = 0;
            _isInMessage = true;
        }
        catch (WebSocketClosedException e)
        {
            return OnEnd(e.Result);
        }

        return Take(buffer.Span);
    }

    public override Task SendAsync(
        ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(buffer.Array, nameof(buffer));
        return SendAsync(buffer.AsMemory(), messageType, endOfMessage, cancellationToken).AsTask();
    }

    public override ValueTask SendAsync(
        ReadOnlyMemory<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) =>
        SendAsync(buffer, messageType, endOfMessage ? WebSocketMessageFlags.EndOfMessage : WebSocketMessageFlags.None, cancellationToken);

    public override ValueTask SendAsync(
        ReadOnlyMemory<byte> buffer,
        WebSocketMessageType messageType,
        WebSocketMessageFlags messageFlags,
        CancellationToken cancellationToken)
    {
        WebSocketMessageKind kind = messageType switch
        {
            WebSocketMessageType.Text => WebSocketMessageKind.Text,
            WebSocketMessageType.Binary => WebSocketMessageKind.Binary,
            _ => throw new ArgumentException($"A message is Text or Binary; {messageType} is sent by CloseOutputAsync.", nameof(messageType)),
        };
        return SendAsync(buffer, kind, messageFlags, cancellationToken);
    }

    public override Task CloseOutputAsync(
        WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken)
    {
        ThrowUnless(WebSocketState.Open, WebSocketState.CloseReceived);
        cancellationToken.ThrowIfCancellationRequested();
        (CloseCode code, string reason) = BeginClose(closeStatus, statusDescription);
        _ = socket.CloseOutputAsync(code, reason);
        return Task.CompletedTask;
    }

    public override async Task CloseAsync(
        WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken)
    {
        ThrowUnless(WebSocketState.Open, WebSocketState.CloseReceived, WebSocketState.CloseSent);
        cancellationToken.ThrowIfCancellationRequested();
        (CloseCode code, string reason) = BeginClose(closeStatus, statusDescription);
        CloseResult result = await socket.CloseAsync(code, reason, cancellationToken).ConfigureAwait(false);
        if (result.ReceivedCode is null)
            _isAborted = true;
        else
            Volatile.Write(ref _received, result);
    }

    public override void Abort()
    {
        _isAborted = true;
        socket.Abort();
    }

    public override void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _ = _streamed?.DisposeAsync().AsTask();
        _ = socket.DisposeAsync().AsTask();
    }

    private (CloseCode Code, string Reason) BeginClose(WebSocketCloseStatus status, string? description)
    {
        var code = (CloseCode)status;
        string reason = description ?? "";
        ClosePayload.Validate(code, reason);
        // Before the frame leaves: the peer's may be received before the call returns.
        _isCloseSent = true;
        return (code, reason);
    }

    private ValueWebSocketReceiveResult Take(Span<byte> buffer)
    {
        ReadOnlySpan<byte> rest = _message.Span[_taken..];
        int count = Math.Min(rest.Length, buffer.Length);
        rest[..count].CopyTo(buffer);
        _taken += count;
        _isInMessage = count < rest.Length;
        return new ValueWebSocketReceiveResult(
            count,
            _message.IsText ? WebSocketMessageType.Text : WebSocketMessageType.Binary,
            endOfMessage: !_isInMessage && _message.EndsMessage);
    }

    /// <summary>Reports the peer's Close, or that none came.</summary>
    private ValueWebSocketReceiveResult OnEnd(CloseResult result)
    {
        if (result.ReceivedCode is null)
        {
            Exception failure = Failure(result);
            _isAborted = true;
            throw failure;
        }

        Volatile.Write(ref _received, result);
        return new ValueWebSocketReceiveResult(0, WebSocketMessageType.Close, endOfMessage: true);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(
        ReadOnlyMemory<byte> buffer, WebSocketMessageKind kind, WebSocketMessageFlags flags, CancellationToken cancellationToken)
    {
        ThrowUnless(WebSocketState.Open, WebSocketState.CloseReceived);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await BeginSend(buffer, kind, flags, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketClosedException e)
        {
            throw Failure(e.Result);
        }
    }

    private ValueTask BeginSend(
        ReadOnlyMemory<byte> buffer, WebSocketMessageKind kind, WebSocketMessageFlags flags, CancellationToken cancellationToken)
    {
        SendOptions options = (flags & WebSocketMessageFlags.DisableCompression) == 0 ? SendOptions.None : SendOptions.DoNotCompress;
        bool isLast = (flags & WebSocketMessageFlags.EndOfMessage) != 0;
        if (isLast && _streamed is null)
            return socket.SendAsync(buffer, kind, options, cancellationToken);

        _streamed ??= socket.OpenMessage(kind, options);
        if (!isLast)
            return _streamed.WriteAsync(buffer, CancellationToken.None);
        ValueTask sent = _streamed.CompleteAsync(buffer, CancellationToken.None);
        _streamed = null;
        return sent;
    }

    /// <summary>Explains an end without the peer's Close as the framework does.</summary>
    private Exception Failure(CloseResult result)
    {
        var closed = new WebSocketClosedException(result);
        if (_isAborted)
            return new OperationCanceledException(nameof(WebSocketState.Aborted), closed);
        return new WebSocketException(
            result.Cause == CloseCause.Violation ? WebSocketError.Faulted : WebSocketError.ConnectionClosedPrematurely, closed.Message, closed);
    }

    private void ThrowUnless(params ReadOnlySpan<WebSocketState> valid)
    {
        WebSocketState state = State;
        if (valid.Contains(state))
            return;
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        throw new WebSocketException(
            WebSocketError.InvalidState,
            $"The WebSocket is in the state {state}; this can be done in the states {string.Join(", ", valid.ToArray())}.");
    }
}
