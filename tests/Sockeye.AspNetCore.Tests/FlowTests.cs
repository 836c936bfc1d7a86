using System.Buffers.Binary;
using System.Net.WebSockets;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What bounds a connection and its messages, on each of Kestrel's roads.</summary>
public sealed class FlowTests
{
    private const int Size = 1024 * 1024;

    // More than kernel, Kestrel and connection hold between them.
    private const int Count = 64;

    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Connection_ends_with_its_lifetime(Road road)
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await StartAsync(
            road,
            new() { IdleTimeout = TimeSpan.Zero, MaxLifetime = TimeSpan.FromMilliseconds(300) },
            async socket => ended.SetResult(await socket.Closed));
        using ClientWebSocket client = await host.ConnectAsync("/");
        Assert.Null(await client.ReceiveAsync());
        Assert.Equal(
            (WebSocketCloseStatus.EndpointUnavailable, "Maximum lifetime reached."), (client.CloseStatus, client.CloseStatusDescription));
        await client.CloseAsync();
        Assert.Equal(CloseCause.LifetimeReached, (await ended.Task.WaitAsync(WebHost.Patience)).Cause);
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Peer_that_takes_nothing_is_given_up(Road road)
    {
        var ended = new TaskCompletionSource<CloseResult>();
        await using WebHost host = await StartAsync(
            road,
            new() { IdleTimeout = TimeSpan.Zero, WriteStallTimeout = TimeSpan.FromMilliseconds(400), MaxBufferedBytes = Count * Size * 2 },
            async socket =>
            {
                for (int i = 0; i < Count; i++)
                    socket.TrySend(new byte[Size]);
                ended.SetResult(await socket.Closed);
            });
        await using Stream silent = await host.OpenStreamAsync("/");
        Assert.Equal(CloseCause.WriteStalled, (await ended.Task.WaitAsync(WebHost.Patience)).Cause);
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task What_waits_is_counted_and_bounded_until_the_peer_takes_it(Road road)
    {
        var full = new TaskCompletionSource<(int Accepted, long Waiting)>();
        var drained = new TaskCompletionSource<long>();
        await using WebHost host = await StartAsync(road, new() { MaxBufferedBytes = 4 * Size }, async socket =>
        {
            byte[] message = new byte[Size];
            int accepted = 0;
            long waiting = socket.BufferedBytes; // before the call: what waits is taken meanwhile
            for (; socket.TrySend(message) is SendResult.Accepted or SendResult.AcceptedAboveHighWater; waiting = socket.BufferedBytes)
                accepted++;
            full.SetResult((accepted, waiting));
            await socket.DrainAsync();
            drained.SetResult(socket.BufferedBytes);
            await socket.Closed;
        });
        using ClientWebSocket client = await host.ConnectAsync("/");
        (int accepted, long waiting) = await full.Task.WaitAsync(WebHost.Patience);
        Assert.InRange(waiting, (3 * Size) - 64, 4 * Size); // the next one has a header, too
        for (int i = 0; i < accepted; i++)
            Assert.Equal(Size, (await client.ReceiveAsync())?.Length);
        Assert.InRange(await drained.Task.WaitAsync(WebHost.Patience), 0, new WebSocketConnectionOptions().LowWaterMark);
        await client.CloseAsync();
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Paused_connection_hands_nothing_out_until_it_goes_on(Road road)
    {
        const int Messages = 10;
        int received = 0;
        int early = 0;
        var held = new TaskCompletionSource<WebSocketConnection>();
        var all = new TaskCompletionSource();
        var handler = new WebSocketHandler
        {
            Message = (socket, _) =>
            {
                early += socket.IsPaused ? 1 : 0;
                if (++received == 1)
                {
                    socket.Pause();
                    held.SetResult(socket);
                }

                if (received == Messages)
                    all.SetResult();
                return default;
            },
        };
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", handler), road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        for (int i = 0; i < Messages; i++)
            await client.SendTextAsync("x");
        WebSocketConnection socket = await held.Task.WaitAsync(WebHost.Patience);
        Assert.Equal((true, 1), (socket.IsPaused, Volatile.Read(ref received)));
        socket.Resume();
        await all.Task.WaitAsync(WebHost.Patience);
        Assert.Equal(0, early);
        await client.CloseAsync();
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Each_message_says_whether_it_is_compressed(Road road)
    {
        byte[] message = new byte[4096];
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket(
                "/",
                async (socket, _) =>
                {
                    foreach (SendOptions options in new[] { SendOptions.Compress, SendOptions.DoNotCompress, SendOptions.Sensitive })
                        socket.TrySend(message, WebSocketMessageKind.Binary, options);
                    await socket.Closed;
                },
                new WebSocketAcceptOptions { PerMessageDeflate = PerMessageDeflateOptions.Default }),
            road: road);
        await using Stream stream = await host.OpenStreamAsync("/", extensions: "permessage-deflate");
        Assert.Equal(0xC2, (await ReadFrameAsync(stream)).First);
        foreach (int _ in Enumerable.Range(0, 2))
            Assert.Equal((0x82, message.Length), await ReadFrameAsync(stream));
    }

    /// <summary>Reads a frame of less than 64 KiB: its first byte, and how long its payload is.</summary>
    private static async Task<(byte First, int Length)> ReadFrameAsync(Stream stream)
    {
        byte[] header = await ReadAsync(2);
        int length = header[1] == 126 ? BinaryPrimitives.ReadUInt16BigEndian(await ReadAsync(2)) : header[1];
        await ReadAsync(length);
        return (header[0], length);

        async Task<byte[]> ReadAsync(int count)
        {
            byte[] bytes = new byte[count];
            await stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(WebHost.Patience);
            return bytes;
        }
    }

    private static Task<WebHost> StartAsync(Road road, WebSocketConnectionOptions options, Func<WebSocketConnection, Task> handler) =>
        WebHost.StartAsync(
            app => app.MapWebSocket("/", (socket, _) => handler(socket), new WebSocketAcceptOptions { Connection = options }), road: road);
}
