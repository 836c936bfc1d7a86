using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says what a message carries.</summary>
public enum WebSocketMessageKind : byte
{
    /// <summary>No message: the connection has ended, and <see cref="WebSocketConnection.Closed"/> tells how.</summary>
    End = 0,

    /// <summary>Text, valid UTF-8.</summary>
    Text = 1,

    /// <summary>Bytes.</summary>
    Binary = 2,
}

/// <summary>A received message, leased: valid until the next read on its connection.</summary>
/// <remarks>A handle of 16 bytes. Its members throw <see cref="InvalidOperationException"/> once the lease has ended; a span or memory
/// that was taken out before cannot be checked and must not be used after it. To keep a message, copy it: <see cref="ToArray"/>,
/// <see cref="ToOwned"/>, <see cref="GetText"/>. To pass it on, send it: the engine holds or copies the bytes itself.</remarks>
public readonly struct WebSocketMessage
{
    private readonly ReceiveLoop? _source;
    private readonly int _version;

    internal WebSocketMessage(ReceiveLoop source, int version)
    {
        _source = source;
        _version = version;
    }

    /// <summary>Gets what the message carries; <see cref="WebSocketMessageKind.End"/> where the connection has ended.</summary>
    public WebSocketMessageKind Kind => _source is null ? WebSocketMessageKind.End : (WebSocketMessageKind)Source.Leased(_version).Kind;

    /// <summary>Gets whether there is no message, because the connection has ended.</summary>
    public bool IsEnd => _source is null;

    /// <summary>Gets whether the message is text.</summary>
    public bool IsText => Kind == WebSocketMessageKind.Text;

    /// <summary>Gets whether the message is binary.</summary>
    public bool IsBinary => Kind == WebSocketMessageKind.Binary;

    /// <summary>Gets the length of the payload in bytes.</summary>
    public int Length => Source.Leased(_version).Length;

    /// <summary>Gets the payload: the bytes of a binary message, the UTF-8 of a text message.</summary>
    public ReadOnlySpan<byte> Span => Source.Leased(_version).Payload;

    /// <summary>Gets the payload: the bytes of a binary message, the UTF-8 of a text message.</summary>
    public ReadOnlyMemory<byte> Memory
    {
        get
        {
            Incoming message = Source.Leased(_version);
            return new ReadOnlyMemory<byte>(message.Array, message.Start, message.Length);
        }
    }

    /// <summary>Gets whether the message begins here: true but for the later pieces of a message, which come where
    /// <see cref="WebSocketConnectionOptions.ReceiveInPieces"/> is on.</summary>
    public bool BeginsMessage => Source.Leased(_version).Part is MessagePart.Whole or MessagePart.First;

    /// <summary>Gets whether the message ends here: true but for the pieces of a message before its last one, which come where
    /// <see cref="WebSocketConnectionOptions.ReceiveInPieces"/> is on.</summary>
    public bool EndsMessage => Source.Leased(_version).Part is MessagePart.Whole or MessagePart.Last;

    internal ReceiveLoop Source => _source
        ?? throw new InvalidOperationException("This is the end of the connection, not a message: check IsEnd first.");

    internal int Version => _version;

    /// <summary>Gets whether nothing has been read since.</summary>
    internal bool IsLatest => Source.Message._version == _version;

    /// <summary>Gets what is leased, if it is a whole message.</summary>
    /// <exception cref="InvalidOperationException">The lease has ended, it is the end of its connection, or a piece.</exception>
    internal Incoming Whole
    {
        get
        {
            Incoming leased = Source.Leased(_version);
            leased.ThrowIfPiece();
            return leased;
        }
    }

    /// <summary>Copies the payload as text.</summary>
    /// <returns>The text; for a binary message its bytes read as UTF-8, those that are not valid replaced by U+FFFD.</returns>
    /// <exception cref="InvalidOperationException">It is a piece of a message: text may break inside a character there.</exception>
    public string GetText() => Encoding.UTF8.GetString(Whole.Payload);

    /// <summary>Reads the payload as JSON, straight from where it was received (RFC 8259).</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="typeInfo">How the value is read: a property of a <c>JsonSerializerContext</c>, say. Its options hold.</param>
    /// <returns>The value, which is no lease; null for <c>null</c>.</returns>
    /// <exception cref="JsonException">The payload is not JSON, or not such a value. The connection stays as it is, and the message may be
    /// read otherwise.</exception>
    /// <exception cref="NotSupportedException">There is no way to read a value of this type.</exception>
    /// <exception cref="InvalidOperationException">The lease has ended, it is the end of its connection, or a piece of a message.</exception>
    public T? GetJson<T>(JsonTypeInfo<T> typeInfo) => JsonSerializer.Deserialize(Whole.Payload, typeInfo);

    /// <summary>Copies the payload.</summary>
    public byte[] ToArray() => Span.ToArray();

    /// <summary>Copies the message, so that it may be kept.</summary>
    /// <exception cref="InvalidOperationException">It is a piece of a message.</exception>
    public OwnedMessage ToOwned()
    {
        Incoming whole = Whole;
        return new((WebSocketMessageKind)whole.Kind, whole.Payload.ToArray());
    }
}

/// <summary>A message that belongs to whoever holds it.</summary>
/// <param name="kind">What the message carries.</param>
/// <param name="data">The payload.</param>
public sealed class OwnedMessage(WebSocketMessageKind kind, ReadOnlyMemory<byte> data)
{
    /// <summary>Gets what the message carries.</summary>
    public WebSocketMessageKind Kind { get; } = kind;

    /// <summary>Gets the payload: the bytes of a binary message, the UTF-8 of a text message.</summary>
    public ReadOnlyMemory<byte> Data { get; } = data;

    /// <summary>Gets whether the message is text.</summary>
    public bool IsText => Kind == WebSocketMessageKind.Text;

    /// <summary>Reads the payload as UTF-8.</summary>
    public string GetText() => Encoding.UTF8.GetString(Data.Span);

    /// <summary>Reads the payload as JSON.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="typeInfo">How the value is read.</param>
    /// <returns>See <see cref="WebSocketMessage.GetJson"/>.</returns>
    /// <exception cref="JsonException">The payload is not JSON, or not such a value.</exception>
    /// <exception cref="NotSupportedException">There is no way to read a value of this type.</exception>
    public T? GetJson<T>(JsonTypeInfo<T> typeInfo) => JsonSerializer.Deserialize(Data.Span, typeInfo);
}
