using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Describes one attempt to connect.</summary>
public sealed record ConnectAttempt
{
    /// <summary>Gets the address: one of the list, whose turn it is.</summary>
    public required Uri Uri { get; init; }

    /// <summary>Gets how to connect: <see cref="ReconnectOptions.Client"/>.</summary>
    public required WebSocketClientOptions Options { get; init; }

    /// <summary>Gets how many failures came before it in a row: 0 for the first attempt, 1 after a connection that had held.</summary>
    public int Failures { get; init; }

    /// <summary>Gets the failure right before it; null for the first attempt.</summary>
    public ReconnectFailure? Previous { get; init; }
}

/// <summary>Describes why an attempt failed, or how a connection was lost.</summary>
public sealed record ReconnectFailure
{
    /// <summary>Gets the attempt that failed, or that the lost connection came from.</summary>
    public required ConnectAttempt Attempt { get; init; }

    /// <summary>Gets how the connection ended; null where none had come about, or where this side gave it up for
    /// <see cref="Exception"/>.</summary>
    public CloseResult? Result { get; init; }

    /// <summary>Gets what was thrown: a <see cref="WebSocketHandshakeException"/> for a failed handshake, a
    /// <see cref="WebSocketClosedException"/> for a lost connection, else what <see cref="ReconnectOptions.Connect"/> or
    /// <see cref="ReconnectingWebSocketOptions.Subscribe"/> threw.</summary>
    public required Exception Exception { get; init; }

    /// <summary>Gets how long the connection was open; null where none had come about.</summary>
    public TimeSpan? Uptime { get; init; }

    /// <summary>Gets the status that the server answered instead of 101; null where there was none.</summary>
    public int? StatusCode => (Exception as WebSocketHandshakeException)?.StatusCode;

    /// <summary>Gets the code that the peer closed with; null where it sent no Close frame.</summary>
    public CloseCode? CloseCode => Result?.ReceivedCode;

    /// <summary>Gets whether trying again is pointless, as far as this can be told from the outside: the server answered with a status
    /// below 500 other than 408, 425 and 429; its answer broke the protocol; its certificate, or that of the proxy, is not trusted; it closed
    /// with 1002, 1003, 1007–1010, 3000 or 3003, which blame this client; or an argument was wrong. All else may pass, also a close with
    /// 1000.</summary>
    public bool IsFatal => CloseCode is { } code ? IsFatalCode(code) : Exception switch
    {
        WebSocketHandshakeException { Cause: HandshakeFailure.Protocol } => true,
        WebSocketHandshakeException { IsUntrusted: true } => true,
        WebSocketHandshakeException { StatusCode: { } status } => status < 500 && status is not (408 or 425 or 429),
        ArgumentException => true,
        _ => false,
    };

    /// <summary>Makes the failure of a connection that was open.</summary>
    internal static ReconnectFailure Of(ConnectAttempt attempt, CloseResult result, TimeSpan uptime) => new()
    {
        Attempt = attempt,
        Result = result,
        Exception = new WebSocketClosedException(result),
        Uptime = uptime,
    };

    /// <summary>Gets how long the server asked to be left alone (<c>Retry-After</c>); null where it did not.</summary>
    internal TimeSpan? RetryAfter(DateTimeOffset now)
    {
        string? value = (Exception as WebSocketHandshakeException)?.Headers?["Retry-After"];
        if (uint.TryParse(value, out uint seconds))
            return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParseExact(
            value, "r", null, System.Globalization.DateTimeStyles.AssumeUniversal, out DateTimeOffset at) && at > now ? at - now : null;
    }

    private static bool IsFatalCode(CloseCode code) => code is Protocol.CloseCode.ProtocolError or Protocol.CloseCode.UnsupportedData
        or Protocol.CloseCode.InvalidPayload or Protocol.CloseCode.PolicyViolation or Protocol.CloseCode.MessageTooBig
        or Protocol.CloseCode.MandatoryExtension or Protocol.CloseCode.Unauthorized or Protocol.CloseCode.Forbidden;
}

/// <summary>Thrown where connecting again has been given up, or was ended by this side; tells the failure.</summary>
public sealed class WebSocketReconnectException : IOException
{
    internal WebSocketReconnectException(ReconnectFailure? failure)
        : base(
            failure is null
                ? "This side has closed the reconnecting WebSocket: make a new one to connect again."
                : $"Connecting to {PeerText.Escape(failure.Attempt.Uri.Host)} again is pointless: {failure.Exception.Message} "
                    + "IsFatal of ReconnectOptions can judge otherwise.",
            failure?.Exception) => Failure = failure;

    /// <summary>Gets the failure that was final; null where this side closed.</summary>
    public ReconnectFailure? Failure { get; }
}
