using System.Net.Security;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Says at which step an opening handshake failed.</summary>
public enum HandshakeFailure
{
    /// <summary>The name of the host has no address.</summary>
    Dns,

    /// <summary>No connection came about: nobody listens there, or nothing leads there.</summary>
    Connect,

    /// <summary>The proxy could not be reached, or did not connect to the server; <see cref="WebSocketHandshakeException.StatusCode"/>
    /// tells its answer, where it gave one.</summary>
    Proxy,

    /// <summary>TLS failed: the certificate is not trusted or is for another name (<see cref="WebSocketHandshakeException.CertificateErrors"/>),
    /// or there is no TLS at all.</summary>
    Tls,

    /// <summary>It took longer than the timeout.</summary>
    Timeout,

    /// <summary>The peer ended or reset the connection before the handshake was over.</summary>
    Ended,

    /// <summary>The server answered with a status other than 101.</summary>
    Status,

    /// <summary>The server's answer breaks the protocol; <see cref="WebSocketHandshakeException.Fault"/> tells how. Or the server does
    /// not speak that of <see cref="WebSocketClientOptions.Http2"/>.</summary>
    Protocol,

    /// <summary>This side refused the client's request; <see cref="WebSocketHandshakeException.Fault"/> tells why.</summary>
    Refused,
}

/// <summary>Thrown where an opening handshake failed; tells at which step, and what the server answered.</summary>
public sealed class WebSocketHandshakeException : IOException
{
    /// <summary>Makes the exception of a failure.</summary>
    /// <param name="cause">The step that failed.</param>
    /// <param name="message">What happened and what to do about it.</param>
    /// <param name="innerException">The exception behind it; null for none.</param>
    public WebSocketHandshakeException(HandshakeFailure cause, string message, Exception? innerException = null)
        : base(message, innerException) => Cause = cause;

    internal WebSocketHandshakeException(HandshakeFailure cause, HandshakeFault fault)
        : base(cause == HandshakeFailure.Refused
            ? $"The request to upgrade was refused: {fault}."
            : $"The server's answer to the request to upgrade breaks the protocol: {fault}.")
    {
        Cause = cause;
        Fault = fault;
    }

    /// <summary>Gets the step that failed.</summary>
    public HandshakeFailure Cause { get; }

    /// <summary>Gets the rule that the peer broke; null where none was.</summary>
    public HandshakeFault? Fault { get; }

    /// <summary>Gets the status of the response; null where none came.</summary>
    public int? StatusCode => Response?.StatusCode;

    /// <summary>Gets the words behind the status; null where no response came.</summary>
    public string? ReasonPhrase => Response?.ReasonPhrase;

    /// <summary>Gets the headers of the response; null where none came.</summary>
    public HttpHeaders? Headers => Response?.Headers;

    /// <summary>Gets the first 64 KiB of the body of a response other than 101, chunks joined, as far as it came within a second;
    /// empty where there is none. Other content encodings are left as they are.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Gets what is wrong with the server's certificate, where TLS failed for that; the message says it in words.</summary>
    public SslPolicyErrors CertificateErrors { get; init; }

    /// <summary>Gets whether the certificate of the server, or of the proxy, was refused: by the framework or by the user.</summary>
    internal bool IsUntrusted { get; init; }

    /// <summary>Gets the versions of the WebSocket protocol that the server named in a response other than 101, as it does where it
    /// does not speak that of <see cref="WebSocketClientOptions.ProtocolVersion"/>; empty where it named none.</summary>
    public IReadOnlyList<int> SupportedVersions { get; init; } = [];

    internal ResponseHead? Response { get; init; }
}
