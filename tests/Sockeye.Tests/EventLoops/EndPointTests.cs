using System.Net;
using System.Net.Sockets;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.EventLoops;

/// <summary>The end points of a connection are what those of the runtime's sockets are.</summary>
public sealed class EndPointTests
{
    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.5")]
    [InlineData("::1", "::1")]
    [InlineData("::", "::1")]
    [InlineData("::", "127.0.0.1")]
    public async Task End_points_of_an_accepted_connection_are_those_of_its_socket(string listens, string connects)
    {
        Assert.SkipWhen(listens.Contains(':', StringComparison.Ordinal) && !Socket.OSSupportsIPv6, "This machine has no IPv6.");
        foreach (EventLoopOptions? eventLoop in (EventLoopOptions?[])[null, new EventLoopOptions { Loops = 3 }])
        {
            (ServerTest test, Task<WebSocketConnection> accepted) = await ServeAsync(new IPEndPoint(IPAddress.Parse(listens), 0), eventLoop);
            await using ServerTest _ = test;
            int port = ((IPEndPoint)test.Server.EndPoints[0]).Port;
            using RawClient client = await RawClient.ConnectAsync(new IPEndPoint(IPAddress.Parse(connects), port));
            await client.SendAsync(RawClient.Request(test.Server));

            WebSocketConnection socket = await accepted.Soon();

            // A dual-mode socket names the addresses of IPv4 as those of IPv6.
            bool isDual = listens == "::" && connects != "::1";
            Assert.Equal(Map(client.Socket.RemoteEndPoint!, isDual), socket.LocalEndPoint);
            Assert.Equal(Map(client.Socket.LocalEndPoint!, isDual), socket.RemoteEndPoint);
        }
    }

    [Fact]
    public async Task End_points_of_a_unix_domain_socket_are_the_same_with_and_without_event_loops()
    {
        List<(string? Local, string? Remote)> seen = [];
        foreach (EventLoopOptions? eventLoop in (EventLoopOptions?[])[null, new EventLoopOptions { Loops = 3 }])
        {
            string path = Path.Combine(Path.GetTempPath(), $"sockeye-{Guid.NewGuid():N}.sock");
            (ServerTest test, Task<WebSocketConnection> accepted) = await ServeAsync(new UnixDomainSocketEndPoint(path), eventLoop);
            await using ServerTest _ = test;
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
            string request = RawClient.Request(test.Server).Replace(path, "a", StringComparison.Ordinal);
            await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(request));
            WebSocketConnection socket = await accepted.Soon();
            seen.Add((socket.LocalEndPoint?.ToString()?.Replace(path, "path", StringComparison.Ordinal), socket.RemoteEndPoint?.ToString()));
            File.Delete(path);
        }

        Assert.Equal(seen[0], seen[1]);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task End_points_of_a_dialled_connection_are_the_same_with_and_without_event_loops(string address)
    {
        Assert.SkipWhen(address.Contains(':', StringComparison.Ordinal) && !Socket.OSSupportsIPv6, "This machine has no IPv6.");
        foreach (EventLoopOptions? eventLoop in (EventLoopOptions?[])[null, new EventLoopOptions { Loops = 3 }])
        {
            (ServerTest test, Task<WebSocketConnection> accepted) = await ServeAsync(new IPEndPoint(IPAddress.Parse(address), 0), eventLoop);
            await using ServerTest _ = test;
            await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
                test.Uri, new() { EventLoop = eventLoop, Connection = new() { Buffers = test.Buffers } }).Soon();
            WebSocketConnection server = await accepted.Soon();
            Assert.Equal((server.RemoteEndPoint, server.LocalEndPoint), (client.LocalEndPoint, client.RemoteEndPoint));
            Assert.Equal(test.Server.EndPoints[0], client.RemoteEndPoint);
            client.Abort();
        }
    }

    private static EndPoint Map(EndPoint endPoint, bool isDual)
    {
        var ip = (IPEndPoint)endPoint;
        return isDual ? new IPEndPoint(ip.Address.MapToIPv6(), ip.Port) : ip;
    }

    private static async Task<(ServerTest Test, Task<WebSocketConnection> Accepted)> ServeAsync(EndPoint endPoint, EventLoopOptions? eventLoop)
    {
        var accepted = new TaskCompletionSource<WebSocketConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        var test = new ServerTest(options => options with { Port = null, EndPoints = [endPoint], EventLoop = eventLoop });
        test.Server.Map("/*", (socket, cancel) =>
        {
            accepted.SetResult(socket);
            return ServerTest.EchoAsync(socket, cancel);
        });
        await test.Server.StartAsync();
        return (test, accepted.Task);
    }
}
