using System.Net;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Tells of a handshake that led to no connection, for <see cref="WebSocketServer.HandshakeFailed"/> and the event of
/// the same name in ASP.NET Core.</summary>
/// <remarks>What it holds comes from the peer, who may write whatever it likes: escape it before it is shown.</remarks>
public sealed record FailedHandshake
{
    /// <summary>Gets the address of the peer; null where it is not known.</summary>
    public EndPoint? RemoteEndPoint { get; init; }

    /// <summary>Gets the request; null where none came, or what came was none.</summary>
    public RequestHead? Request { get; init; }

    /// <summary>Gets the status that it was answered with; null where it was not answered: TLS failed, the peer went away, or the time
    /// was over.</summary>
    public int? StatusCode { get; init; }

    /// <summary>Gets the rule that the request broke; null where it broke none.</summary>
    public HandshakeFault? Fault { get; init; }

    /// <summary>Gets why it failed, in words; what the peer sent is escaped in them.</summary>
    public required string Reason { get; init; }

    /// <summary>Gets the exception behind it; null for none.</summary>
    public Exception? Exception { get; init; }
}
