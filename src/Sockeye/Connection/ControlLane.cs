using System.Buffers;

namespace Sockeye;

/// <summary>Control frames that pass the output of a connection, and the newest ping to answer. Guarded by its lock.</summary>
internal sealed class ControlLane
{
    /// <summary>Gets or sets the frames that wait; null for none.</summary>
    public byte[]? Frames { get; set; }

    public int Length { get; set; }

    /// <summary>Gets or sets the pings among them, linked.</summary>
    public PendingPing? Pings { get; set; }

    /// <summary>Gets or sets the payload of the newest ping that is to be answered.</summary>
    public byte[]? Pong { get; set; }

    /// <summary>Gets or sets its length; -1 where none is to be answered.</summary>
    public int PongLength { get; set; } = -1;

    /// <summary>Gets or sets the frames that the transport is reading.</summary>
    public byte[]? InFlight { get; set; }

    /// <summary>Gets whether something waits.</summary>
    public bool HasOutput => Length > 0 || PongLength >= 0;

    /// <summary>Puts back what waits, at the end of the connection.</summary>
    public void Return(ArrayPool<byte> arrays)
    {
        if (Frames is not null)
            arrays.Return(Frames);
        if (Pong is not null)
            arrays.Return(Pong);
        Frames = Pong = null;
        Length = 0;
        PongLength = -1;
    }

    /// <summary>Puts back what the transport has taken.</summary>
    public void Landed(ArrayPool<byte> arrays)
    {
        if (InFlight is not null)
            arrays.Return(InFlight);
        InFlight = null;
    }
}
