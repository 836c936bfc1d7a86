using System.Net;
using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>The contract of <c>Deno.upgradeWebSocket</c>, point by point, and where Sockeye is stricter.</summary>
public sealed class DenoUpgradeTests : IDisposable
{
    private const string Key = "Sec-WebSocket-Key: " + RawClient.Key + "\r\n";
    private const string Valid = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" + Key;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public DenoUpgradeTests() => _listener.Start();

    // The order: upgrade, connection, key, protocol. Whoever breaks several is told the first.
    [Theory]
    [InlineData("", HandshakeRule.UpgradeMustNameWebSocket)]
    [InlineData("Upgrade: h2c\r\n", HandshakeRule.UpgradeMustNameWebSocket)]
    [InlineData("Upgrade: websocket\r\n", HandshakeRule.ConnectionMustNameUpgrade)]
    [InlineData("Upgrade: websocket\r\nConnection: keep-alive\r\n", HandshakeRule.ConnectionMustNameUpgrade)]
    [InlineData("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", HandshakeRule.KeyMustBeValid)]
    [InlineData("Upgrade: h2c, WebSocket\r\nConnection: keep-alive , UPGRADE\r\nSec-WebSocket-Version: 13\r\n" + Key, null)]
    public void Headers_are_checked_in_its_order_and_with_its_meaning(string headers, HandshakeRule? expected)
    {
        ServerHandshake.TryEvaluate(Head("GET", headers), out _, out HandshakeFault? fault);
        Assert.Equal(expected, fault?.Rule);
    }

    // Deno checks neither; RFC 6455, section 4.2.1, demands both.
    [Theory]
    [InlineData("POST", Valid, HandshakeRule.MethodMustBeGet)]
    [InlineData("GET", "Upgrade: websocket\r\nConnection: Upgrade\r\n" + Key, HandshakeRule.VersionMustBePresent)]
    [InlineData("GET", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aaa\r\n", HandshakeRule.KeyMustBeValid)]
    public void Method_version_and_length_of_the_key_are_checked_beyond_it(string method, string headers, HandshakeRule expected)
    {
        ServerHandshake.TryEvaluate(Head(method, headers), out _, out HandshakeFault? fault);
        Assert.Equal(expected, fault?.Rule);
    }

    [Theory]
    [InlineData("v1, v2", "v2", "v2")]
    [InlineData("v1", "v2", null)]
    [InlineData(null, "v2", null)]
    public async Task Protocol_must_be_in_the_list_of_the_request(string? offered, string protocol, string? selected)
    {
        (RawClient client, Socket socket) = await ConnectAsync();
        RequestHead request = Head("GET", Valid + (offered is null ? "" : $"Sec-WebSocket-Protocol: {offered}\r\n"));
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(
            socket, request, default, new() { Subprotocol = protocol, RequireSubprotocol = true });
        if (selected is null)
        {
            var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => accepting.Soon());
            Assert.Equal(HandshakeRule.SubprotocolMustBeShared, thrown.Fault?.Rule);
            Assert.StartsWith("HTTP/1.1 400 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
        else
        {
            WebSocketConnection connection = await accepting.Soon();
            Assert.Equal(selected, connection.Subprotocol);
            Assert.Contains($"\r\nSec-WebSocket-Protocol: {selected}\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
            connection.Abort();
        }

        client.Dispose();
    }

    [Fact]
    public async Task No_subprotocol_is_selected_unless_one_is_named()
    {
        (RawClient client, Socket socket) = await ConnectAsync();

        WebSocketConnection connection = await WebSocketUpgrade.AcceptAsync(
            socket, Head("GET", Valid + "Sec-WebSocket-Protocol: v1\r\n"), default).Soon();

        Assert.Null(connection.Subprotocol);
        Assert.DoesNotContain("Sec-WebSocket-Protocol", await client.ReadHeadAsync(), StringComparison.Ordinal);
        connection.Abort();
        client.Dispose();
    }

    // A body that has been read, or not: Deno fails where it was disturbed, here there must be none.
    [Theory]
    [InlineData("Content-Length: 5\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n")]
    public void Request_with_a_body_fails(string header)
    {
        ServerHandshake.TryEvaluate(Head("GET", Valid + header), out _, out HandshakeFault? fault);
        Assert.Equal(HandshakeRule.UpgradeMustHaveNoBody, fault?.Rule);
    }

    [Fact]
    public async Task Nothing_is_sent_before_the_upgrade_and_what_came_with_the_head_is_read_first()
    {
        (RawClient client, Socket socket) = await ConnectAsync();
        UpgradeRequest request = WebSocketUpgrade.FromRequest(socket, Head("GET", Valid), RawClient.Frame(Opcode.Text, "head"u8.ToArray()));
        await client.SendFrameAsync(Opcode.Text, "socket");
        Assert.Equal(0, client.Socket.Available);

        await using WebSocketConnection connection = await request.AcceptAsync();

        string[] head = (await client.ReadHeadAsync()).Split("\r\n");
        Assert.Equal("HTTP/1.1 101 Switching Protocols", head[0]);
        foreach (string line in (string[])["Upgrade: websocket", "Connection: Upgrade", $"Sec-WebSocket-Accept: {RawClient.Accept}"])
            Assert.Contains(line, head);
        Assert.Equal("head", (await connection.ReceiveAsync().Soon()).GetText());
        Assert.Equal("socket", (await connection.ReceiveAsync().Soon()).GetText());
        connection.Abort();
        client.Dispose();
    }

    // "Already upgraded": the same request, the same socket, the same stream of that socket.
    [Fact]
    public async Task Second_upgrade_fails_and_the_first_goes_on()
    {
        (RawClient client, Socket socket) = await ConnectAsync();
        var stream = new NetworkStream(socket);
        UpgradeRequest request = WebSocketUpgrade.FromRequest(stream, Head("GET", Valid));
        await using WebSocketConnection connection = await request.AcceptAsync();

        string again = (await Assert.ThrowsAsync<InvalidOperationException>(() => request.AcceptAsync())).Message;
        Assert.Contains("accepted or rejected before", again, StringComparison.Ordinal);
        foreach (Func<Task> second in (Func<Task>[])
            [
                () => WebSocketUpgrade.AcceptAsync(stream),
                () => WebSocketUpgrade.AcceptAsync(new NetworkStream(socket)),
                () => WebSocketUpgrade.AcceptAsync(socket),
                () => WebSocketUpgrade.AcceptAsync(socket, Head("GET", Valid), default),
                () => WebSocketUpgrade.ReadRequestAsync(socket),
            ])
        {
            Assert.Contains("upgraded before", (await Assert.ThrowsAsync<InvalidOperationException>(second)).Message, StringComparison.Ordinal);
        }

        await client.ReadHeadAsync();
        await client.SendFrameAsync(Opcode.Text, "still");
        Assert.Equal("still", (await connection.ReceiveAsync().Soon()).GetText());
        connection.Abort();
        client.Dispose();
    }

    [Fact]
    public async Task Socket_that_is_closed_not_connected_or_no_stream_is_a_typed_error()
    {
        (RawClient client, Socket closed) = await ConnectAsync();
        closed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => WebSocketUpgrade.FromRequest(closed, Head("GET", Valid)));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => WebSocketUpgrade.AcceptAsync(closed));
        using var unconnected = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<ArgumentException>("socket", () => WebSocketUpgrade.AcceptAsync(unconnected));
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Assert.Throws<ArgumentException>("socket", () => WebSocketUpgrade.FromRequest(datagrams, Head("GET", Valid)));
        client.Dispose();
    }

    // 30 s, a ping after half, and then 1001 with its reason: an error for who reads, and a close that is not clean.
    [Fact]
    public async Task Silence_for_the_idle_timeout_ends_with_an_error_and_a_close()
    {
        Assert.Equal(TimeSpan.FromSeconds(30), WebSocketConnectionOptions.Default.IdleTimeout);
        var time = new ManualTimeProvider();
        (RawClient client, Socket socket) = await ConnectAsync();
        WebSocketConnection connection = await WebSocketUpgrade.AcceptAsync(
            socket, Head("GET", Valid), default, new() { Connection = new() { TimeProvider = time } }).Soon();
        await client.ReadHeadAsync();
        Task<WebSocketMessage> reading = connection.ReceiveAsync().AsTask();

        time.Advance(TimeSpan.FromSeconds(15));
        (Opcode Opcode, byte[] Payload) ping = (await client.ReadFrameAsync())!.Value;
        Assert.Equal((Opcode.Ping, 0), (ping.Opcode, ping.Payload.Length));
        await Settle.UntilAsync(() => connection.BufferedBytes == 0);
        time.Advance(TimeSpan.FromSeconds(15));

        Assert.Equal((1001, "No response from ping frame."), await client.ReadCloseAsync());
        WebSocketClosedException error = await Assert.ThrowsAsync<WebSocketClosedException>(() => reading.Soon());
        CloseResult result = await connection.Closed.Soon();
        Assert.Same(result, error.Result);
        Assert.Equal((CloseCode.GoingAway, "No response from ping frame.", false), (result.Code, result.Reason, result.IsClean));
        client.Dispose();
    }

    [Fact]
    public async Task Idle_timeout_of_zero_is_off()
    {
        var time = new ManualTimeProvider();
        (RawClient client, Socket socket) = await ConnectAsync();
        WebSocketConnection connection = await WebSocketUpgrade.AcceptAsync(
            socket, Head("GET", Valid), default, new() { Connection = new() { TimeProvider = time, IdleTimeout = TimeSpan.Zero } }).Soon();
        time.Advance(TimeSpan.FromDays(1));
        Assert.True(connection.IsOpen);
        connection.Abort();
        client.Dispose();
    }

    // The server may send any code that may be sent at all; EventWebSocketTests hold clients to what a page may send.
    [Theory]
    [InlineData(1000)]
    [InlineData(1001)]
    [InlineData(1008)]
    [InlineData(1012)]
    [InlineData(3000)]
    [InlineData(4999)]
    public async Task Server_closes_with_any_code_that_may_be_sent(int code)
    {
        (RawClient client, Socket socket) = await ConnectAsync();
        WebSocketConnection connection = await WebSocketUpgrade.AcceptAsync(socket, Head("GET", Valid), default).Soon();
        await client.ReadHeadAsync();

        Task<CloseResult> closing = connection.CloseAsync((CloseCode)code, "why");

        Assert.Equal((code, "why"), await client.ReadCloseAsync());
        client.Dispose();
        Assert.True((await closing.Soon()).IsClean);
    }

    [Fact]
    public async Task Received_close_without_a_code_is_1005_and_is_answered_in_kind()
    {
        (RawClient client, Socket socket) = await ConnectAsync();
        WebSocketConnection connection = await WebSocketUpgrade.AcceptAsync(socket, Head("GET", Valid), default).Soon();
        await client.ReadHeadAsync();
        await client.SendFrameAsync(Opcode.Close, "");

        Assert.True((await connection.ReceiveAsync().Soon()).IsEnd);

        (Opcode Opcode, byte[] Payload) answer = (await client.ReadFrameAsync())!.Value;
        Assert.Equal((Opcode.Close, 0), (answer.Opcode, answer.Payload.Length));
        client.Dispose();
        CloseResult result = await connection.Closed.Soon();
        Assert.Equal((CloseCode.NoStatus, "", true), (result.Code, result.Reason, result.IsClean));
    }

    public void Dispose() => _listener.Dispose();

    private async Task<(RawClient Client, Socket Socket)> ConnectAsync()
    {
        Task<Socket> accepting = _listener.AcceptSocketAsync();
        RawClient client = await RawClient.ConnectAsync(_listener.LocalEndpoint);
        return (client, await accepting.Soon());
    }

    private static RequestHead Head(string method, string headers)
    {
        Assert.True(RequestHead.TryParse(
            Encoding.Latin1.GetBytes($"{method} /chat HTTP/1.1\r\nHost: a\r\n{headers}\r\n"), out RequestHead? head, out _));
        return head;
    }
}
