using System.Net;
using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Holds what a client needs of a URI (RFC 6455, section 3).</summary>
internal sealed record WebSocketUri
{
    private const string UnixScheme = "ws+unix";

    private readonly Uri _uri;

    private WebSocketUri(Uri uri) => _uri = uri;

    /// <summary>Gets the host to connect to: a name in ASCII, or an address without brackets.</summary>
    public required string Host { get; init; }

    public required int Port { get; init; }

    public required bool IsSecure { get; init; }

    /// <summary>Gets the path of the Unix domain socket to connect to; null where it is a host.</summary>
    public string? SocketPath { get; init; }

    /// <summary>Gets the value of Host: the port stands there unless it is the default.</summary>
    public required string HostHeader { get; init; }

    /// <summary>Gets the host and the port, whether it is the default or not.</summary>
    public string Authority => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host.Split('%')[0]}]:{Port}" : $"{Host}:{Port}";

    /// <summary>Gets the path with the query, at least <c>/</c>.</summary>
    public required string Target { get; init; }

    /// <summary>Gets what to connect to.</summary>
    public EndPoint EndPoint => SocketPath is null ? new DnsEndPoint(Host, Port) : new UnixDomainSocketEndPoint(SocketPath);

    /// <summary>Gets the value of Authorization that the user information stands for; null where there is none.</summary>
    public string? Authorization { get; init; }

    /// <summary>Reads a URI.</summary>
    /// <exception cref="ArgumentException">It is none that a WebSocket client can connect to.</exception>
    public static WebSocketUri Parse(string uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!Uri.TryCreate(uri, UriKind.Absolute, out Uri? parsed))
            throw Refuse(uri, "is no absolute URI");
        return Parse(parsed);
    }

    /// <inheritdoc cref="Parse(string)"/>
    public static WebSocketUri Parse(Uri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!uri.IsAbsoluteUri)
            throw Refuse(uri.OriginalString, "is no absolute URI");

        bool isSecure = uri.Scheme is "wss" or "https";
        if (!isSecure && uri.Scheme is not ("ws" or "http" or UnixScheme))
            throw Refuse(uri.OriginalString, "has a scheme that is none of ws, wss, http, https and ws+unix");
        if (uri.Fragment.Length > 0 || uri.OriginalString.Contains('#', StringComparison.Ordinal))
            throw Refuse(uri.OriginalString, "has a fragment, which WebSocket URIs must not have; write '#' as %23");
        if (uri.Scheme == UnixScheme)
            return ParseUnix(uri);
        string host = uri.IdnHost;
        if (host.Length == 0)
            throw Refuse(uri.OriginalString, "names no host");
        if (uri.Port is <= 0 or > 65535)
            throw Refuse(uri.OriginalString, "names no port to connect to");

        bool isIPv6 = uri.HostNameType == UriHostNameType.IPv6;
        if (isIPv6)
            host = Uri.UnescapeDataString(host); // the % before a zone stands there as %25
        string written = isIPv6 ? $"[{host.Split('%')[0]}]" : host;
        bool isDefaultPort = uri.Port == (isSecure ? 443 : 80);
        return new WebSocketUri(uri)
        {
            Host = host,
            Port = uri.Port,
            IsSecure = isSecure,
            HostHeader = isDefaultPort ? written : $"{written}:{uri.Port}",
            Target = uri.PathAndQuery is ['/', ..] target ? target : "/" + uri.PathAndQuery,
            Authorization = uri.UserInfo.Length == 0 ? null : Basic(uri.UserInfo),
        };
    }

    /// <summary>Gives the address of another target at the same Unix domain socket.</summary>
    /// <exception cref="ArgumentException">The target has a fragment.</exception>
    public WebSocketUri At(string target) => Parse(new Uri($"{UnixScheme}:{_uri.AbsolutePath.Split(':')[0]}:{target}"));

    /// <summary>Gives the URI in the scheme of WebSockets, without credentials.</summary>
    public Uri ToUri() => SocketPath is not null ? _uri : new UriBuilder(_uri)
    {
        Scheme = IsSecure ? "wss" : "ws", Port = _uri.IsDefaultPort ? -1 : Port, UserName = "", Password = "",
    }.Uri;

    /// <summary>Gives the URI that HTTP knows, without credentials.</summary>
    public Uri ToHttpUri() => new($"{(IsSecure ? "https" : "http")}://{HostHeader}{Target}");

    /// <summary>Gives the URI for logs: without credentials and query, which may hold secrets.</summary>
    public override string ToString() =>
        $"{(SocketPath is not null ? $"{UnixScheme}:{SocketPath}:" : IsSecure ? $"wss://{HostHeader}" : $"ws://{HostHeader}")}{Target.Split('?')[0]}";

    /// <summary>Reads <c>ws+unix:/path/of/socket:/target?query</c>, as npm ws has it: the first colon ends the path of the socket.</summary>
    private static WebSocketUri ParseUnix(Uri uri)
    {
        string path = uri.AbsolutePath;
        int colon = path.IndexOf(':', StringComparison.Ordinal);
        string socketPath = Uri.UnescapeDataString(colon < 0 ? path : path[..colon]);
        string target = (colon < 0 ? "" : path[(colon + 1)..]) + uri.Query;
        if (uri.Host.Length > 0 || socketPath.Trim('/').Length == 0)
            throw Refuse(uri.OriginalString, "names no socket; write ws+unix:/path/of/socket:/target");
        try
        {
            _ = new UnixDomainSocketEndPoint(socketPath);
        }
        catch (ArgumentException)
        {
            throw Refuse(uri.OriginalString, "has a path that is too long for a Unix domain socket");
        }

        return new WebSocketUri(uri)
        {
            Host = "localhost",
            Port = 80,
            IsSecure = false,
            HostHeader = "localhost",
            Target = target is ['/', ..] ? target : "/" + target,
            SocketPath = socketPath,
        };
    }

    private static string Basic(string userInfo)
    {
        if (!userInfo.Contains(':', StringComparison.Ordinal))
            userInfo += ":";
        return "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(userInfo)));
    }

    private static ArgumentException Refuse(string uri, string why)
    {
        // what stands before an @ may be a password
        int at = uri.LastIndexOf('@');
        return new ArgumentException($"'{PeerText.Escape(at < 0 ? uri : "..." + uri[at..])}' {why}: use ws://host:port/path or wss://.", nameof(uri));
    }
}
