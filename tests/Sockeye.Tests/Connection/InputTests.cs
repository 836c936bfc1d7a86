using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule R7: however the bytes arrive, the application sees the same.</summary>
public sealed class InputTests
{
    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task R7_Session_split_at_every_point_gives_the_same_events(Role role)
    {
        (byte[] session, List<string> events, int pongs) = MakeSession(role);
        for (int split = 0; split <= session.Length; split++)
        {
            await using RawPeer peer = RawPeer.Open(role);
            Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
            await peer.SendAsync(session[..split]);
            if (split % 3 == 0)
                await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting || peer.Connection.Receive.IsStopped || split == session.Length);
            await peer.SendAsync(session[split..]);
            await peer.Transport.ShutdownAsync();
            Assert.Equal(events, await reading.Soon());
            List<ReceivedFrame> sent = await peer.ReadToEndAsync();
            Assert.Equal(pongs + 1, sent.Count);
        }
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task R7_Session_byte_by_byte_gives_the_same_events(Role role)
    {
        (byte[] session, List<string> events, _) = MakeSession(role);
        await using RawPeer peer = RawPeer.Open(role);
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        foreach (byte b in session)
        {
            await peer.SendAsync([b]);
            await Task.Yield();
        }

        await peer.Transport.ShutdownAsync();
        Assert.Equal(events, await reading.Soon());
    }

    [Fact]
    public async Task R7_Session_split_at_every_point_gives_the_same_to_a_reader_that_comes_late()
    {
        (byte[] session, List<string> events, _) = MakeSession(Role.Server);
        for (int split = 0; split <= session.Length; split++)
        {
            await using RawPeer peer = RawPeer.Open();
            await peer.SendAsync(session[..split], session[split..]);
            await peer.Transport.ShutdownAsync();
            await Settle.UntilAsync(() => peer.Connection.Receive.IsStopped);
            Assert.Equal(events, await EventLog.ReadEventsAsync(peer.Connection).Soon());
        }
    }

    [Theory]
    [InlineData(Carrier.Memory, Role.Server)]
    [InlineData(Carrier.Socket, Role.Server)]
    [InlineData(Carrier.EventLoop, Role.Server)]
    [InlineData(Carrier.Socket, Role.Client)]
    [InlineData(Carrier.EventLoop, Role.Client)]
    [InlineData(Carrier.Stream, Role.Server)]
    [InlineData(Carrier.Tls, Role.Server)]
    [InlineData(Carrier.EventLoopTls, Role.Server)]
    [InlineData(Carrier.Tls, Role.Client)]
    [InlineData(Carrier.EventLoopTls, Role.Client)]
    public async Task R7_Large_messages_arrive_whole(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        int[] sizes = [16_384, 65_535, 65_536, 65_537, 131_072, 1_048_576, 1_048_577, 5_000_000, 16 * 1024 * 1024];
        foreach (int size in sizes)
            await peer.SendAsync(peer.Frame(Opcode.Binary, EventLog.Payload(size, size)));
        await peer.SendAsync(peer.CloseFrame());
        await peer.ReadFrameAsync();
        await peer.Transport.ShutdownAsync();
        Assert.Equal(sizes.Select(size => EventLog.Describe("Binary", EventLog.Payload(size, size))), await reading.Soon());
    }

    [Theory]
    [InlineData(Carrier.Memory)]
    [InlineData(Carrier.Socket)]
    [InlineData(Carrier.EventLoop)]
    [InlineData(Carrier.Tls)]
    [InlineData(Carrier.EventLoopTls)]
    public async Task R7_Large_fragments_with_control_frames_between_arrive_whole(Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier);
        Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
        byte[] text = [.. Enumerable.Range(0, 400_000).SelectMany(_ => "äöü€"u8.ToArray())]; // 3.6 MB, cut inside characters
        List<byte[]> frames = [];
        List<string> expected = [];
        int sent = 0;
        for (int i = 0; sent < text.Length; i++)
        {
            int length = Math.Min(text.Length - sent, (i % 5) switch { 0 => 0, 1 => 1, 2 => 70_001, 3 => 16_385, _ => 300_007 });
            frames.Add(peer.Frame(
                frames.Count == 0 ? Opcode.Text : Opcode.Continuation, text.AsSpan(sent, length), isFinal: sent + length == text.Length));
            sent += length;
            if (sent < text.Length)
            {
                frames.Add(peer.Frame(Opcode.Pong, [(byte)i]));
                expected.Add(EventLog.Describe("Pong", [(byte)i]));
            }
        }

        expected.Add(EventLog.Describe("Text", text));
        expected.Add("Close 1000 ");
        await peer.SendAsync([.. frames.SelectMany(frame => frame), .. peer.CloseFrame()]);
        await peer.ReadFrameAsync();
        await peer.Transport.ShutdownAsync();
        Assert.Equal(expected, await reading.Soon());
    }

    [Fact]
    public async Task R7_Gathering_rents_with_the_bytes_that_arrive_and_not_with_the_length_declared()
    {
        await using RawPeer peer = RawPeer.Open();
        byte[] frame = peer.Frame(Opcode.Binary, EventLog.Payload(10_000_000));
        peer.Time.Advance(TimeSpan.FromMilliseconds(1));
        await peer.SendAsync(frame[..14]);
        await Settle.UntilAsync(
            () => peer.Connection.Deadlines.LastReceived == peer.Time.GetTimestamp() && peer.Buffers.SlabsHeld == 0);
        Assert.Equal(0, peer.Pool.Outstanding);
        int sent = 14;
        foreach (int piece in (int[])[1, 99, 900, 20_000, 60_000, 300_000])
        {
            await peer.SendAsync(frame[sent..(sent + piece)]);
            sent += piece;
            // Never more than some times what has come.
            await Settle.UntilAsync(() => peer.Buffers.SlabsHeld == 0 && peer.Pool.OutstandingBytes >= sent - 14);
            Assert.InRange(peer.Pool.OutstandingBytes, 1, Math.Max(1024, 8L * sent));
        }

        await peer.SendAsync(frame[sent..]);
        Assert.Equal(EventLog.Payload(10_000_000), (await peer.Connection.ReceiveAsync()).ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(65_536)]
    public async Task R6_Bytes_read_during_the_handshake_come_first(int length)
    {
        await using RawPeer peer = RawPeer.Create();
        byte[] payload = EventLog.Payload(65_536);
        byte[] frames = [.. peer.TextFrame("first"), .. peer.Frame(Opcode.Binary, payload), .. peer.CloseFrame()];
        peer.Own.Unread(frames.AsSpan(0, length));
        await peer.SendAsync(frames[length..]);
        await peer.Transport.ShutdownAsync();
        peer.Connection.Start();
        Assert.Equal(
            ["Text first", EventLog.Describe("Binary", payload)], await EventLog.ReadMessagesAsync(peer.Connection).Soon());
    }

    /// <summary>Makes a session of mixed frames, and what it must be seen as.</summary>
    private static (byte[] Bytes, List<string> Events, int Pongs) MakeSession(Role role)
    {
        byte[] medium = EventLog.Payload(300, seed: 3);
        byte[][] frames =
        [
            Wire.Frame(role, Opcode.Text, "hello"u8),
            Wire.Frame(role, Opcode.Ping, "p1"u8),
            Wire.Frame(role, Opcode.Binary, medium),
            Wire.Frame(role, Opcode.Text, "€u"u8[..2], isFinal: false),
            Wire.Frame(role, Opcode.Pong, "p2"u8),
            Wire.Frame(role, Opcode.Continuation, "€u"u8[2..3], isFinal: false),
            Wire.Frame(role, Opcode.Continuation, [], isFinal: false),
            Wire.Frame(role, Opcode.Ping, []),
            Wire.Frame(role, Opcode.Continuation, "u"u8),
            Wire.Frame(role, Opcode.Binary, [], isFinal: false),
            Wire.Frame(role, Opcode.Continuation, []),
            Wire.Frame(role, Opcode.Text, []),
            Wire.Frame(role, Opcode.Close, [0x03, 0xE9, (byte)'b', (byte)'y', (byte)'e']),
        ];
        List<string> events =
        [
            "Text hello", "Ping p1", EventLog.Describe("Binary", medium), "Pong p2", "Ping ",
            EventLog.Describe("Text", "€u"u8), "Binary ", "Text ", "Close 1001 bye",
        ];
        return ([.. frames.SelectMany(frame => frame)], events, Pongs: 2);
    }
}
