namespace Sockeye;

/// <summary>Sets how a connection appears as a stream. Immutable.</summary>
public sealed record WebSocketStreamOptions
{
    /// <summary>The default options.</summary>
    public static WebSocketStreamOptions Default { get; } = new();

    /// <summary>Gets what writes are sent as; <see cref="WebSocketMessageKind.Binary"/> by default. What is written as
    /// <see cref="WebSocketMessageKind.Text"/> must be UTF-8; it may break inside a character, whose beginning then waits for the next
    /// write. Both kinds are read.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is neither.</exception>
    public WebSocketMessageKind MessageKind
    {
        get;
        init
        {
            if (value is not (WebSocketMessageKind.Text or WebSocketMessageKind.Binary))
                throw new ArgumentOutOfRangeException(nameof(MessageKind), value, "A message is Text or Binary.");
            field = value;
        }
    } = WebSocketMessageKind.Binary;

    /// <summary>Gets whether each read gives one whole message; false by default: a read gives what fits of one message, and the next
    /// one its rest. Where true, a read into memory that is too small throws <see cref="ArgumentException"/>, which names the length
    /// of the message, and takes nothing of it.</summary>
    public bool WholeMessages { get; init; }

    /// <summary>Gets whether the connection stays open when the stream is disposed; false by default.</summary>
    public bool LeaveOpen { get; init; }
}
