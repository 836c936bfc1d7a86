using System.Net.WebSockets;
using Sockeye.Protocol;

namespace Sockeye.AspNetCore.Tests;

public sealed class EchoTests
{
    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Messages_of_many_sizes_come_back_to_the_client_of_the_framework(Road road)
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/echo", async (socket, cancel) =>
            {
                _ = socket.Closed.ContinueWith(closed => ended.SetResult(closed.Result), TaskScheduler.Default);
                await WebHost.EchoAsync(socket, cancel);
            }),
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/echo");
        foreach (int size in (int[])[0, 1, 125, 126, 4096, 65_536, 3_000_000])
        {
            byte[] payload = [.. Enumerable.Range(0, size).Select(i => (byte)(i * 7))];
            Task send = client.SendAsync(payload, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            Assert.Equal(payload, await client.ReceiveAsync());
            await send;
        }

        await client.CloseAsync("done");
        CloseResult result = await ended.Task.WaitAsync(WebHost.Patience);
        Assert.Equal((true, CloseCode.Normal, "done"), (result.IsClean, result.ReceivedCode, result.ReceivedReason));
    }

    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http11Tls)]
    [InlineData(Road.EventLoop)]
    [InlineData(Road.EventLoopTls)]
    public async Task Compressed_messages_come_back_to_the_client_of_Sockeye(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/echo", WebHost.EchoAsync, new WebSocketAcceptOptions { PerMessageDeflate = new() }), road: road);
        await using WebSocketConnection socket = await host.OpenAsync("/echo");
        Assert.NotNull(socket.PerMessageDeflate);
        string text = string.Join(' ', Enumerable.Range(0, 20_000));
        for (int i = 0; i < 3; i++)
        {
            await socket.SendTextAsync(text);
            Assert.Equal(text, (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        }

        CloseResult result = await socket.CloseAsync(CloseCode.Normal, "done").WaitAsync(WebHost.Patience);
        Assert.True(result.IsClean);
    }

    [Theory]
    [InlineData(Road.Http2)]
    [InlineData(Road.Http2Tls)]
    public async Task More_than_a_body_may_hold_passes_over_HTTP_2(Road road)
    {
        // Kestrel's limit of a body is 30 MB.
        const int Messages = 40;
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/echo", WebHost.EchoAsync), road: road);
        using ClientWebSocket client = await host.ConnectAsync("/echo");
        byte[] payload = new byte[1_000_000];
        for (int i = 0; i < Messages; i++)
        {
            await client.SendAsync(payload, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            Assert.Equal(payload.Length, (await client.ReceiveAsync())?.Length);
        }
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Handler_that_returns_closes_and_the_client_sees_the_end(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) => await socket.SendTextAsync("hello", cancel)), road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        Assert.Equal("hello", await client.ReceiveTextAsync());
        Assert.Null(await client.ReceiveAsync());
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
        await client.CloseAsync();
        Assert.Equal(WebSocketState.Closed, client.State);
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Client_that_goes_without_a_word_ends_the_connection(Road road)
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) =>
            {
                _ = socket.Closed.ContinueWith(closed => ended.SetResult(closed.Result), TaskScheduler.Default);
                await WebHost.EchoAsync(socket, cancel);
            }),
            road: road);
        ClientWebSocket client = await host.ConnectAsync("/");
        await client.SendTextAsync("here");
        Assert.Equal("here", await client.ReceiveTextAsync());
        client.Abort();
        client.Dispose();
        CloseResult result = await ended.Task.WaitAsync(WebHost.Patience);
        Assert.Equal(CloseCode.Abnormal, result.Code);
    }
}
