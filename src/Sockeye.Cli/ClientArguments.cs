using System.CommandLine;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary>The options of a command that say how a client connects.</summary>
internal sealed class ClientArguments
{
    private readonly Option<string[]> _headers = new("--header", "-H") { Description = "A header to send: 'Name: value'." };
    private readonly Option<string[]> _subprotocols = new("--subprotocol", "-s") { Description = "A subprotocol to offer." };
    private readonly Option<string?> _origin = new("--origin") { Description = "The value of Origin." };
    private readonly Option<string?> _user = new("--user") { Description = "Basic credentials: 'name:password'." };
    private readonly Option<FileInfo?> _authorities = new("--cacert") { Description = "PEM certificates to trust instead of the system's." };
    private readonly Option<FileInfo?> _certificate = new("--cert") { Description = "The PEM certificate of this client." };
    private readonly Option<FileInfo?> _key = new("--key") { Description = "The PEM key of --cert; none where it stands in the same file." };
    private readonly Option<bool> _isInsecure = new("--insecure") { Description = "Trusts any certificate." };
    private readonly Option<string?> _proxy = new("--proxy")
    {
        Description = "The proxy: http://name:password@host:port, https, socks5, socks4a or socks4; 'none' for none. That of the environment by default.",
    };

    private readonly Option<bool> _follows = new("--location") { Description = "Follows redirects, ten at most." };
    private readonly Option<bool> _isHttp2 = new("--http2") { Description = "Connects over HTTP/2 (RFC 8441)." };

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[
            _headers, _subprotocols, _origin, _user, _authorities, _certificate, _key, _isInsecure, _proxy, _follows, _isHttp2])
        {
            command.Add(option);
        }
    }

    /// <summary>Tells whether the client connects over HTTP/2.</summary>
    public bool IsHttp2(ParseResult parsed) => parsed.GetValue(_isHttp2);

    /// <summary>Makes the options of the client.</summary>
    /// <exception cref="ArgumentException">An argument cannot be used.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public WebSocketClientOptions Read(ParseResult parsed)
    {
        SslClientAuthenticationOptions? tls = ReadTls(parsed);
        IWebProxy? proxy = parsed.GetValue(_proxy) switch
        {
            null => HttpClient.DefaultProxy,
            "none" => null,
            { } address => new WebProxy(Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
                ? uri
                : throw new ArgumentException($"'{address}' is no address of a proxy: write http://host:port.")),
        };
        return new WebSocketClientOptions
        {
            Headers = ReadHeaders(parsed),
            Subprotocols = parsed.GetValue(_subprotocols) ?? [],
            Origin = parsed.GetValue(_origin),
            Tls = tls,
            Proxy = proxy,
            MaxRedirects = parsed.GetValue(_follows) ? 10 : 0,
            Http2 = IsHttp2(parsed) ? new HttpMessageInvoker(HandlerOf(tls, proxy)) : null,
        };
    }

    private static SocketsHttpHandler HandlerOf(SslClientAuthenticationOptions? tls, IWebProxy? proxy)
    {
        var handler = new SocketsHttpHandler { Proxy = proxy, UseProxy = proxy is not null, AllowAutoRedirect = false, UseCookies = false };
        if (tls is not null)
            handler.SslOptions = tls;
        return handler;
    }

    private HttpHeaders ReadHeaders(ParseResult parsed)
    {
        var headers = new HttpHeaders();
        foreach (string header in parsed.GetValue(_headers) ?? [])
        {
            int colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
                throw new ArgumentException($"The header '{header}' has no colon: write 'Name: value'.");
            headers.Add(header[..colon].Trim(), header[(colon + 1)..].Trim());
        }

        if (parsed.GetValue(_user) is not { } user)
            return headers;
        if (!user.Contains(':', StringComparison.Ordinal))
            throw new ArgumentException("--user has no colon: write name:password.");
        if (headers.Contains("Authorization"))
            throw new ArgumentException("--user and a header Authorization are both given: one of them says who you are.");
        headers.Add("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(user)));
        return headers;
    }

    private SslClientAuthenticationOptions? ReadTls(ParseResult parsed)
    {
        SslClientAuthenticationOptions? tls = TrustedAuthorities.Options(parsed.GetValue(_authorities), parsed.GetValue(_isInsecure));
        if (parsed.GetValue(_certificate) is not { } certificate)
            return tls;
        tls ??= new SslClientAuthenticationOptions();
        var own = X509Certificate2.CreateFromPemFile(certificate.FullName, parsed.GetValue(_key)?.FullName);
        tls.ClientCertificateContext = SslStreamCertificateContext.Create(own, additionalCertificates: null, offline: true);
        return tls;
    }
}
