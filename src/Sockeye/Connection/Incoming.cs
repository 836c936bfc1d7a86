using System.Diagnostics.CodeAnalysis;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Something received, on its way to the application.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Array">Where its payload lies.</param>
/// <param name="Start">Where the payload begins.</param>
/// <param name="Length">The length of the payload in bytes.</param>
/// <param name="Hold">What keeps the payload valid; null where it lies in the current block of the transport.</param>
internal readonly record struct Incoming(WebSocketEventKind Kind, byte[] Array, int Start, int Length, SharedMemory? Hold)
{
    // What an item counts for in ReadAhead at least: its place in the queue.
    private const int LeastCost = 64;

    /// <summary>Gets how much of its message it is.</summary>
    public MessagePart Part { get; init; }

    public bool IsMessage => Kind is WebSocketEventKind.Text or WebSocketEventKind.Binary;

    public int Cost => Math.Max(Length, LeastCost);

    public ReadOnlySpan<byte> Payload => Array.AsSpan(Start, Length);

    /// <summary>Refuses what needs all of a message.</summary>
    /// <exception cref="InvalidOperationException">It is only a piece of a message.</exception>
    public void ThrowIfPiece()
    {
        if (Part != MessagePart.Whole)
            ThrowPiece();
    }

    [DoesNotReturn]
    private static void ThrowPiece() => throw new InvalidOperationException(
        "This is a piece of a message, and not all of it (ReceiveInPieces is on): take its Span, or read the message with ReceiveStreamAsync.");
}
