using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds a request to upgrade before it is sent, for a <see cref="WebSocketClientOptions.RequestCallback"/> to see and to edit.</summary>
public sealed class WebSocketClientRequest
{
    internal WebSocketClientRequest(Uri uri, HttpHeaders headers)
    {
        Uri = uri;
        Headers = headers;
    }

    /// <summary>Gets the address, without credentials.</summary>
    public Uri Uri { get; }

    /// <summary>Gets the headers besides those of the handshake itself: those of the options, credentials and cookies. What is added,
    /// changed and removed here holds for this request alone.</summary>
    public HttpHeaders Headers { get; }
}
