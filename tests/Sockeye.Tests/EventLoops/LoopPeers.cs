using System.Net;
using System.Net.Sockets;
using Sockeye.Tests.Server;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>Makes what the tests of the event loops connect.</summary>
internal static class LoopPeers
{
    /// <summary>Gets loops that nobody else uses whose options are not the same.</summary>
    public static EventLoopGroup Group(int loops, AcceptDistribution accept = AcceptDistribution.InTurn) =>
        new EventLoopOptions { Loops = loops, Accept = accept }.Group!;

    /// <summary>Connects a socket of an event loop with one of the runtime.</summary>
    public static async Task<(EventLoopSocket Own, Socket Peer)> ConnectAsync(EventLoopGroup group)
    {
        using Socket listener = Listen();
        var own = (EventLoopSocket)await EventLoopConnector.ConnectAsync(group, listener.LocalEndPoint!, null, CancellationToken.None);
        Socket peer = await listener.AcceptAsync();
        peer.NoDelay = true;
        return (own, peer);
    }

    public static Socket Listen(int backlog = 100)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(backlog);
        return listener;
    }

    /// <summary>Opens a WebSocket connection of bare bytes, over TLS where the server wants it.</summary>
    public static async Task<RawClient> OpenAsync(ServerTest test, bool tls)
    {
        if (!tls)
            return await RawClient.OpenAsync(test.Server);

        RawClient client = await RawClient.ConnectAsync(test.Server);
        System.Net.Security.SslClientAuthenticationOptions options = TestCertificates.Trusting();
        options.TargetHost = "localhost";
        await client.SecureAsync(options);
        await client.SendAsync(RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        return client;
    }

    /// <summary>Sends texts with one write, so that they wait together to be parsed.</summary>
    public static Task SendTogetherAsync(this RawClient client, params string[] texts) => client.SendAsync(
        [.. texts.SelectMany(text => RawClient.Frame(Protocol.Opcode.Text, System.Text.Encoding.UTF8.GetBytes(text)))]);
}
