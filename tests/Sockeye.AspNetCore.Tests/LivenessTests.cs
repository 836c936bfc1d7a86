using System.Net.WebSockets;
using Sockeye.Protocol;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Silent peers, slow readers and unread messages, on each of Kestrel's roads.</summary>
public sealed class LivenessTests
{
    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Silent_peer_is_asked_and_then_given_up_with_1001(Road road)
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", Ending(ended, WebHost.EchoAsync), Options(new() { IdleTimeout = TimeSpan.FromMilliseconds(400) })),
            road: road);
        await using Stream stream = await host.OpenStreamAsync("/");

        byte[] header = new byte[2];
        int pings = 0;
        while (true)
        {
            await stream.ReadExactlyAsync(header).AsTask().WaitAsync(WebHost.Patience);
            if (header[0] != 0x89)
                break;
            Assert.Equal(0, header[1]);
            pings++;
        }

        byte[] close = new byte[header[1]];
        await stream.ReadExactlyAsync(close).AsTask().WaitAsync(WebHost.Patience);
        Assert.True(pings > 0);
        Assert.Equal(0x88, header[0]);
        Assert.Equal("No response from ping frame."u8, close.AsSpan(2));
        CloseResult result = await ended.Task.WaitAsync(WebHost.Patience);
        Assert.Equal((CloseCause.IdleTimeout, CloseCode.GoingAway), (result.Cause, result.Code));
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Handler_that_does_not_read_stops_the_sender_and_loses_nothing(Road road)
    {
        const int Size = 1024 * 1024;
        const int Count = 64; // more than kernel, Kestrel and connection hold between them
        var gate = new TaskCompletionSource();
        var received = new TaskCompletionSource<int>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) =>
            {
                await gate.Task;
                int count = 0;
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                {
                    Assert.Equal((Size, (byte)count), (message.Length, message.Span[0]));
                    count++;
                }

                received.SetResult(count);
            }),
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        Task sending = SendAsync();
        await Task.WhenAny(sending, Task.Delay(TimeSpan.FromMilliseconds(500)));
        Assert.False(sending.IsCompleted);

        gate.SetResult();
        await sending.WaitAsync(WebHost.Patience);
        await client.CloseAsync();
        Assert.Equal(Count, await received.Task.WaitAsync(WebHost.Patience));

        async Task SendAsync()
        {
            byte[] payload = new byte[Size];
            for (int i = 0; i < Count; i++)
            {
                payload[0] = (byte)i;
                await client.SendAsync(payload, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Ignored_messages_pass_and_the_close_is_seen(Road road)
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", Ending(ended, async (socket, _) =>
            {
                socket.IgnoreMessages();
                await socket.Closed;
            })),
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        byte[] payload = new byte[1024 * 1024];
        for (int i = 0; i < 16; i++)
            await client.SendAsync(payload, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None).WaitAsync(WebHost.Patience);
        await client.CloseAsync("enough");
        CloseResult result = await ended.Task.WaitAsync(WebHost.Patience);
        Assert.Equal((true, "enough"), (result.IsClean, result.ReceivedReason));
    }

    private static WebSocketAcceptOptions Options(WebSocketConnectionOptions options) => new() { Connection = options };

    private static Func<WebSocketConnection, CancellationToken, Task> Ending(
        TaskCompletionSource<CloseResult> ended, Func<WebSocketConnection, CancellationToken, Task> handler) => async (socket, cancel) =>
    {
        _ = socket.Closed.ContinueWith(closed => ended.SetResult(closed.Result), TaskScheduler.Default);
        await handler(socket, cancel);
    };
}
