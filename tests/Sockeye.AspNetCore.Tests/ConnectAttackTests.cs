using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Row V44 of the attack catalogue: streams of HTTP/2 that are opened to be reset.</summary>
public sealed class ConnectAttackTests
{
    private const int Streams = 2000;

    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte Settings = 4;
    private const byte EndOfHeaders = 4;

    [Theory]
    [InlineData("websocket")]
    [InlineData("webtransport")]
    public async Task Streams_that_are_reset_as_soon_as_they_are_opened_leave_nothing_behind(string protocol)
    {
        int running = 0;
        int most = 0;
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (WebSocketConnection socket, CancellationToken cancel) =>
            {
                int now = Interlocked.Increment(ref running);
                for (int seen = Volatile.Read(ref most); now > seen; seen = Volatile.Read(ref most))
                    Interlocked.CompareExchange(ref most, now, seen);
                try
                {
                    await WebHost.EchoAsync(socket, cancel);
                }
                finally
                {
                    Interlocked.Decrement(ref running);
                }
            }),
            // Kestrel may give the attacker up because too much output waits (Http2QueueOperationsExceeded). Now and then a stream of that
            // connection never ends then, with the framework's own WebSockets as well (dotnet/aspnetcore#51307), and the host waits for it.
            configure: builder => builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5)),
            road: Road.Http2);
        await using Stream raw = await host.ConnectRawAsync();
        Task draining = raw.CopyToAsync(Stream.Null);
        byte[] request = Fields(
            (":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", "/"), (":authority", host.Host),
            ("sec-websocket-version", "13"));
        try
        {
            await raw.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), .. Frame(Settings, 0, 0, [])]);
            for (int i = 0; i < Streams; i++)
            {
                int stream = (2 * i) + 1;
                await raw.WriteAsync((byte[])[.. Frame(Headers, EndOfHeaders, stream, request), .. Frame(Reset, 0, stream, [0, 0, 0, 8])]);
            }
        }
        catch (IOException)
        {
            // Kestrel has lost its patience, as it may: that ends the connection of the attacker.
        }

        using ClientWebSocket client = await host.ConnectAsync("/");
        byte[] buffer = new byte[16];
        await client.SendAsync("still there"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(WebHost.Patience);
        WebSocketReceiveResult received = await client.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(WebHost.Patience);
        Assert.Equal("still there", Encoding.UTF8.GetString(buffer, 0, received.Count));
        client.Abort();
        await raw.DisposeAsync();
        await Record.ExceptionAsync(() => draining.WaitAsync(WebHost.Patience));
        long start = Environment.TickCount64;
        while (Volatile.Read(ref running) > 0 && Environment.TickCount64 - start < WebHost.Patience.TotalMilliseconds)
            await Task.Delay(10);

        Assert.Equal(0, Volatile.Read(ref running));
        // One of them was the fresh client's; of the others Kestrel allows a hundred at a time, and those that are being ended.
        Assert.InRange(most, 1, 300);
    }

    /// <summary>Writes fields as HPACK has them at their simplest: literals that enter no table, and no Huffman code.</summary>
    private static byte[] Fields(params (string Name, string Value)[] fields) =>
        [.. fields.SelectMany(field => (byte[])[0, .. Text(field.Name), .. Text(field.Value)])];

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = [0, 0, (byte)payload.Length, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }
}
