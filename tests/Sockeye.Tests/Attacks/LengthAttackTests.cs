using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Attacks;

/// <summary>Lengths that overflow, lengths that are declared and never come, and messages in more pieces than anyone needs: what they cost
/// is bounded by what has come. Rows V01, V02 and V04 of the attack catalogue.</summary>
public sealed class LengthAttackTests
{
    private const int MiB = 1024 * 1024;

    // Where a sign, an addition of header and mask, or a narrower integer would turn over; and just above the limit.
    private static readonly ulong[] Lengths =
    [
        1UL << 63, (1UL << 63) + 1, ulong.MaxValue, ulong.MaxValue - 3, ulong.MaxValue - 13, long.MaxValue, long.MaxValue - 13, 1UL << 62,
        (1UL << 32) + 5, uint.MaxValue, 1UL << 31, int.MaxValue, (16 * MiB) + 1,
    ];

    public static TheoryData<Role, string> Places =>
        new MatrixTheoryData<Role, string>(Enum.GetValues<Role>(), ["alone", "behind a fragment", "behind a fragment and a pong"]);

    [Theory]
    [MemberData(nameof(Places))]
    public async Task V01_Length_that_overflows_is_refused_at_its_header_and_costs_nothing(Role role, string place)
    {
        foreach (ulong length in Lengths)
        {
            await using RawPeer peer = RawPeer.Open(role);
            Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
            bool isAlone = place == "alone";
            byte[] before = isAlone ? [] : peer.Frame(Opcode.Binary, new byte[100], isFinal: false);
            byte[] pong = place.EndsWith("pong", StringComparison.Ordinal) ? peer.Frame(Opcode.Pong, []) : [];
            await peer.SendAsync(
                [.. before, .. pong, .. Wire.Header((byte)(isAlone ? 0x82 : 0x80), 64, length, isMasked: role == Role.Server), 1, 2, 3]);
            Rule rule = length > long.MaxValue ? Rule.LengthMustBeBelow2To63 : Rule.MessageMustFitLimit;
            var violation = Violation.Of(rule);
            List<ReceivedFrame> sent = await peer.ReadToEndAsync();
            await peer.Transport.ShutdownAsync();
            Assert.Equal([(Opcode.Close, (int)violation.CloseCode)], sent.Select(frame => (frame.Opcode, frame.CloseCode)));
            Assert.Equal([$"Threw {(int)violation.CloseCode}"], await reading.Soon());
            Assert.Equal(violation, (await peer.Connection.Closed).Violation);
            Assert.InRange(peer.Pool.PeakBytes, 0, 64 * 1024);
        }
    }

    [Fact]
    public async Task V02_Thousand_connections_that_declare_16_MiB_and_bring_a_byte_hold_little()
    {
        const int Count = 1000;
        var pool = new CountingPool(trace: false);
        var buffers = new BufferPool(pool);
        var options = new WebSocketConnectionOptions { TimeProvider = new ManualTimeProvider(), Buffers = buffers };
        byte[] wire = [.. Wire.Frame(Role.Server, Opcode.Ping, []), .. Wire.Header(0x82, 64, 16 * MiB, isMasked: true), 0x55];
        List<(WebSocketConnection Connection, InMemoryTransport Peer)> all = [];
        for (int i = 0; i < Count; i++)
        {
            (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(buffers, BufferPool.Shared);
            var connection = new WebSocketConnection(own, Role.Server, options, ConnectionDetails.None, []);
            connection.Start();
            all.Add((connection, peer));
            await peer.SendAsync(wire, default);
        }

        foreach ((_, InMemoryTransport peer) in all)
        {
            // The pong leaves when all that came with the ping has been parsed.
            Assert.Equal(2, (await peer.ReceiveAsync(default).Soon()).Memory.Count);
            peer.Advance(2);
        }

        await Settle.UntilAsync(() => buffers.SlabsHeld == 0);
        Assert.InRange(pool.OutstandingBytes, Count, Count * 4096);
        foreach ((WebSocketConnection connection, InMemoryTransport peer) in all)
        {
            connection.Abort();
            peer.Abort();
        }

        await Settle.UntilAsync(() => pool.Outstanding == 0);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task V04_Million_empty_fragments_end_at_the_limit_and_hold_nothing(Role role)
    {
        await using RawPeer peer = RawPeer.Open(role);
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        byte[] fragments = [.. Enumerable.Repeat(peer.Frame(Opcode.Continuation, [], isFinal: false), 1000).SelectMany(frame => frame)];
        Task sending = Task.Run(async () =>
        {
            await peer.SendAsync(peer.Frame(Opcode.Binary, [], isFinal: false));
            for (int i = 0; i < 1000; i++)
                await peer.SendAsync(fragments);
            await peer.Transport.ShutdownAsync();
        });
        Assert.Equal([1008], (await peer.ReadToEndAsync()).Select(frame => frame.CloseCode));
        await sending.Soon();
        Assert.Equal(["Threw 1008"], await reading.Soon());
        Assert.Equal(Rule.FragmentsMustFitLimit, (await peer.Connection.Closed).Violation?.Rule);
        Assert.InRange(peer.Pool.PeakBytes, 0, 64 * 1024);
    }

    [Fact]
    public async Task V04_Message_of_one_byte_fragments_byte_by_byte_arrives_and_holds_what_came()
    {
        const int Count = 5000;
        await using RawPeer peer = RawPeer.Open();
        Task<List<string>> reading = EventLog.ReadMessagesAsync(peer.Connection);
        byte[] payload = EventLog.Payload(Count);
        for (int i = 0; i < Count; i++)
        {
            Opcode opcode = i == 0 ? Opcode.Binary : Opcode.Continuation;
            foreach (byte b in peer.Frame(opcode, payload.AsSpan(i, 1), isFinal: i == Count - 1))
                await peer.SendAsync([b]);
            Assert.InRange(peer.Pool.OutstandingBytes, 0, (4 * i) + 1024);
        }

        await peer.SendAsync(peer.CloseFrame());
        await peer.ReadToEndAsync();
        await peer.Transport.ShutdownAsync();
        Assert.Equal([EventLog.Describe("Binary", payload)], await reading.Soon());
    }
}
