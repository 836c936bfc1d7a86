using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

/// <summary>Rule H1 over real sockets: every refusal has its status and its headers, is read whole, and ends nothing else. Rows V21–V26
/// and V29 of the attack catalogue.</summary>
public sealed class RefusalTests
{
    private const string Upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    private const string Keys = "Sec-WebSocket-Key: " + RawClient.Key + "\r\nSec-WebSocket-Version: 13\r\n";

    public static TheoryData<string, int, string> Requests => new()
    {
        { "POST / HTTP/1.1\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 405, "Allow: GET" },
        { "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET" },
        { "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET" },
        { "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET" },
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "Upgrade: websocket" },
        { "GET /no/such/path HTTP/1.1\r\nHost: a\r\n\r\n", 426, "Upgrade: websocket" },
        { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + Keys + "\r\n", 426, "Upgrade: websocket" },
        { "GET / HTTP/1.0\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 426, "Upgrade: websocket" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" + Upgrade + "Sec-WebSocket-Key: " + RawClient.Key + "\r\nSec-WebSocket-Version: 12\r\n\r\n", 426, "Sec-WebSocket-Version: 13, 8" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" + Upgrade + "Sec-WebSocket-Key: " + RawClient.Key + "\r\n\r\n", 400, "Sec-WebSocket-Version: 13, 8" },
        { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: notupgrade\r\n" + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" + Upgrade + "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n", 400, "" },
        { "GET / HTTP/1.1\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: [::1\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + Upgrade + Keys + "\r\nhello", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + Upgrade + Keys + "\r\n0\r\n\r\n", 400, "" },
        { "GET http://b/ HTTP/1.1\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: a, a\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Extensions: a;\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\r\nHost : a\r\n" + Upgrade + Keys + "\r\n", 400, "" },
        { "GET / HTTP/1.1\nHost: a\n" + "\n", 400, "" },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "" },
        { "\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00FC\u0003\u0003" + new string('\u0081', 500), 400, "" }, // TLS on a plain port
        { "nonsense\r\n\r\n", 400, "" },
        { "GET /no/such/path HTTP/1.1\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 404, "" },
        { "GET /Chat HTTP/1.1\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 404, "" },
        { "GET /chat/ HTTP/1.1\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 404, "" },
        { "GET /chat HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n" + Upgrade + Keys + "\r\n", 403, "" },
        { "GET /" + new string('a', 9000) + " HTTP/1.1\r\nHost: a\r\n" + Upgrade + Keys + "\r\n", 414, "" },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: " + new string('a', 9000) + "\r\n" + Upgrade + Keys + "\r\n", 431, "" },
        { "GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("X: y\r\n", 101)) + "\r\n", 431, "" },
        { "GET / HTTP/1.1\r\n" + string.Concat(Enumerable.Repeat("X: " + new string('a', 4000) + "\r\n", 5)) + "\r\n", 431, "" },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Server_given_a_request_that_it_refuses_answers_with_the_status_and_serves_the_next(string request, int status, string header)
    {
        await using var test = new ServerTest();
        test.Server.Map("/chat", ServerTest.EchoAsync);
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();

        string answer = await RawClient.AskAsync(test.Server, request);

        string[] parts = answer.Split("\r\n\r\n", 2);
        string[] head = parts[0].Split("\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", head[0], StringComparison.Ordinal);
        Assert.Contains(status == 426 ? "Connection: close, Upgrade" : "Connection: close", head);
        Assert.Contains("Content-Type: text/plain; charset=utf-8", head);
        if (header.Length > 0)
            Assert.Contains(header, head);
        bool isHead = request.StartsWith("HEAD", StringComparison.Ordinal);
        int length = int.Parse(Assert.Single(head, line => line.StartsWith("Content-Length: ", StringComparison.Ordinal)).Split(' ')[1]);
        Assert.InRange(length, 10, 500);
        Assert.Equal(isHead ? 0 : length, parts[1].Length);
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Server_given_a_refused_request_and_another_behind_it_never_looks_at_the_other()
    {
        int handled = 0;
        await using var test = new ServerTest();
        test.Server.Map("/", (_, _) =>
        {
            handled++;
            return Task.CompletedTask;
        });
        await test.Server.StartAsync();

        string answer = await RawClient.AskAsync(
            test.Server, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + RawClient.Request(test.Server));

        Assert.StartsWith("HTTP/1.1 426 ", answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("HTTP/1.1 "), part => part.Length > 0);
        Assert.Equal(0, handled);
    }

    // V21
    [Fact]
    public async Task Server_given_an_endless_header_answers_431_and_ends()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        byte[] piece = Encoding.ASCII.GetBytes("X: " + new string('a', 4000) + "\r\n");

        Task<string> answer = client.ReadToAnyEndAsync();
        await client.SendAsync("GET / HTTP/1.1\r\n");
        try
        {
            for (int sent = 0; sent < 64 * 1024 * 1024 && !answer.IsCompleted; sent += piece.Length)
                await client.SendAsync(piece);
        }
        catch (IOException)
        {
            // the server has closed the connection
        }

        Assert.StartsWith("HTTP/1.1 431 ", await answer, StringComparison.Ordinal);
        await test.AssertServesAsync();
    }

    // V21
    [Fact]
    public async Task Reading_of_an_endless_head_takes_no_more_than_the_limit_and_4_KiB()
    {
        var buffers = new Transports.BufferPool(new Testing.CountingPool());
        (Transports.InMemoryTransport own, Transports.InMemoryTransport peer) =
            Transports.InMemoryTransport.CreatePair(buffers, Transports.BufferPool.Shared, capacity: 1024);
        using var reader = new HeadReader(own, HandshakeLimits.Default, buffers);
        Task<HandshakeFault?> reading = reader.ReadAsync().AsTask();
        byte[] line = Encoding.ASCII.GetBytes("X: " + new string('a', 505) + "\r\n");
        await peer.SendAsync("GET / HTTP/1.1\r\n"u8.ToArray(), default);

        // the last send may not be taken: nobody reads any more
        while (!reading.IsCompleted)
            await Task.WhenAny(peer.SendAsync(line, default).AsTask(), reading);

        Assert.Equal(HandshakeRule.HeadMustFitLimit, (await reading)?.Rule);
        Assert.InRange(peer.BytesSent, HandshakeLimits.Default.MaxHeadBytes - 1024, HandshakeLimits.Default.MaxHeadBytes + 4096);
        own.Abort();
    }

    // V23 and V43
    [Fact]
    public async Task Server_given_many_mutated_heads_still_serves()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        string valid = RawClient.Request(test.Server, "/", "Sec-WebSocket-Protocol: a, b\r\n");
        var random = new Random(20_260);
        for (int i = 0; i < 200; i++)
        {
            byte[] mutated = Encoding.Latin1.GetBytes(valid);
            for (int change = 0; change < 3; change++)
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(mutated);
            client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            await client.ReadToAnyEndAsync();
        }

        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Server_given_a_valid_head_cut_anywhere_waits_for_the_rest()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        string request = RawClient.Request(test.Server);
        for (int cut = 1; cut < request.Length; cut += 7)
        {
            using RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(request[..cut]);
            await client.SendAsync(request[cut..]);
            Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Server_given_a_client_that_goes_away_halfway_forgets_it()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using (RawClient silent = await RawClient.ConnectAsync(test.Server))
        using (RawClient half = await RawClient.ConnectAsync(test.Server))
        using (RawClient reset = await RawClient.ConnectAsync(test.Server))
        {
            await half.SendAsync("GET / HTTP/1.1\r\nHost:");
            await reset.SendAsync("GET / HTTP/1.1\r\nHost:");
            reset.Socket.LingerState = new(true, 0);
        }

        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    // V33
    [Fact]
    public async Task Server_given_dribblers_cuts_them_at_the_deadline_whatever_they_sent()
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with { HandshakeTimeout = TimeSpan.FromSeconds(3) });
        List<RawClient> dribblers = [];
        for (int i = 1; i <= 20; i++)
        {
            dribblers.Add(await RawClient.ConnectAsync(test.Server));
            await test.AcceptedAsync(i, TimeSpan.FromSeconds(3));
        }

        test.Advance(TimeSpan.FromSeconds(2.9));
        foreach (RawClient dribbler in dribblers)
            await dribbler.SendAsync("G");
        await test.AssertServesAsync();
        test.Advance(TimeSpan.FromSeconds(0.1));

        foreach (RawClient dribbler in dribblers)
        {
            Assert.Equal("", await dribbler.ReadToAnyEndAsync());
            dribbler.Dispose();
        }

        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Connection_that_is_open_outlives_the_handshake_deadline()
    {
        await using ServerTest test = await ServerTest.EchoAsync(options => options with
        {
            Connection = options.Connection with { IdleTimeout = TimeSpan.Zero },
        });
        using RawClient client = await RawClient.OpenAsync(test.Server);
        await client.SendFrameAsync(Opcode.Text, "a");
        Assert.Equal("a", await client.ReadTextAsync());

        test.Advance(TimeSpan.FromMinutes(1));

        await client.SendFrameAsync(Opcode.Text, "b");
        Assert.Equal("b", await client.ReadTextAsync());
    }
}
