using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says how far an <see cref="EventWebSocket"/> is; the numbers are those of the WHATWG standard.</summary>
public enum EventWebSocketState
{
    /// <summary>It connects.</summary>
    Connecting = 0,

    /// <summary>Messages may be sent and come.</summary>
    Open = 1,

    /// <summary>It closes, or is about to.</summary>
    Closing = 2,

    /// <summary>It has closed, or never opened.</summary>
    Closed = 3,
}

/// <summary>Says how an <see cref="EventWebSocket"/> gives out binary messages.</summary>
public enum WebSocketBinaryType
{
    /// <summary>As an array of their own, which may be kept.</summary>
    Array = 0,

    /// <summary>Where they lie, without a copy: valid until the handlers of the message have returned.</summary>
    Leased = 1,
}

/// <summary>Holds a message.</summary>
/// <param name="text">The text; null for a binary message.</param>
/// <param name="data">The bytes; empty for a text message.</param>
public sealed class WebSocketMessageEventArgs(string? text, ReadOnlyMemory<byte> data) : EventArgs
{
    /// <summary>Gets the text; null for a binary message.</summary>
    public string? Text { get; } = text;

    /// <summary>Gets the bytes of a binary message; empty for text. How long they are valid <see cref="EventWebSocket.BinaryType"/>
    /// says.</summary>
    public ReadOnlyMemory<byte> Data { get; } = data;

    /// <summary>Gets whether the message is text.</summary>
    public bool IsText => Text is not null;
}

/// <summary>Holds a ping or a pong.</summary>
/// <param name="data">The payload.</param>
public sealed class WebSocketControlEventArgs(ReadOnlyMemory<byte> data) : EventArgs
{
    /// <summary>Gets the payload, at most 125 bytes.</summary>
    public ReadOnlyMemory<byte> Data { get; } = data;
}

/// <summary>Holds the server's response to the request to upgrade.</summary>
/// <param name="headers">The headers.</param>
public sealed class WebSocketUpgradeEventArgs(HttpHeaders headers) : EventArgs
{
    /// <summary>Gets the headers of the response.</summary>
    public HttpHeaders Headers { get; } = headers;
}

/// <summary>Holds a response that is no upgrade.</summary>
/// <param name="exception">What the server said.</param>
public sealed class WebSocketResponseEventArgs(WebSocketHandshakeException exception) : EventArgs
{
    /// <summary>Gets the status, the headers and the body of the response.</summary>
    public WebSocketHandshakeException Exception { get; } = exception;

    /// <summary>Gets the status of the response.</summary>
    public int StatusCode { get; } = exception.StatusCode.GetValueOrDefault();
}

/// <summary>Holds what went wrong.</summary>
/// <param name="exception">The failure.</param>
public sealed class WebSocketErrorEventArgs(Exception exception) : EventArgs
{
    /// <summary>Gets the failure: <see cref="WebSocketHandshakeException"/> where the connection did not come about,
    /// <see cref="WebSocketClosedException"/> where it broke.</summary>
    public Exception Exception { get; } = exception;

    /// <summary>Gets what happened, in words.</summary>
    public string Message => Exception.Message;
}

/// <summary>Holds the end.</summary>
/// <param name="result">The account of the connection; null where none came about.</param>
public sealed class WebSocketCloseEventArgs(CloseResult? result) : EventArgs
{
    /// <summary>Gets the code: see <see cref="CloseResult.Code"/>; <see cref="CloseCode.Abnormal"/> (1006) where no connection came
    /// about.</summary>
    public CloseCode Code => Result?.Code ?? CloseCode.Abnormal;

    /// <summary>Gets the reason that belongs to <see cref="Code"/>.</summary>
    public string Reason => Result?.Reason ?? "";

    /// <summary>Gets whether both sides sent a Close frame and neither failed the connection.</summary>
    public bool WasClean => Result is { IsClean: true };

    /// <summary>Gets the whole account; null where no connection came about.</summary>
    public CloseResult? Result { get; } = result;
}
