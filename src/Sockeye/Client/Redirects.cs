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
                && IsRedirect(response))
            {
                if (options.MaxRedirects == 0)
                    throw Refuse(e, $"and MaxRedirects allows {allowed} redirects");
                (WebSocketUri? next, string why) = Find(uri, response);
                if (next is null)
                    throw Refuse(e, why);
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

    /// <summary>Tells whether a response leads to where a client goes.</summary>
    public static bool LeadsOn(WebSocketUri uri, ResponseHead response) => IsRedirect(response) && Find(uri, response).Next is not null;

    /// <summary>Tells whether a server may know what is for the other: the value of Host, which may be all that it is told apart by, is the
    /// same.</summary>
    public static bool IsSameServer(WebSocketUri one, WebSocketUri other) =>
        one.SocketPath == other.SocketPath && string.Equals(one.HostHeader, other.HostHeader, StringComparison.OrdinalIgnoreCase);

    private static bool IsRedirect(ResponseHead response) =>
        response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Contains("Location");

    /// <summary>Finds where a redirect leads to.</summary>
    /// <returns>The address; null with the reason where a client does not go there.</returns>
    private static (WebSocketUri? Next, string Why) Find(WebSocketUri uri, ResponseHead response)
    {
        if (response.Headers.GetValues("Location") is not [string location])
            return (null, "which are several addresses");
        if (!Uri.TryCreate(uri.ToHttpUri(), location, out Uri? target))
            return (null, "which is no address");
        bool staysAtSocket = uri.SocketPath is not null && IsPath(location);
        WebSocketUri next;
        try
        {
            next = staysAtSocket ? uri.At(target.PathAndQuery + target.Fragment) : WebSocketUri.Parse(target);
        }
        catch (ArgumentException refused)
        {
            return (null, $"to which a client cannot connect: {refused.Message}");
        }

        // A server may not lead its clients to what listens on their own machine and has no port.
        if (next.SocketPath is not null && !staysAtSocket)
            return (null, "a Unix domain socket");
        return uri.IsSecure && !next.IsSecure ? (null, "which would give up TLS") : (next, "");
    }

    /// <summary>Tells whether a location names no server: neither begins with a scheme nor with two slashes (RFC 3986, section 4.2).</summary>
    private static bool IsPath(string location)
    {
        int end = location.AsSpan().IndexOfAny(":/?#");
        return (end < 0 || location[end] != ':') && !location.StartsWith("//", StringComparison.Ordinal);
    }

    private static WebSocketClientOptions ForAnotherServer(WebSocketClientOptions options)
    {
        var headers = new HttpHeaders(options.Headers);
        foreach (string name in Credentials)
            headers.Remove(name);
        return options with { Headers = headers, Tls = ClientTls.ForAnother(options.Tls) };
    }

    private static WebSocketHandshakeException Refuse(WebSocketHandshakeException e, string why) =>
        new(HandshakeFailure.Status, $"The server answered {e.StatusCode} and leads to '{PeerText.Escape(e.Headers!["Location"]!)}', {why}.", e)
        {
            Response = e.Response,
            Body = e.Body,
        };
}
