using System.Net;
using System.Net.Sockets;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye;

/// <summary>Brings about the transport that a client speaks over: name, TCP, TLS.</summary>
internal static class Dialing
{
    /// <summary>Connects.</summary>
    /// <exception cref="WebSocketHandshakeException">A step failed or took too long.</exception>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    public static async Task<Transport> DialAsync(WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        ProxyTunnel? proxy = options.Proxy is { } chosen ? ProxyTunnel.Find(chosen, uri) : null;
        Link link;
        if (proxy is not null)
            link = await ReachThroughAsync(proxy, uri, options, deadline).ConfigureAwait(false);
        else if (options.ConnectCallback is null && uri.SocketPath is null)
            link = await ReachAsync(uri.Host, uri.Port, options, deadline).ConfigureAwait(false);
        else
            link = await ReachAsync(uri, uri.EndPoint, options, deadline).ConfigureAwait(false);
        if (uri.IsSecure)
            link = await ClientTls.SecureAsync(link, options.Tls, uri.Host, uri.Port, deadline).ConfigureAwait(false);
        return link.CreateTransport(options.Connection.Buffers);
    }

    private static async Task<Link> ReachThroughAsync(
        ProxyTunnel proxy, WebSocketUri uri, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        Link link;
        string host = proxy.Address.IdnHost;
        try
        {
            link = await ReachAsync(uri, new DnsEndPoint(host, proxy.Port), options, deadline).ConfigureAwait(false);
            if (proxy.IsSecure)
                link = await ClientTls.SecureAsync(link, ClientTls.ForAnother(options.Tls), host, proxy.Port, deadline).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException e) when (e.Cause != HandshakeFailure.Timeout)
        {
            throw ProxyTunnel.Failure(proxy.Address, $"cannot be reached: {e.Message}", e);
        }

        return await proxy.OpenAsync(link, uri, options, deadline).ConfigureAwait(false);
    }

    /// <summary>Connects to an end point, by the callback of the user where there is one.</summary>
    private static async Task<Link> ReachAsync(WebSocketUri uri, EndPoint endPoint, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        if (options.ConnectCallback is { } callback)
            return await CallAsync(callback, new WebSocketConnectContext(uri.ToUri(), endPoint), deadline).ConfigureAwait(false);
        if (endPoint is DnsEndPoint host)
            return await ReachAsync(host.Host, host.Port, options, deadline).ConfigureAwait(false);
        try
        {
            return new Link(await ConnectAsync(endPoint, options, deadline.Token).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            throw Explain(e, $"{endPoint}", deadline);
        }
    }

    /// <summary>Connects by TCP.</summary>
    private static async Task<Link> ReachAsync(string host, int port, WebSocketClientOptions options, HandshakeDeadline deadline)
    {
        IPAddress[] addresses = await ResolveAsync(host, deadline).ConfigureAwait(false);
        try
        {
            return new Link(addresses.Length == 1
                ? await ConnectAsync(new IPEndPoint(addresses[0], port), options, deadline.Token).ConfigureAwait(false)
                : await RaceAsync(addresses, port, options, deadline.Token).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            throw Explain(e, $"{host} port {port}", deadline);
        }
    }

    /// <summary>Finds the addresses of a host, one at least.</summary>
    /// <exception cref="WebSocketHandshakeException">There is none, or it took too long.</exception>
    public static async Task<IPAddress[]> ResolveAsync(string host, HandshakeDeadline deadline)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            return [address];

        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(host, deadline.Token).ConfigureAwait(false);
            if (addresses.Length > 0)
                return addresses;
        }
        catch (Exception e) when (deadline.IsOver)
        {
            throw deadline.Explain(e, $"the address of {host}");
        }
        catch (SocketException e)
        {
            throw new WebSocketHandshakeException(HandshakeFailure.Dns, $"The host {host} has no address: {e.Message}.", e);
        }

        throw new WebSocketHandshakeException(HandshakeFailure.Dns, $"The host {host} has no address.");
    }

    private static Task<ConnectedSocket> RaceAsync(
        IPAddress[] addresses, int port, WebSocketClientOptions options, CancellationToken cancellationToken) => AddressRace.RunAsync(
            AddressRace.Order(addresses),
            (address, token) => ConnectAsync(new IPEndPoint(address, port), options, token),
            options.Connection.TimeProvider,
            cancellationToken);

    private static Task<ConnectedSocket> ConnectAsync(EndPoint endPoint, WebSocketClientOptions options, CancellationToken cancellationToken) =>
        options.EventLoop?.Group is { } group
            ? EventLoopConnector.ConnectAsync(group, endPoint, options.ConfigureSocket, cancellationToken)
            : RuntimeSocket.ConnectAsync(endPoint, options.ConfigureSocket, cancellationToken);

    private static async Task<Link> CallAsync(
        Func<WebSocketConnectContext, CancellationToken, ValueTask<Stream>> callback, WebSocketConnectContext context, HandshakeDeadline deadline)
    {
        try
        {
            Stream stream = await callback(context, deadline.Token).ConfigureAwait(false)
                ?? throw new InvalidOperationException("ConnectCallback returned null: return a stream, or throw.");
            return new Link(stream is NetworkStream network ? new RuntimeSocket(network.Socket) : null, stream);
        }
        catch (Exception e) when (deadline.IsOver)
        {
            throw deadline.Explain(e, "ConnectCallback");
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            throw new WebSocketHandshakeException(HandshakeFailure.Connect, $"ConnectCallback did not reach {context.EndPoint}: {e.Message}", e);
        }
    }

    private static Exception Explain(Exception exception, string where, HandshakeDeadline deadline)
    {
        if (deadline.IsOver)
            return deadline.Explain(exception, $"a connection to {where}");

        // One where there was one address, else as many as there were addresses.
        Exception[] failures = exception is AggregateException all ? [.. all.InnerExceptions] : [exception];
        if (Array.Find(failures, failure => Of(failure) is null) is { } unexpected)
            return unexpected;
        string[] reasons = [.. failures.Select(failure => ReasonOf(Of(failure)!)).Distinct(StringComparer.Ordinal)];
        return new WebSocketHandshakeException(
            HandshakeFailure.Connect, $"Cannot connect to {where}: {string.Join(", ", reasons)}.", Of(failures[^1]));
    }

    private static SocketException? Of(Exception exception) => exception as SocketException ?? exception.InnerException as SocketException;

    private static string ReasonOf(SocketException exception) =>
        exception.SocketErrorCode == SocketError.ConnectionRefused ? "nothing listens there" : exception.Message;
}
