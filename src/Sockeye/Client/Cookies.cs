using System.Net;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Takes the cookies of a request from a container, and puts those of a response there.</summary>
internal static class Cookies
{
    private const string Cookie = "Cookie";

    /// <summary>Adds the cookies for an address behind those that the user has set.</summary>
    public static void Add(CookieContainer container, WebSocketUri uri, HttpHeaders headers)
    {
        string kept = container.GetCookieHeader(uri.ToHttpUri());
        if (kept.Length == 0)
            return;

        // RFC 6265, section 5.4: one header.
        string all = headers[Cookie] is { } own ? $"{own}; {kept}" : kept;
        headers.Remove(Cookie);
        headers.Add(Cookie, all);
    }

    /// <summary>Keeps the cookies of a response.</summary>
    public static void Keep(CookieContainer container, WebSocketUri uri, ResponseHead response)
    {
        foreach (string cookie in response.Headers.GetValues("Set-Cookie"))
        {
            try
            {
                container.SetCookies(uri.ToHttpUri(), cookie);
            }
            catch (CookieException)
            {
                // One that is malformed or for somebody else is not kept (RFC 6265, section 5.3).
            }
        }
    }
}
