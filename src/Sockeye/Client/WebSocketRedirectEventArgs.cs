using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Tells where a server leads to: a <see cref="WebSocketClientOptions.RedirectCallback"/>, and the handlers of
/// <see cref="EventWebSocket.Redirect"/>.</summary>
public sealed class WebSocketRedirectEventArgs : EventArgs
{
    internal WebSocketRedirectEventArgs(Uri from, Uri to, WebSocketHandshakeException answer)
    {
        From = from;
        To = to;
        StatusCode = answer.StatusCode.GetValueOrDefault();
        Headers = answer.Headers!;
    }

    /// <summary>Gets the address of the server that answered, without credentials.</summary>
    public Uri From { get; }

    /// <summary>Gets the address that is connected to next, without credentials.</summary>
    public Uri To { get; }

    /// <summary>Gets the status: 301, 302, 303, 307 or 308.</summary>
    public int StatusCode { get; }

    /// <summary>Gets the headers of the answer.</summary>
    public HttpHeaders Headers { get; }
}
