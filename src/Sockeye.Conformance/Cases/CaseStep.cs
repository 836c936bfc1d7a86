using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>One step of the script of a case.</summary>
internal abstract record CaseStep;

/// <summary>Sends one frame, allowed or not: every bit of its header can be set.</summary>
/// <param name="Opcode">The opcode, 0–15.</param>
/// <param name="Payload">The payload.</param>
internal sealed record SendFrame(Opcode Opcode, Payload Payload) : CaseStep
{
    /// <summary>Gets FIN.</summary>
    public bool IsFinal { get; init; } = true;

    /// <summary>Gets the reserved bits as a number of 0–7: RSV1 is 4, RSV2 is 2, RSV3 is 1.</summary>
    public int Rsv { get; init; }

    /// <summary>Gets whether the payload is masked; null is as the role demands.</summary>
    public bool? IsMasked { get; init; }

    /// <summary>Gets how many bytes the extended length takes: 0, 2 or 8; null is the shortest form.</summary>
    public int? LengthSize { get; init; }

    /// <summary>Gets how many bytes are written at a time; 0 writes the frame at once.</summary>
    public int Chop { get; init; }

    /// <summary>Gets whether the frame is written by itself, not together with its neighbours.</summary>
    public bool Sync { get; init; }
}

/// <summary>Sends the header of a frame of which the payload follows in pieces.</summary>
internal sealed record SendHeader(Opcode Opcode, ulong Length) : CaseStep
{
    /// <summary>Gets the reserved bits as a number of 0–7: RSV1 is 4, RSV2 is 2, RSV3 is 1.</summary>
    public int Rsv { get; init; }
}

/// <summary>Sends a piece of the payload of the frame that <see cref="SendHeader"/> began.</summary>
internal sealed record SendPiece(Payload Piece) : CaseStep;

/// <summary>Sends bytes as they are.</summary>
internal sealed record SendRaw(ReadOnlyMemory<byte> Bytes) : CaseStep;

/// <summary>Sends a message: compressed where that was negotiated, in fragments of <paramref name="FragmentSize"/> bytes where that is
/// not 0.</summary>
internal sealed record SendMessage(Opcode Opcode, Payload Payload, int FragmentSize = 0) : CaseStep
{
    /// <summary>Gets what is sent between two fragments; null sends nothing there.</summary>
    public SendFrame? Between { get; init; }
}

/// <summary>Begins the closing handshake, or what passes for it: from here on the suite is the side that closed.</summary>
/// <param name="Body">The body of the Close frame, valid or not.</param>
internal sealed record SendClose(Payload Body) : CaseStep;

/// <summary>Pauses.</summary>
/// <param name="Duration">How long.</param>
/// <param name="Name">The name under which the end of the pause is noted, where the connection is still open; null notes nothing.</param>
internal sealed record Wait(TimeSpan Duration, string? Name = null) : CaseStep
{
    /// <summary>Gets whether nothing is read meanwhile.</summary>
    public bool HoldsReading { get; init; }
}

/// <summary>Ends the direction of the suite, with or without a closing handshake: from here on the suite is the side that closed.</summary>
internal sealed record EndSending : CaseStep;

/// <summary>Resets the connection, and with it ends the case.</summary>
internal sealed record Reset : CaseStep;

/// <summary>Waits for the next event; any other one than this fails the case.</summary>
internal sealed record Expect(PeerEvent Event) : CaseStep;
