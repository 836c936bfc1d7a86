using System.Net;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>Leads to a server through a proxy, which is asked for a tunnel in its own language.</summary>
internal abstract class ProxyTunnel
{
    private protected ProxyTunnel(Uri address, NetworkCredential? credentials)
    {
        Address = address;
        Credentials = credentials;
    }

    /// <summary>Gets the address of the proxy.</summary>
    public Uri Address { get; }

    /// <summary>Gets the port of the proxy.</summary>
    public int Port => Address.Port > 0 ? Address.Port : DefaultPort;

    /// <summary>Gets whether TLS leads to the proxy.</summary>
    public bool IsSecure => Address.Scheme == Uri.UriSchemeHttps;

    /// <summary>Gets the name and the password for the proxy; null for none.</summary>
    protected NetworkCredential? Credentials { get; }

    /// <summary>Gets the port where the address names none.</summary>
    protected virtual int DefaultPort => 1080;

    /// <summary>Gets a sentence on what the proxy may be instead; empty for none.</summary>
    protected virtual string Doubt => "";

    /// <summary>Finds the proxy that leads to a server.</summary>
    /// <param name="proxy">What the user has set.</param>
    /// <param name="uri">The server.</param>
    /// <returns>The proxy; null where the server is to be reached without one.</returns>
    /// <exception cref="WebSocketHandshakeException">The proxy is of an unknown kind or not to be found, or its credentials cannot be sent.</exception>
    public static ProxyTunnel? Find(IWebProxy proxy, WebSocketUri uri)
    {
        if (uri.SocketPath is not null || Ask(proxy, "which proxy to use", () => AddressOf(proxy, uri.ToUri())) is not { } address)
            return null;
        if (address.IdnHost.Length == 0)
            throw Failure(address, "names no host: write http://host:port.");
        NetworkCredential? credentials = CredentialsIn(address)
            ?? Ask(proxy, $"the credentials for {Name(address)}", () => proxy.Credentials?.GetCredential(address, "Basic"));
        if (credentials is { UserName: "", Password: "" })
            credentials = null; // those of the system, which cannot be seen
        return address.Scheme switch
        {
            "http" or "https" => new HttpProxyTunnel(address, credentials),
            "socks5" or "socks5h" => new Socks5Tunnel(address, credentials),
            "socks4" or "socks4a" => new Socks4Tunnel(address, credentials),
            _ => throw Failure(address, "is of a kind that is not known: use http, https, socks5, socks4a or socks4."),
        };
    }

    /// <summary>Asks the proxy to connect to a server.</summary>
    /// <param name="link">What leads to the proxy.</param>
    /// <param name="uri">The server.</param>
    /// <param name="options">The options of the client.</param>
    /// <param name="deadline">Bounds it.</param>
    /// <returns>What leads to the server.</returns>
    /// <exception cref="WebSocketHandshakeException">The proxy did not do so.</exception>
    public async Task<Link> OpenAsync(Link link, WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        Stream stream = link.OpenStream();
        var transport = new StreamTransport(stream, options.Connection.Buffers, link.Socket);
        await using CancellationTokenRegistration registration = deadline.AbortOnExpiry(transport);
        try
        {
            await AskAsync(stream, transport, uri, options, deadline).ConfigureAwait(false);
            return link with { Stream = stream };
        }
        catch (Exception e)
        {
            transport.Abort();
            transport.ReleaseBlock();
            if (deadline.IsOver)
                throw deadline.Explain(e, $"the answer of the proxy {Name(Address)}");
            if (e is OperationCanceledException or (InvalidOperationException and not ObjectDisposedException))
                throw Failure(Address, $"was lost before it led to {uri.Authority}: {e.Message}", e); // by a stream of the user's
            if (e is WebSocketHandshakeException { Cause: HandshakeFailure.Protocol, Fault: { } fault })
                throw Failure(Address, $"broke the rules of HTTP: {fault}.{Doubt}", e);
            if (e is ObjectDisposedException or (IOException and not WebSocketHandshakeException))
                throw Failure(Address, $"ended the connection before it led to {uri.Authority}.{Doubt}", e);
            throw;
        }
    }

    /// <summary>Says what cannot be had of a proxy.</summary>
    public static WebSocketHandshakeException Failure(Uri address, string what, Exception? inner = null) =>
        new(HandshakeFailure.Proxy, $"The proxy {Name(address)} {what}", inner)
        {
            CertificateErrors = (inner as WebSocketHandshakeException)?.CertificateErrors ?? default,
            IsUntrusted = inner is WebSocketHandshakeException { IsUntrusted: true },
        };

    /// <summary>Asks for the tunnel, and reads not a byte beyond the answer.</summary>
    protected abstract Task AskAsync(
        Stream stream, StreamTransport transport, WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline);

    /// <summary>Says what the proxy did instead of connecting.</summary>
    protected WebSocketHandshakeException Failure(string what) => Failure(Address, what);

    /// <summary>Gets a name or a password in bytes.</summary>
    /// <exception cref="WebSocketHandshakeException">It is longer than there is room for.</exception>
    protected byte[] Encode(string text, string what)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length <= byte.MaxValue ? bytes : throw Failure($"can be given a {what} of 255 bytes at most; this one has {bytes.Length}.");
    }

    private static Uri? AddressOf(IWebProxy proxy, Uri destination)
    {
        Uri? address = proxy.IsBypassed(destination) ? null : proxy.GetProxy(destination);
        if (address is { IsAbsoluteUri: false })
            throw new UriFormatException($"'{PeerText.Escape(address.OriginalString)}' is no absolute address: write http://host:port");
        return address == destination ? null : address;
    }

    /// <summary>Asks what the user has set, whose code may throw anything.</summary>
    private static T Ask<T>(IWebProxy proxy, string what, Func<T> ask)
    {
        try
        {
            return ask();
        }
        catch (Exception e)
        {
            throw new WebSocketHandshakeException(HandshakeFailure.Proxy, $"Proxy could not tell {what} ({proxy.GetType()}): {e.Message}", e);
        }
    }

    private static NetworkCredential? CredentialsIn(Uri address)
    {
        if (address.UserInfo.Length == 0)
            return null;
        string[] parts = address.UserInfo.Split(':', 2);
        return new NetworkCredential(Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""));
    }

    // Without credentials.
    private static string Name(Uri address) => PeerText.Escape(address.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped));
}
