using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;
using Sockeye.Protocol;
using Sockeye.Tests.Compression;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Tests.Topics;

namespace Sockeye.Tests.Diagnostics;

/// <summary>The meter. It is one for the process: nothing else runs at the time.</summary>
[Collection(nameof(WholeProcess))]
public sealed class MetricsTests
{
    // What other tests have left behind may still move: once, but not again and again.
    private const int Attempts = 5;

    [Fact]
    public async Task Messages_and_bytes_are_counted_both_ways_while_somebody_observes_them()
    {
        string[] texts = ["a", "bb", "ccc"];
        // A frame to the server has a mask of four bytes; each side sends a Close of two bytes.
        double unmasked = texts.Sum(text => text.Length + 2) + 4;
        double masked = unmasked + (4 * (texts.Length + 1));
        await RepeatAsync(async () =>
        {
            using var measurements = new Measurements("sockeye.messages", "sockeye.io");
            double[] before = Read(measurements);
            await using ServerTest test = await ServerTest.EchoAsync();
            await using (WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon())
            {
                foreach (string text in texts)
                {
                    await client.SendTextAsync(text);
                    Assert.Equal(text, (await client.ReceiveAsync().Soon()).GetText());
                }
            }

            await test.AssertNothingIsLeftAsync();
            double[] expected = [3, 3, 3, 3, masked, unmasked, unmasked, masked];
            return Read(measurements).Zip(before, (now, then) => now - then).SequenceEqual(expected);
        });

        static double[] Read(Measurements measurements) =>
        [
            .. from instrument in (string[])["sockeye.messages", "sockeye.io"]
               from role in (string[])["server", "client"]
               from direction in (string[])["receive", "transmit"]
               select measurements.Read($"{instrument} sockeye.role={role} network.io.direction={direction}"),
        ];
    }

    [Fact]
    public async Task Nothing_is_counted_for_nobody()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon();
        Assert.False(Telemetry.CountsTraffic || Telemetry.CountsCompression || Telemetry.TimesHandshakes);
        for (int i = 0; i < 20; i++)
        {
            await client.SendTextAsync("before");
            _ = await client.ReceiveAsync().Soon();
        }

        await RepeatAsync(async () =>
        {
            using var measurements = new Measurements("sockeye.messages");
            const string What = "sockeye.messages sockeye.role=client network.io.direction=receive";
            double before = measurements.Read(What);
            await client.SendTextAsync("now");
            _ = await client.ReceiveAsync().Soon();
            // It is counted when the loop asks for more.
            await Settle.UntilAsync(() => measurements.Read(What) > before);
            return measurements.Read(What) - before is 1;
        });
        Assert.False(Telemetry.CountsTraffic);
    }

    [Fact]
    public async Task Messages_ask_no_log()
    {
        var log = new DisabledLog();
        await using ServerTest test = await ServerTest.EchoAsync(o => o with { Connection = o.Connection with { LoggerFactory = log } });
        await using WebSocketConnection client =
            await WebSocketClient.ConnectAsync(new Uri(test.Uri), new() { Connection = new() { LoggerFactory = log } }).Soon();
        await RepeatAsync(async () =>
        {
            int before = log.Asked;
            for (int i = 0; i < 20; i++)
            {
                await client.SendTextAsync("hello");
                _ = await client.ReceiveAsync().Soon();
            }

            return log.Asked == before;
        });
    }

    [Fact]
    public async Task Topics_tell_what_became_of_messages_and_what_waits_for_slow_subscribers()
    {
        const int Kept = 3;
        const int Lost = 5;
        await using RawPeer slow = await TopicPeers.OpenSlowAsync();
        using var hub = new TopicHub(new() { SlowConsumer = SlowConsumerPolicy.DropOldest, MaxBacklogBytes = Kept * TopicPeers.Cost });
        hub.Subscribe(slow.Connection, "t");
        var measurements = new Measurements();
        double[] before = ReadAll();
        hub.Fill();
        for (int i = 0; i < Kept + Lost; i++)
            Assert.Equal(new PublishResult(0, 1, 0), hub.Publish(i));
        double[] deliveries = [Delivered("accepted"), Delivered("queued"), Delivered("dropped")];
        Assert.Equal([TopicPeers.Room, Kept + Lost, 0], deliveries);
        measurements.Dispose();

        // What is observed tells of what was before somebody looked.
        hub.Publish(0);
        measurements = new Measurements();
        Assert.Equal([1, Kept * TopicPeers.Cost, Lost + 1, 0], ReadAll().Zip(before, (now, then) => now - then));
        hub.UnsubscribeAll(slow.Connection);
        Assert.Equal([0, 0, Lost + 1, Kept], ReadAll().Zip(before, (now, then) => now - then));
        measurements.Dispose();

        double[] ReadAll() =>
        [
            Read("slow_subscribers"), Read("backlog"), Read("lost sockeye.topics.reason=dropped_oldest"), Read("lost sockeye.topics.reason=abandoned"),
        ];

        double Read(string what) => measurements.Read("sockeye.topics." + what);

        double Delivered(string how) =>
            measurements.All.Where(one => one.What == $"sockeye.topics.deliveries sockeye.topics.delivery={how}").Sum(one => one.Value);
    }

    [Fact]
    public async Task Connections_are_counted_while_they_are_open_whenever_somebody_begins_to_look()
    {
        const int Count = 100;
        const int Others = 10; // connections of other tests that end only now
        Measurements? measurements = null;
        double before = Read();
        List<RawPeer> peers = [.. Enumerable.Range(0, Count).Select(_ => RawPeer.Open())];
        await using RawPeer never = RawPeer.Create();
        Assert.InRange(Read() - before, Count - Others, Count);
        foreach (RawPeer peer in peers)
            await peer.DisposeAsync();
        Assert.InRange(Read() - before, -Others, 0);

        double Read()
        {
            measurements?.Dispose();
            using (measurements = new Measurements())
                return measurements.Read("sockeye.open_connections sockeye.role=server");
        }
    }

    [Fact]
    public async Task Handshakes_are_timed_by_result()
    {
        using var measurements = new Measurements("sockeye.handshake.duration");
        await using var test = new ServerTest();
        test.Server.Map("/", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        await (await WebSocketClient.ConnectAsync(new Uri(test.Uri)).Soon()).DisposeAsync();
        await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(new Uri($"{test.Uri}/nothing")).Soon());
        await RawClient.AskAsync(test.Server, "no request\r\n\r\n");
        using (RawClient slow = await RawClient.ConnectAsync(test.Server))
        {
            await test.AcceptedAsync(4);
            test.Advance(TimeSpan.FromSeconds(10));
            await slow.ReadToAnyEndAsync();
        }

        await test.AssertNothingIsLeftAsync();
        string[] recorded = [.. measurements.All.Select(one => one.What["sockeye.handshake.duration ".Length..]).Order(StringComparer.Ordinal)];
        Assert.Equal(
            [
                "sockeye.role=client sockeye.handshake.result=accepted http.response.status_code=101",
                "sockeye.role=client sockeye.handshake.result=refused http.response.status_code=404",
                "sockeye.role=server sockeye.handshake.result=accepted http.response.status_code=101",
                "sockeye.role=server sockeye.handshake.result=failed error.type=timeout",
                "sockeye.role=server sockeye.handshake.result=refused http.response.status_code=400",
                "sockeye.role=server sockeye.handshake.result=refused http.response.status_code=404",
            ],
            recorded);
        // The manual clock stood still but for the one that was too slow.
        Assert.Equal([10.0], measurements.All.Where(one => one.What.Contains("role=server", StringComparison.Ordinal) && one.Value > 0).Select(one => one.Value));
    }

    [Theory]
    [InlineData(4001, null, "4001", CloseCause.Local)]
    [InlineData(null, 1001, "1001", CloseCause.Peer)]
    [InlineData(null, 4123, "4000", CloseCause.Peer)]
    [InlineData(null, 3999, "3000", CloseCause.Peer)]
    [InlineData(null, null, "1006", CloseCause.TransportEnded)]
    public async Task Ends_are_counted_by_code_and_cause_of_which_a_peer_cannot_make_up_many(
        int? own, int? peers, string code, CloseCause cause)
    {
        using var measurements = new Measurements("sockeye.closed_connections");
        await using RawPeer peer = RawPeer.Open();
        peer.Connection.IgnoreMessages();
        if (own is not null)
        {
            _ = peer.Connection.CloseAsync((CloseCode)own);
            await peer.ReadFrameAsync();
        }

        if ((own ?? peers) is { } sent)
            await peer.SendAsync(peer.CloseFrame((CloseCode)sent));
        await peer.Transport.ShutdownAsync();
        await peer.Connection.Closed.Soon();
        Assert.Contains(
            ($"sockeye.closed_connections sockeye.role=server sockeye.close.code={code} sockeye.close.cause={cause}", 1.0), measurements.All);
    }

    [Fact]
    public async Task Round_trips_are_timed()
    {
        using var measurements = new Measurements("sockeye.ping.duration");
        await using RawPeer peer = RawPeer.Open(Role.Client);
        Task<TimeSpan> ping = peer.Connection.PingAsync();
        ReceivedFrame frame = (await peer.ReadFrameAsync())!;
        peer.Time.Advance(TimeSpan.FromSeconds(0.25));
        await peer.SendAsync(peer.Frame(Opcode.Pong, frame.Payload));
        await ping.Soon();
        Assert.Contains(("sockeye.ping.duration sockeye.role=client", 0.25), measurements.All);
    }

    [Fact]
    public async Task Bytes_that_wait_for_a_slow_peer_are_seen()
    {
        using var measurements = new Measurements("sockeye.send_queue");
        Assert.Equal(0, measurements.Read("sockeye.send_queue"));
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        _ = peer.Connection.SendAsync(new byte[1000]);
        // Two headers of 2 and 4 bytes. The write that is held has begun to wait when the second message is queued, or a moment later.
        await Settle.UntilAsync(() => measurements.Read("sockeye.send_queue") is 1006);
        peer.Gate().Release();
        await Settle.UntilAsync(() => measurements.Read("sockeye.send_queue") is 0);
    }

    [Fact]
    public async Task Compression_is_measured_both_ways()
    {
        const string Transmit = "network.io.direction=transmit";
        const string Receive = "network.io.direction=receive";
        using var measurements = new Measurements("sockeye.compression.io", "sockeye.compression.ratio");
        double[] before = Read();
        await using RawPeer peer = DeflatedPeer.Open(Role.Server, keepsContext: false, options => options with { Threshold = 0 });
        string text = DeflatedPeer.Text(5000);
        await peer.Connection.SendTextAsync(text);
        ReceivedFrame frame = (await peer.ReadFrameAsync())!;
        Assert.True(frame.IsCompressed);

        // RSV1 is the bit 0x40.
        byte[] sent = peer.Frame(Opcode.Text, frame.Payload);
        sent[0] |= 0x40;
        await peer.SendAsync(sent);
        Assert.Equal(text, (await peer.Connection.ReceiveAsync().Soon()).GetText());

        double[] after = Read();
        Assert.Equal([5000, frame.Payload.Length, 5000], after.Take(3).Zip(before, (now, then) => now - then));
        Assert.InRange(after[3] - before[3], frame.Payload.Length, frame.Payload.Length + 4); // with the end that is left away
        Assert.InRange(measurements.Read($"sockeye.compression.ratio {Transmit}"), 1.1, 100);
        Assert.InRange(measurements.Read($"sockeye.compression.ratio {Receive}"), 1.1, 100);

        double[] Read() =>
        [
            measurements.Read($"sockeye.compression.io {Transmit} sockeye.compression.state=uncompressed"),
            measurements.Read($"sockeye.compression.io {Transmit} sockeye.compression.state=compressed"),
            measurements.Read($"sockeye.compression.io {Receive} sockeye.compression.state=uncompressed"),
            measurements.Read($"sockeye.compression.io {Receive} sockeye.compression.state=compressed"),
        ];
    }

    private static async Task RepeatAsync(Func<Task<bool>> isRight)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (await isRight())
                return;
        }

        Assert.Fail($"The figures were wrong {Attempts} times.");
    }

    /// <summary>A log that wants nothing, and counts how often it is asked.</summary>
    private sealed class DisabledLog : TestLogs
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public override bool IsEnabled(LogLevel logLevel)
        {
            Interlocked.Increment(ref _asked);
            return false;
        }

        public override void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Interlocked.Increment(ref _asked);
    }
}
