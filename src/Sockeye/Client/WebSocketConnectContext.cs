using System.Net;

namespace Sockeye;

/// <summary>Tells a <see cref="WebSocketClientOptions.ConnectCallback"/> what to connect to.</summary>
public sealed class WebSocketConnectContext
{
    internal WebSocketConnectContext(Uri uri, EndPoint endPoint)
    {
        Uri = uri;
        EndPoint = endPoint;
    }

    /// <summary>Gets the address of the server, without credentials.</summary>
    public Uri Uri { get; }

    /// <summary>Gets what is to be connected to: a <see cref="DnsEndPoint"/>, or a <see cref="System.Net.Sockets.UnixDomainSocketEndPoint"/>
    /// for a <c>ws+unix</c> address. It is that of the proxy where one is used.</summary>
    public EndPoint EndPoint { get; }
}
