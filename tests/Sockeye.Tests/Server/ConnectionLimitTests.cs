using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Server;

/// <summary>Row V46 of the attack catalogue: how many connections there may be, in all and from one address.</summary>
public sealed class ConnectionLimitTests
{
    private static readonly IPAddress Other = IPAddress.Parse("127.0.0.2");

    public static TheoryData<int, int> Limits => new() { { 3, 0 }, { 0, 3 }, { 3, 3 }, { 100, 3 }, { 3, 100 } };

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task Connections_up_to_a_limit_are_served_and_the_next_gets_503_until_one_has_gone(int inAll, int perAddress)
    {
        await using ServerTest test = await EchoAsync(inAll, perAddress);
        List<RawClient> clients = [];
        for (int i = 0; i < 3; i++)
            clients.Add(await RawClient.OpenAsync(test.Server));

        for (int i = 0; i < 5; i++)
        {
            string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));
            Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\n", answer, StringComparison.Ordinal);
            Assert.Contains("\r\nRetry-After: 1\r\n", answer, StringComparison.Ordinal);
        }

        // Those that are there are served on.
        await clients[1].SendFrameAsync(Opcode.Text, "still");
        Assert.Equal("still", await clients[1].ReadTextAsync());
        await CloseAsync(clients[0]);
        await Settle.UntilAsync(() => test.Server.Connections.Count == 2);
        clients[0] = await RawClient.OpenAsync(test.Server);

        clients.ForEach(client => client.Dispose());
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Connections_of_another_address_are_welcome_where_one_has_its_share()
    {
        await using ServerTest test = await EchoAsync(inAll: 0, perAddress: 1);
        using RawClient first = await RawClient.OpenAsync(test.Server);
        Assert.StartsWith("HTTP/1.1 503 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server)), StringComparison.Ordinal);

        using RawClient other = await RawClient.ConnectAsync(test.Server.EndPoints[0], Other);
        await other.SendAsync(RawClient.Request(test.Server));

        Assert.StartsWith("HTTP/1.1 101 ", await other.ReadHeadAsync(), StringComparison.Ordinal);
    }

    // What has not yet sent a request counts too: nobody takes all places without a word.
    [Theory]
    [InlineData(2, 0)]
    [InlineData(0, 2)]
    public async Task Silent_connections_count_until_the_deadline_has_ended_them(int inAll, int perAddress)
    {
        await using ServerTest test = await EchoAsync(inAll, perAddress);
        using RawClient silent = await RawClient.ConnectAsync(test.Server);
        using RawClient half = await RawClient.ConnectAsync(test.Server);
        await half.SendAsync("GET / HTTP/1.1\r\n");
        await test.AcceptedAsync(2);

        Assert.StartsWith("HTTP/1.1 503 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server)), StringComparison.Ordinal);
        test.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("", await silent.ReadToAnyEndAsync());
        Assert.Equal("", await half.ReadToAnyEndAsync());

        Assert.StartsWith("HTTP/1.1 426 ", await AskForPlaceAsync(test, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Handshakes_that_fail_give_their_place_back()
    {
        await using ServerTest test = await EchoAsync(inAll: 1, perAddress: 1);
        for (int i = 0; i < 20; i++)
        {
            string answer = await AskForPlaceAsync(test, "GET / HTTP/1.1\r\nHost: a\r\n" + (i % 2 == 0 ? "nonsense\r\n" : "") + "\r\n");
            Assert.StartsWith(i % 2 == 0 ? "HTTP/1.1 400 " : "HTTP/1.1 426 ", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Clients_of_a_trusted_proxy_count_by_the_address_that_it_names_and_it_does_not_count()
    {
        await using ServerTest test = await EchoAsync(inAll: 0, perAddress: 2, "127.0.0.1");
        using RawClient first = await RawClient.OpenAsync(test.Server, "/", "X-Forwarded-For: 203.0.113.1\r\n");
        using RawClient second = await RawClient.OpenAsync(test.Server, "/", "X-Forwarded-For: 203.0.113.1\r\n");
        using RawClient third = await RawClient.OpenAsync(test.Server, "/", "X-Forwarded-For: 203.0.113.2\r\n");
        using RawClient unnamed = await RawClient.OpenAsync(test.Server);

        string full = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", "X-Forwarded-For: 203.0.113.1\r\n"));
        Assert.StartsWith("HTTP/1.1 503 ", full, StringComparison.Ordinal);

        await CloseAsync(first);
        await Settle.UntilAsync(() => test.Server.Connections.Count == 3);
        using RawClient again = await RawClient.OpenAsync(test.Server, "/", "X-Forwarded-For: 203.0.113.1\r\n");
    }

    // It is counted for an address already, and must go from that again.
    [Fact]
    public async Task Request_that_a_server_counts_keeps_its_address()
    {
        await using ServerTest test = await EchoAsync(inAll: 0, perAddress: 1);
        test.Server.Map("/moved", ServerTest.EchoAsync, new() { Authorize = Move });
        using RawClient client = await RawClient.OpenAsync(test.Server, "/moved");
        await CloseAsync(client);
        await Settle.UntilAsync(() => test.Server.Connections.Count == 0);
        using RawClient again = await RawClient.OpenAsync(test.Server);

        static ValueTask<HandshakeRefusal?> Move(UpgradeRequest request)
        {
            Assert.Throws<InvalidOperationException>(() => request.RemoteEndPoint = new IPEndPoint(Other, 1));
            return default;
        }
    }

    [Fact]
    public async Task Clients_behind_a_proxy_that_is_not_trusted_share_its_address_whatever_it_says()
    {
        await using ServerTest test = await EchoAsync(inAll: 0, perAddress: 1);
        using RawClient first = await RawClient.OpenAsync(test.Server, "/", "X-Forwarded-For: 203.0.113.1\r\n");

        string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", "X-Forwarded-For: 203.0.113.2\r\n"));

        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
    }

    // A flood: the answers are bounded too.
    [Fact]
    public async Task Flood_beyond_what_is_answered_is_reset_and_whoever_is_there_is_served()
    {
        await using ServerTest test = await EchoAsync(inAll: 1, perAddress: 0);
        using RawClient welcome = await RawClient.OpenAsync(test.Server);
        await welcome.SendFrameAsync(Opcode.Text, "a");
        Assert.Equal("a", await welcome.ReadTextAsync());
        List<RawClient> flood = [];
        for (int i = 0; i < 1024; i++)
            flood.Add(await RawClient.ConnectAsync(test.Server));

        // They say nothing: as many as are answered wait for their deadline, and the others are reset.
        for (int i = 0; i < 20; i++)
        {
            try
            {
                using RawClient client = await RawClient.ConnectAsync(test.Server);
                Assert.Equal("", await client.ReadToAnyEndAsync());
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // before this side had seen that it was connected
            }
        }

        await welcome.SendFrameAsync(Opcode.Text, "b");
        Assert.Equal("b", await welcome.ReadTextAsync());
        await flood[0].SendAsync(RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 503 ", await flood[0].ReadToEndAsync(), StringComparison.Ordinal);

        flood.ForEach(client => client.Dispose());
        welcome.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Limit_that_is_reached_is_said_once_a_minute()
    {
        using var log = new Warnings();
        await using ServerTest test = await ServerTest.EchoAsync(options => options with
        {
            MaxConnections = 1,
            Connection = options.Connection with { LoggerFactory = log, IdleTimeout = TimeSpan.Zero },
        });
        using RawClient welcome = await RawClient.OpenAsync(test.Server);
        for (int i = 0; i < 3; i++)
            await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));
        Assert.Equal("MaxConnections is reached: connections beyond it are answered with 503 (said once a minute)", Assert.Single(log.Lines));

        test.Advance(TimeSpan.FromMinutes(1));
        await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));
        Assert.Equal(2, log.Lines.Count);
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    public void Addresses_of_one_network_of_IPv6_count_as_one(string one, string other, bool isSame)
    {
        var counts = new AddressCounts(limit: 1);
        Assert.True(counts.TryAdd(IPAddress.Parse(one)));
        Assert.Equal(!isSame, counts.TryAdd(IPAddress.Parse(other)));
        counts.Remove(IPAddress.Parse(one));
        Assert.Equal(isSame, counts.TryAdd(IPAddress.Parse(other)));
    }

    [Fact]
    public void Options_are_bounded_by_default_and_throw_where_they_make_no_sense()
    {
        Assert.Equal((100_000, 20_000), (new WebSocketServerOptions().MaxConnections, new WebSocketServerOptions().MaxConnectionsPerAddress));
        var name = Assert.Throws<ArgumentException>(
            "EndPoints", () => new WebSocketServerOptions { EndPoints = [new DnsEndPoint("localhost", 80)] });
        Assert.Contains("localhost:80", name.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("EndPoints", () => new WebSocketServerOptions { EndPoints = [null!] });
        Assert.Throws<ArgumentException>("ListeningSockets", () => new WebSocketServerOptions { ListeningSockets = [null!] });
        Assert.Throws<ArgumentOutOfRangeException>("MaxConnections", () => new WebSocketServerOptions { MaxConnections = -1 });
        Assert.Throws<ArgumentOutOfRangeException>("MaxConnectionsPerAddress", () => new WebSocketServerOptions { MaxConnectionsPerAddress = -1 });
    }

    private static Task<ServerTest> EchoAsync(int inAll, int perAddress, params string[] proxies) => ServerTest.EchoAsync(
        options => options with { MaxConnections = inAll, MaxConnectionsPerAddress = perAddress, TrustedProxies = proxies });

    /// <summary>Asks until there is room: a place is free a moment after its client has seen the end.</summary>
    private static async Task<string> AskForPlaceAsync(ServerTest test, string request)
    {
        for (int i = 0; ; i++)
        {
            string answer = await RawClient.AskAsync(test.Server, request);
            if (i == 1000 || !answer.StartsWith("HTTP/1.1 503 ", StringComparison.Ordinal))
                return answer;
        }
    }

    private static async Task CloseAsync(RawClient client)
    {
        await client.SendFrameAsync(Opcode.Close, "");
        await client.ReadToAnyEndAsync();
        client.Dispose();
    }

    private sealed class Warnings : TestLogs
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public override void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Warning)
                Lines.Enqueue(formatter(state, exception));
        }
    }
}
