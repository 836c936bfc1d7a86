using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Thrown by <see cref="WebSocketWire"/> where a frame breaks a rule of the protocol.</summary>
/// <remarks>A <see cref="WebSocketConnection"/> throws <see cref="WebSocketClosedException"/> instead, whose result holds the
/// violation.</remarks>
public sealed class WebSocketProtocolException : IOException
{
    /// <summary>Makes the exception for a violation.</summary>
    /// <param name="violation">The rule that was broken.</param>
    /// <param name="detail">What else there is to say; null for nothing.</param>
    public WebSocketProtocolException(Violation violation, string? detail = null)
        : base($"The peer broke the WebSocket protocol: {violation}.{(detail is null ? "" : " ")}{detail}") => Violation = violation;

    /// <summary>Gets the rule that was broken, with the code to close with.</summary>
    public Violation Violation { get; }
}
