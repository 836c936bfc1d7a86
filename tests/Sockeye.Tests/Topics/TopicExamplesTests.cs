using System.Net;
using System.Net.Sockets;
using System.Text;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Topics;

/// <summary>The examples of docs/topics.md: each stands here between two marks, and is run.</summary>
public sealed class TopicExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("topics.md", Path.Combine("Topics", nameof(TopicExamplesTests) + ".cs"), count: 4);

    [Fact]
    public async Task Rooms()
    {
        await using var test = new ServerTest();
        WebSocketServer server = test.Server;
        // <example>
        using var topics = new TopicHub();
        server.Map("/chat/*", async (socket, cancel) =>
        {
            string room = socket.Request!.Path;
            using TopicSubscription subscription = topics.Subscribe(socket, room);
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                await topics.PublishAsync(room, message, except: socket, cancellationToken: cancel);
        });
        // </example>
        await server.StartAsync();
        await using WebSocketConnection one = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/chat/a")).Soon();
        await using WebSocketConnection two = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/chat/a")).Soon();
        await using WebSocketConnection elsewhere = await WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/chat/b")).Soon();
        await Settle.UntilAsync(() => topics.Counts.Subscriptions == 3);
        await one.SendTextAsync("hello");
        Assert.Equal("hello", (await two.ReceiveAsync().Soon()).GetText());
        Assert.Equal((2, 1), (topics.CountSubscribers("/chat/a"), topics.CountSubscribers("/chat/b")));
    }

    [Fact]
    public async Task Ticker()
    {
        await using RawPeer peer = TopicPeers.OpenFast();
        WebSocketConnection socket = peer.Connection;
        // <example>
        using var ticker = new TopicHub(new()
        {
            SlowConsumer = SlowConsumerPolicy.Conflate, // who is slow skips old prices, and gets each symbol's newest
            MaxBacklogBytes = 64 * 1024,
            MaxBacklogAge = TimeSpan.FromSeconds(5),
        });
        ticker.Subscribe(socket, "prices");
        var price = new PreparedMessage("""{"symbol":"SOCK","price":101.5}""");
        PublishResult result = await ticker.PublishAsync("prices", price, key: "SOCK");
        Console.WriteLine($"{result.Accepted} have it, it waits for {result.Queued}, {ticker.Counts.Conflated} were skipped so far");
        // </example>
        Assert.Equal(new PublishResult(1, 0, 0), result);
        Assert.Equal("""{"symbol":"SOCK","price":101.5}""", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task Kernel()
    {
        int port = 0;
        // <example>
        var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        if (OperatingSystem.IsLinux())
            listening.SetRawSocketOption(6, 25, BitConverter.GetBytes(16 * 1024)); // TCP_NOTSENT_LOWAT: so much waits to be sent
        else
            listening.SendBufferSize = 64 * 1024; // so much has not been acknowledged
        listening.Bind(new IPEndPoint(IPAddress.Loopback, port));
        await using var server = new WebSocketServer(new() { ListeningSockets = [listening] });
        // </example>
        var taken = new TaskCompletionSource<long>();
        server.Map("/", SendAsync, new() { Connection = new() { WriteStallTimeout = TimeSpan.FromSeconds(1) } });
        await server.StartAsync();
        // It reads nothing, and what its own side holds is little.
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        await client.ConnectAsync(server.EndPoints[0]);
        await client.SendAsync(Encoding.ASCII.GetBytes(RawClient.Request(server)));

        Assert.InRange(await taken.Task.Soon(), 1, 200_000); // some millions otherwise

        async Task SendAsync(WebSocketConnection socket, CancellationToken cancel)
        {
            try
            {
                while (true)
                    await socket.SendAsync(new byte[1000], cancellationToken: cancel);
            }
            catch (WebSocketClosedException e)
            {
                // By now it has taken all that it takes.
                taken.SetResult(e.Result.Cause == CloseCause.WriteStalled ? socket.Transport.BytesSent : long.MaxValue);
            }
        }
    }

    [Fact]
    public async Task Machines()
    {
        await using RawPeer peer = TopicPeers.OpenFast();
        WebSocketConnection socket = peer.Connection;
        // <example>
        var backplane = new InProcessBackplane(); // or one on your broker
        using var here = new TopicHub(new() { Backplane = backplane });
        using var there = new TopicHub(new() { Backplane = backplane });
        there.Subscribe(socket, "news");
        await here.PublishTextAsync("news", "from afar");
        // </example>
        Assert.Equal("from afar", (await peer.ReadFrameAsync())!.Text);
    }
}
