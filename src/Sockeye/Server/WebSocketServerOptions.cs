using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye;

/// <summary>Sets how a <see cref="WebSocketServer"/> listens and what it asks of its clients. Immutable.</summary>
/// <remarks>A value outside its range throws where it is set. The clock and the logs are those of <see cref="Connection"/>.</remarks>
public sealed record WebSocketServerOptions
{
    /// <summary>Gets the port to listen on at <see cref="Address"/>; 0 takes a free one, which <see cref="WebSocketServer.EndPoints"/>
    /// tells. Null (the default) listens on <see cref="EndPoints"/> alone.</summary>
    public int? Port
    {
        get;
        init
        {
            if (value is { } port)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(port, nameof(Port));
                ArgumentOutOfRangeException.ThrowIfGreaterThan(port, IPEndPoint.MaxPort, nameof(Port));
            }

            field = value;
        }
    }

    /// <summary>Gets the address that <see cref="Port"/> is on; <see cref="IPAddress.Loopback"/> by default, which other machines
    /// cannot reach. <see cref="IPAddress.Any"/> is every IPv4 address of this machine, <see cref="IPAddress.IPv6Any"/> every
    /// address.</summary>
    public IPAddress Address
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Address));
            field = value;
        }
    } = IPAddress.Loopback;

    /// <summary>Gets end points to listen on besides <see cref="Port"/>; none by default. They are IP addresses with a port, Unix domain
    /// sockets, and named pipes (<see cref="PipeEndPoint"/>).</summary>
    /// <exception cref="ArgumentException">An element is null, or a name instead of an address.</exception>
    public IReadOnlyList<EndPoint> EndPoints
    {
        get;
        init
        {
            EndPoint[] endPoints = WithoutNull(value, nameof(EndPoints));
            if (endPoints.OfType<DnsEndPoint>().FirstOrDefault() is { } name)
            {
                throw new ArgumentException(
                    $"EndPoints holds a name, {name.Host}:{name.Port}, and a server listens on addresses: take Port and Address, or an "
                        + "IPEndPoint of one that Dns.GetHostAddresses gives.",
                    nameof(EndPoints));
            }

            field = endPoints;
        }
    } = [];

    /// <summary>Gets sockets to listen on that somebody else has bound, such as <see cref="TcpListener.Server"/>, or what a service manager
    /// hands over; none by default. They belong to the server once it starts.</summary>
    /// <exception cref="ArgumentException">An element is null.</exception>
    public IReadOnlyList<Socket> ListeningSockets
    {
        get;
        init => field = WithoutNull(value, nameof(ListeningSockets));
    } = [];

    /// <summary>Gets how many TCP connections the operating system holds until they are accepted; 511 by default, at least 1.</summary>
    public int Backlog
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(Backlog));
            field = value;
        }
    } = 511;

    /// <summary>Gets how the event loops of Linux serve the connections; <see cref="EventLoopOptions.Default"/> by default. Null leaves
    /// the sockets to the runtime, as on every other system.</summary>
    public EventLoopOptions? EventLoop { get; init; } = EventLoopOptions.Default;

    /// <summary>Gets the options of TLS; null (the default) is without TLS. <see cref="ServerCertificate"/> makes them from files. Clients
    /// may resume their sessions, unless <see cref="SslServerAuthenticationOptions.AllowTlsResume"/> is false.</summary>
    public SslServerAuthenticationOptions? Tls { get; init; }

    /// <summary>Gets how long a client may take from the TCP connection to the answer to its request, TLS and the time in which the
    /// application decides included; 10 s by default, at least 1 ms. The deadline is absolute: no byte moves it.</summary>
    public TimeSpan HandshakeTimeout
    {
        get;
        init => field = Positive(value, nameof(HandshakeTimeout));
    } = TimeSpan.FromSeconds(10);

    /// <summary>Gets the limits of the head of a request; <see cref="HandshakeLimits.Default"/> by default.</summary>
    public HandshakeLimits Limits
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Limits));
            field = value;
        }
    } = HandshakeLimits.Default;

    /// <summary>Gets how many requests wait for <see cref="WebSocketServer.UpgradeRequestsAsync"/> at a time; 128 by default, at least
    /// 1. More are answered with 503.</summary>
    public int RequestQueue
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(RequestQueue));
            field = value;
        }
    } = 128;

    /// <summary>Gets the origins that are allowed besides that of the server itself, such as <c>https://example.com</c>; <c>*</c> allows
    /// any, <c>null</c> opaque ones. None by default: a page of another site that connects gets 403, since its browser would send
    /// the cookies of this server along. Requests without Origin, as clients other than browsers send them, are always allowed.
    /// <see cref="WebSocketAcceptOptions.AllowedOrigins"/> overrides it for one path.</summary>
    /// <exception cref="ArgumentException">An element is no origin.</exception>
    public IReadOnlyList<string> AllowedOrigins
    {
        get;
        init
        {
            Origins = new OriginPolicy(value, nameof(AllowedOrigins));
            field = value;
        }
    } = [];

    /// <summary>Gets the proxies that stand before this server: addresses such as <c>127.0.0.1</c>, networks such as <c>10.0.0.0/8</c>,
    /// <c>unix</c> for whoever comes by a Unix domain socket, <c>*</c> for anybody. None by default. Of a request that one of them passes
    /// on, <c>X-Forwarded-For</c> tells the address of the client (<see cref="UpgradeRequest.ClientAddress"/>), and
    /// <c>X-Forwarded-Proto</c> and <c>X-Forwarded-Host</c> the scheme and the host that it asked for; from anybody else these headers are
    /// not believed. A proxy must set them and not pass on those of its clients.</summary>
    /// <exception cref="ArgumentException">An element is neither an address nor a network.</exception>
    public IReadOnlyList<string> TrustedProxies
    {
        get;
        init
        {
            Proxies = new TrustedProxies(value, nameof(TrustedProxies));
            field = [.. value];
        }
    } = [];

    /// <summary>Gets how many connections there may be at a time, from the TCP connection on; 100,000 by default, 0 is unlimited. More are
    /// answered with 503 and <c>Retry-After</c>, and beyond 1,024 such answers at a time, reset.</summary>
    public int MaxConnections
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(MaxConnections));
            field = value;
        }
    } = 100_000;

    /// <summary>Gets how many connections there may be at a time from one address; 20,000 by default, a fifth of all, 0 is unlimited. More
    /// are answered with 503 and <c>Retry-After</c>. Addresses of IPv6 that share their first 64 bits count as one. Clients behind one
    /// of the <see cref="TrustedProxies"/> count by the address that it names for them; behind one that is not listed they share its own,
    /// and those of Unix domain sockets have none.</summary>
    public int MaxConnectionsPerAddress
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(MaxConnectionsPerAddress));
            field = value;
        }
    } = 20_000;

    /// <summary>Gets how long connections may take to close when the server stops, before they are aborted; 5 s by default. It holds
    /// where <see cref="WebSocketServer.StopAsync(TimeSpan, CancellationToken)"/> is given none.</summary>
    public TimeSpan StopTimeout
    {
        get;
        init => field = Positive(value, nameof(StopTimeout));
    } = TimeSpan.FromSeconds(5);

    /// <summary>Gets the options of the connections; <see cref="WebSocketConnectionOptions.Default"/> by default.</summary>
    public WebSocketConnectionOptions Connection
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Connection));
            field = value;
        }
    } = WebSocketConnectionOptions.Default;

    internal OriginPolicy Origins { get; private init; } = OriginPolicy.SameOrigin;

    internal TrustedProxies Proxies { get; private init; } = Sockeye.TrustedProxies.None;

    private static T[] WithoutNull<T>(IReadOnlyList<T> values, string name)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(values, name);
        int at = values.ToList().IndexOf(null!);
        return at < 0 ? [.. values] : throw new ArgumentException($"{name} holds null at index {at}.", name);
    }

    private static TimeSpan Positive(TimeSpan value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1), name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromDays(1), name);
        return value;
    }
}
