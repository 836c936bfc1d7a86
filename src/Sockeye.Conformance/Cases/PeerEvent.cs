namespace Sockeye.Conformance;

/// <summary>Names what the suite takes note of.</summary>
internal enum PeerEventKind
{
    Text,
    Binary,
    Ping,
    Pong,

    /// <summary>A pause of the script has ended and the connection is still open.</summary>
    Timeout,
}

/// <summary>One thing that was seen, or is to be seen, on a connection.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">The content of a message or a control frame, or the name of a pause.</param>
internal sealed record PeerEvent(PeerEventKind Kind, Payload Payload)
{
    public static PeerEvent Text(string text) => new(PeerEventKind.Text, Payload.Text(text));

    public static PeerEvent Text(Payload payload) => new(PeerEventKind.Text, payload);

    public static PeerEvent Binary(Payload payload) => new(PeerEventKind.Binary, payload);

    public static PeerEvent Pong(string text) => new(PeerEventKind.Pong, Payload.Text(text));

    public static PeerEvent Pong(Payload payload) => new(PeerEventKind.Pong, payload);

    public static PeerEvent Timeout(string name) => new(PeerEventKind.Timeout, Payload.Text(name));

    public bool IsSameAs(PeerEvent other) => Kind == other.Kind && Payload.IsSameAs(other.Payload);

    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()}, {Payload}";
}
