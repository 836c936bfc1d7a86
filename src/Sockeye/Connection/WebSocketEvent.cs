using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Names what happened on a connection.</summary>
public enum WebSocketEventKind : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A text message.</summary>
    Text = 1,

    /// <summary>A binary message.</summary>
    Binary = 2,

    /// <summary>A ping; it has been answered already, unless <see cref="WebSocketConnectionOptions.AutoPong"/> is off.</summary>
    Ping = 3,

    /// <summary>A pong.</summary>
    Pong = 4,

    /// <summary>The end, always the last event.</summary>
    Close = 5,
}

/// <summary>Something that happened on a connection, leased: valid until the next event is asked for.</summary>
/// <remarks>Its members throw <see cref="InvalidOperationException"/> once the lease has ended.</remarks>
public readonly struct WebSocketEvent
{
    private readonly ReceiveLoop? _source;
    private readonly int _version;
    private readonly CloseResult? _close;

    internal WebSocketEvent(ReceiveLoop source, int version)
    {
        _source = source;
        _version = version;
    }

    internal WebSocketEvent(CloseResult close) => _close = close;

    /// <summary>Gets what happened.</summary>
    public WebSocketEventKind Kind =>
        _close is not null ? WebSocketEventKind.Close : _source?.Leased(_version).Kind ?? WebSocketEventKind.None;

    /// <summary>Gets the payload of a message, ping or pong; empty for the end.</summary>
    public ReadOnlySpan<byte> Data => _source is null ? default : _source.Leased(_version).Payload;

    /// <summary>Gets the payload as text, in a new string; for the end its reason.</summary>
    /// <exception cref="InvalidOperationException">It is a piece of a message: text may break inside a character there.</exception>
    public string Text => _close?.Reason ?? (_source is null ? "" : new WebSocketMessage(_source, _version).GetText());

    /// <summary>Gets the message of a text or binary event, to send it on, say.</summary>
    /// <exception cref="InvalidOperationException">The event is no message.</exception>
    public WebSocketMessage Message => Kind is WebSocketEventKind.Text or WebSocketEventKind.Binary
        ? new WebSocketMessage(_source!, _version)
        : throw new InvalidOperationException($"A {Kind} event holds no message: check Kind first.");

    /// <summary>Gets the close code of the end: the one received, 1005 where the Close frame held none, 1006 where no frame came
    /// (or the code with which this side failed the connection).</summary>
    /// <exception cref="InvalidOperationException">The event is not the end.</exception>
    public CloseCode CloseCode => Close.Code;

    /// <summary>Gets the reason of the end.</summary>
    /// <exception cref="InvalidOperationException">The event is not the end.</exception>
    public string CloseReason => Close.Reason;

    /// <summary>Gets the account of the end.</summary>
    /// <exception cref="InvalidOperationException">The event is not the end.</exception>
    public CloseResult Close => _close
        ?? throw new InvalidOperationException($"A {Kind} event is not the end of the connection: check Kind first.");

    /// <summary>Copies the payload.</summary>
    public byte[] ToArray() => Data.ToArray();
}
