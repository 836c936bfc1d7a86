using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Follows the redirects of servers, for who has asked for that.</summary>
internal static class Redirects
{
    /// <summary>What is for one server alone.</summary>
    private static readonly string[] Credentials = ["Authorization", "Cookie", "Proxy-Authorization", "Host"];

    /// <summary>Connects, wherever servers lead to. Each hop has the whole timeout.</summary>
    public static async Task<WebSocketConnection> FollowAsync(
        WebSocketUri uri, WebSocketClientOptions options, CancellationToken cancellationToken)
    {
        for (int followed = 0; ; followed++)
        {
            try
            {
                return await WebSocketClient.ConnectOnceAsync(uri, options, cancellationToken).ConfigureAwait(false);
            }
            catch (WebSocketHandshakeException e) when (LocationOf(e) is { } location)
            {
                if (followed == options.MaxRedirects)
                    throw Refuse(e, location, $"and MaxRedirects allows {followed} redirects");
                WebSocketUri next = Find(uri, location, e);
                if (options.RedirectCallback is { } callback)
                    await callback(new WebSocketRedirectEventArgs(uri.ToUri(), next.ToUri(), e), cancellationToken).ConfigureAwait(false);
                if (IsSameServer(uri, next))
                    next = next with { Authorization = next.Authorization ?? uri.Authorization };
                else
                    options = ForAnotherServer(options);
                uri = next;
            }
        }
    }

    private static string? LocationOf(WebSocketHandshakeException exception) =>
        exception is { Cause: HandshakeFailure.Status, StatusCode: 301 or 302 or 303 or 307 or 308 } ? exception.Headers?["Location"] : null;

    private static WebSocketUri Find(WebSocketUri uri, string location, WebSocketHandshakeException e)
    {
        if (e.Headers!.GetValues("Location").Count > 1)
            throw Refuse(e, location, "which are several addresses");
        if (!Uri.TryCreate(uri.ToHttpUri(), location, out Uri? target))
            throw Refuse(e, location, "which is no address");
        if (uri.SocketPath is not null && !location.Contains("//", StringComparison.Ordinal))
            return uri with { Target = target.PathAndQuery };
        WebSocketUri next;
        try
        {
            next = WebSocketUri.Parse(target);
        }
        catch (ArgumentException refused)
        {
            throw Refuse(e, location, $"to which a client cannot connect: {refused.Message}");
        }

        // A server may not lead its clients to what listens on their own machine and has no port.
        if (next.SocketPath is not null)
            throw Refuse(e, location, "a Unix domain socket");
        return uri.IsSecure && !next.IsSecure ? throw Refuse(e, location, "which would give up TLS") : next;
    }

    private static bool IsSameServer(WebSocketUri one, WebSocketUri other) =>
        one.SocketPath == other.SocketPath && string.Equals(one.HostHeader, other.HostHeader, StringComparison.OrdinalIgnoreCase);

    private static WebSocketClientOptions ForAnotherServer(WebSocketClientOptions options)
    {
        var headers = new HttpHeaders(options.Headers);
        foreach (string name in Credentials)
            headers.Remove(name);
        return options with { Headers = headers, Tls = ClientTls.ForAnother(options.Tls) };
    }

    private static WebSocketHandshakeException Refuse(WebSocketHandshakeException e, string location, string why) =>
        new(HandshakeFailure.Status, $"The server answered {e.StatusCode} and leads to '{PeerText.Escape(location)}', {why}.", e)
        {
            Response = e.Response,
            Body = e.Body,
        };
}
