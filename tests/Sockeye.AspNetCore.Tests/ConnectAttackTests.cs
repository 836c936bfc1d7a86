using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Row V44 of the attack catalogue: streams of HTTP/2 that are opened to be reset.</summary>
public sealed class ConnectAttackTests(ITestOutputHelper output)
{
    private const int Many = 100_000;

    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte Settings = 4;
    private const byte EndOfHeaders = 4;

    [Theory]
    [InlineData("websocket")]
    [InlineData("webtransport")]
    public Task V44_Streams_that_are_reset_as_soon_as_they_are_opened_leave_nothing_behind(string protocol) =>
        AttackAsync(protocol, streams: 2000);

    [Theory]
    [Trait("Category", "Full")]
    [InlineData("websocket")]
    [InlineData("webtransport")]
    public Task V44_So_do_a_hundred_thousand(string protocol) => AttackAsync(protocol, Many);

    [Theory]
    [Trait("Category", "Figures")]
    [InlineData("websocket")]
    [InlineData("webtransport")]
    public async Task V44_Stream_that_is_reset_costs_less_than_half_a_millisecond_of_processor_time(string protocol)
    {
        await AttackAsync(protocol, streams: 2000); // warm
        TimeSpan before = Environment.CpuUsage.TotalTime;
        await AttackAsync(protocol, Many);
        double each = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / Many;
        output.WriteLine($"V44: {protocol}: {each:F1} µs a stream, with what it costs the attacker");
        Console.WriteLine($"FIGURE V44: {protocol}: {each:F1} µs a stream, with what it costs the attacker");
        Assert.True(each < 500);
    }

    private static async Task AttackAsync(string protocol, int streams)
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
        byte[] request = Fields(
            (":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", "/"), (":authority", host.Host),
            ("sec-websocket-version", "13"));
        // Kestrel loses its patience, as it may, which ends the connection of the attacker: who comes again.
        List<(Stream Raw, Task Draining)> attackers = [];
        for (int sent = 0; sent < streams;)
        {
            Stream raw = await host.ConnectRawAsync();
            attackers.Add((raw, raw.CopyToAsync(Stream.Null)));
            sent += await ResetAsync(raw, request, streams - sent);
        }

        using ClientWebSocket client = await host.ConnectAsync("/");
        byte[] buffer = new byte[16];
        await client.SendAsync("still there"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(WebHost.Patience);
        WebSocketReceiveResult received = await client.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(WebHost.Patience);
        Assert.Equal("still there", Encoding.UTF8.GetString(buffer, 0, received.Count));
        client.Abort();
        foreach ((Stream raw, Task draining) in attackers)
        {
            await raw.DisposeAsync();
            await Record.ExceptionAsync(() => draining.WaitAsync(WebHost.Patience));
        }

        long start = Environment.TickCount64;
        while (Volatile.Read(ref running) > 0 && Environment.TickCount64 - start < WebHost.Patience.TotalMilliseconds)
            await Task.Delay(10);

        Assert.Equal(0, Volatile.Read(ref running));
        // One of them was the fresh client's; of each attacker's Kestrel allows a hundred at a time, and those that are being ended.
        Assert.InRange(most, 1, 300 * attackers.Count);
    }

    /// <summary>Opens streams and resets them.</summary>
    /// <returns>How many.</returns>
    private static async Task<int> ResetAsync(Stream raw, byte[] request, int streams)
    {
        int sent = 0;
        try
        {
            await raw.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), .. Frame(Settings, 0, 0, [])]);
            for (; sent < streams; sent++)
            {
                int stream = (2 * sent) + 1;
                await raw.WriteAsync((byte[])[.. Frame(Headers, EndOfHeaders, stream, request), .. Frame(Reset, 0, stream, [0, 0, 0, 8])]);
            }
        }
        catch (IOException)
        {
            // That connection is over.
        }

        return Math.Max(1, sent);
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
