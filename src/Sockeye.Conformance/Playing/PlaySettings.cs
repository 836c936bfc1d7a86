using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Says how a case is played.</summary>
internal sealed record PlaySettings
{
    /// <summary>Gets the role of the suite; the endpoint has the other one.</summary>
    public Role Role { get; init; } = Role.Client;

    /// <summary>Gets what was agreed for permessage-deflate; null for none.</summary>
    public DeflateParameters? Deflate { get; init; }

    /// <summary>Gets what makes mask keys; random ones where it is not set.</summary>
    public Func<uint> NextMask { get; init; } = () => BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));

    /// <summary>Gets by how much pauses, the limits of cases and those of the closing handshake are stretched, for slow machines; 1 is as the
    /// rules say.</summary>
    public double Patience { get; init; } = 1;

    /// <summary>Gets how long the endpoint may take to answer Close; 1 s.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Gets how long the server may take to end TCP after both Close frames; 1 s.</summary>
    public TimeSpan DropTimeout { get; init; } = TimeSpan.FromSeconds(1);
}
