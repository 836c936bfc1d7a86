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
        for (int allowed = options.MaxRedirects; ; options = options with { MaxRedirects = options.MaxRedirects - 1 })
        {
            try
            {
                return await WebSocketClient.ConnectOnceAsync(uri, options, cancellationToken).ConfigureAwait(false);
            }
            catch (WebSocketHandshakeException e) when (e is { Cause: HandshakeFailure.Status, Response: { } response }
                && LocationOf(response) is { } location)
            {
                if (options.MaxRedirects == 0)
                    throw Refuse(e, location, $"and MaxRedirects allows {allowed} redirects");
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

    /// <summary>Gets where a response leads to; null where it is no redirect.</summary>
    public static string? LocationOf(ResponseHead response) =>
        response.StatusCode is 301 or 302 or 303 or 307 or 308 ? response.Headers["Location"] : null;

    private static WebSocketUri Find(WebSocketUri uri, string location, WebSocketHandshakeException e)
    {
        if (e.Headers!.GetValues("Location").Count > 1)
            throw Refuse(e, location, "which are several addresses");
        if (!Uri.TryCreate(uri.ToHttpUri(), location, out Uri? target))
            throw Refuse(e, location, "which is no address");
        if (uri.SocketPath is not null && IsPath(location))
            return uri.At(target.PathAndQuery);
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

    /// <summary>Tells whether a location names no server: neither begins with a scheme nor with two slashes (RFC 3986, section 4.2).</summary>
    private static bool IsPath(string location)
    {
        int end = location.AsSpan().IndexOfAny(":/?#");
        return (end < 0 || location[end] != ':') && !location.StartsWith("//", StringComparison.Ordinal);
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
