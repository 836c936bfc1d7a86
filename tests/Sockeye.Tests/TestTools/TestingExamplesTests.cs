using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.TestTools;

/// <summary>The examples of docs/testing.md that need no ASP.NET Core: each stands here between two marks, and is run.</summary>
public sealed class TestingExamplesTests
{
    [Fact]
    public void Page_shows_the_examples_of_these_tests() =>
        DocumentedExamples.AssertShown("testing.md", Path.Combine("TestTools", nameof(TestingExamplesTests) + ".cs"), count: 5);

    [Fact]
    public async Task Pair()
    {
        // <example>
        await using var pair = WebSocketPair.Create();
        Task serving = EchoAsync(pair.Server); // the code under test
        await pair.Client.SendTextAsync("hello");
        WebSocketMessage answer = await pair.Client.ReceiveAsync();
        Assert.Equal("hello", answer.GetText());
        CloseResult end = await pair.Client.CloseAsync(CloseCode.Normal, "done");
        Assert.True(end.IsClean);
        await serving;
        // </example>
    }

    [Fact]
    public async Task Clock()
    {
        // <example>
        var clock = new ManualTimeProvider();
        await using var pair = WebSocketPair.Create(new() { TimeProvider = clock, IdleTimeout = TimeSpan.FromSeconds(30) });
        pair.Link.Stall(); // the cable is cut: nobody is told
        while (!pair.Client.Closed.IsCompleted)
            clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(CloseCause.IdleTimeout, (await pair.Client.Closed).Cause);
        // </example>
    }

    [Fact]
    public async Task Script()
    {
        // <example>
        await using var pair = WebSocketPair.Create();
        pair.Link.ToServer.MaxRead = 1; // every byte comes alone
        pair.Link.ToServer.At(20, link => link.Reset()); // and after 20 of them, the connection breaks
        await pair.Client.SendTextAsync("this is longer than twenty bytes");
        CloseResult end = await pair.Server.Closed;
        Assert.Equal(CloseCause.TransportFailed, end.Cause);
        Assert.Equal(20, pair.Link.ToServer.BytesPassed);
        // </example>
    }

    [Fact]
    public async Task Handshake()
    {
        // <example>
        var link = new TestLink();
        Task<WebSocketConnection> accepting = WebSocketUpgrade.AcceptAsync(link.Server, new() { Subprotocols = ["v1"] });
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(
            link.Client, new Uri("ws://test.example/chat"), new() { Subprotocols = ["v1"] });
        WebSocketConnection server = await accepting;
        Assert.Equal("/chat", server.Request!.Path);
        Assert.Equal("v1", client.Subprotocol);
        // </example>
        server.Abort();
    }

    [Fact]
    public async Task Many_messages_pass_a_link_that_splits_and_delays()
    {
        // <example>
        var clock = new ManualTimeProvider();
        var link = new TestLink(capacity: 100, clock);
        link.ToServer.MaxRead = 7;
        link.ToServer.Delay = TimeSpan.FromMilliseconds(20);
        await using var pair = WebSocketPair.Create(new() { TimeProvider = clock, IdleTimeout = TimeSpan.Zero }, link: link);
        for (int i = 0; i < 50; i++)
            _ = pair.Client.SendTextAsync($"message {i}");
        for (int i = 0; i < 50; i++)
        {
            Task<WebSocketMessage> next = pair.Server.ReceiveAsync().AsTask();
            while (!next.IsCompleted)
                clock.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Equal($"message {i}", (await next).GetText());
        }
        // </example>
    }

    [Fact]
    public async Task Pair_without_a_script_is_clean_for_both_ends()
    {
        await using var pair = WebSocketPair.Create(subprotocol: "v2");
        Assert.Equal(("v2", "v2"), (pair.Client.Subprotocol, pair.Server.Subprotocol));
        await pair.Server.CloseAsync(CloseCode.GoingAway, "bye").Soon();
        CloseResult end = await pair.Client.Closed.Soon();
        Assert.Equal((true, CloseCode.GoingAway, "bye"), (end.IsClean, end.Code, end.Reason));
    }

    private static async Task EchoAsync(WebSocketConnection socket)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
            await socket.SendAsync(message);
    }
}
