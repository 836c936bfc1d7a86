
namespace Sockeye;

/// <summary>Holds what the opening handshake agreed on.</summary>
internal sealed record ConnectionDetails
{
    public static ConnectionDetails None { get; } = new();

    public string? Subprotocol { get; init; }

    public string? Extensions { get; init; }
}
