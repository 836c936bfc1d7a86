namespace Sockeye;

/// <summary>Says what a message carries.</summary>
public enum WebSocketMessageKind : byte
{
    /// <summary>No message: the connection has ended.</summary>
    End = 0,

    /// <summary>Text, UTF-8.</summary>
    Text = 1,

    /// <summary>Bytes.</summary>
    Binary = 2,
}

/// <summary>A received message, leased.</summary>
public readonly struct WebSocketMessage
{
}
