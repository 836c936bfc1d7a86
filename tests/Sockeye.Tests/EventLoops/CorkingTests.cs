using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rules S3 and S10: what a handler sends on the loop is framed without the lock, and yet in the order of the calls with all that
/// others send.</summary>
public sealed class CorkingTests
{
    public static TheoryData<Carrier, Role> Everywhere => new MatrixTheoryData<Carrier, Role>(
        [Carrier.Memory, Carrier.Socket, Carrier.EventLoop, Carrier.EventLoopTls], Enum.GetValues<Role>());

    [Theory]
    [Trait("Category", "Repeated")]
    [MemberData(nameof(Everywhere))]
    public async Task S3_A_thread_that_was_told_of_a_send_sends_behind_it_and_before_what_it_tells_of(Carrier carrier, Role role)
    {
        int count = Repeat.Times(2000, 20_000);
        await using RawPeer peer = await RawPeer.CreateAsync(carrier, role);
        int told = 0;
        int answered = 0;
        Task answering = Task.Run(() =>
        {
            for (int i = 1; i <= count; i++)
            {
                while (Volatile.Read(ref told) < i)
                    Thread.Yield();
                Assert.NotEqual(SendResult.Closed, peer.Connection.TrySend(Tagged(i, 1)));
                Volatile.Write(ref answered, i);
            }
        });
        Task handled = peer.HandleAsync(async socket =>
        {
            int i = 0;
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                i++;
                Assert.NotEqual(SendResult.Closed, socket.TrySend(Tagged(i, 0)));
                Volatile.Write(ref told, i);
                while (Volatile.Read(ref answered) < i)
                    Thread.Yield();
                if (i % 3 == 0)
                    await socket.SendTextAsync($"{i}");
                else
                    await socket.SendAsync(Tagged(i, 2));
            }
        });
        byte[] frame = peer.Frame(Opcode.Binary, [1, 2, 3]);
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; i < count; i += 10)
                await peer.SendAsync([.. Enumerable.Repeat(frame, 10).SelectMany(one => one)]);
        });
        for (int i = 1; i <= count; i++)
        {
            Assert.Equal(Tagged(i, 0), (await peer.ReadFrameAsync())!.Payload);
            Assert.Equal(Tagged(i, 1), (await peer.ReadFrameAsync())!.Payload);
            ReceivedFrame last = (await peer.ReadFrameAsync())!;
            if (i % 3 == 0)
                Assert.Equal($"{i}", last.Text);
            else
                Assert.Equal(Tagged(i, 2), last.Payload);
        }

        await sending.Soon();
        await answering.Soon();
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Theory]
    [InlineData(Carrier.Memory)]
    [InlineData(Carrier.Socket)]
    [InlineData(Carrier.EventLoop)]
    [InlineData(Carrier.EventLoopTls)]
    public async Task S1_Drain_from_another_thread_sends_what_is_corked_while_the_handler_goes_on(Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.CreateAsync(carrier);
        using var gate = new SemaphoreSlim(0);
        using var corked = new SemaphoreSlim(0);
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                await socket.SendAsync(message);
                corked.Release();
                gate.Wait();
            }
        });
        await peer.SendTextAsync("a");
        await corked.WaitAsync().Soon();

        await peer.Connection.DrainAsync().Soon();

        Assert.Equal(0, peer.Connection.BufferedBytes);
        Assert.Equal("a", (await peer.ReadFrameAsync())!.Text);
        gate.Release();
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Theory]
    [InlineData(Role.Server, 2)]
    [InlineData(Role.Client, 6)]
    public async Task S1_Buffered_bytes_count_what_is_corked(Role role, int header)
    {
        // In memory: no monitor lets it go.
        await using RawPeer peer = RawPeer.Create(role);
        List<long> seen = [];
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                for (int i = 0; i < 3; i++)
                {
                    Assert.Equal(SendResult.Accepted, socket.TrySend(message.Span));
                    seen.Add(i == 0 ? socket.BufferedBytes : await Task.FromResult(Task.Run(() => socket.BufferedBytes).Result));
                }
            }
        });
        await peer.SendAsync([.. peer.Frame(Opcode.Binary, new byte[10]), .. peer.Frame(Opcode.Binary, new byte[20])]);
        for (int i = 0; i < 6; i++)
            Assert.Equal(i < 3 ? 10 : 20, (await peer.ReadFrameAsync())!.Payload.Length);
        peer.Connection.Abort();
        await handled.Soon();
        long small = header + 10;
        long large = header + 20;
        Assert.Equal(
            [small, 2 * small, 3 * small, (3 * small) + large, (3 * small) + (2 * large), (3 * small) + (3 * large)],
            seen);
    }

    [Theory]
    [MemberData(nameof(Everywhere))]
    public async Task S6_Pongs_keep_their_place_among_corked_answers(Carrier carrier, Role role)
    {
        await using RawPeer peer = await RawPeer.CreateAsync(carrier, role);
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
                await socket.SendAsync(message);
        });
        for (int round = 0; round < 50; round++)
        {
            // One write; but what comes first may be answered first.
            byte[] together = [.. Enumerable.Range(0, 20).SelectMany(i => i % 3 == 1
                ? peer.Frame(Opcode.Ping, [(byte)i])
                : peer.Frame(Opcode.Binary, [(byte)i]))];
            await peer.SendAsync(together);
            for (int i = 0; i < 20; i++)
            {
                ReceivedFrame frame = (await peer.ReadFrameAsync())!;
                Assert.Equal((i % 3 == 1 ? Opcode.Pong : Opcode.Binary, (byte)i), (frame.Opcode, frame.Payload[0]));
            }
        }

        peer.Connection.Abort();
        await handled.Soon();
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task S10_Answers_that_fill_the_cork_again_and_again_keep_their_order(Role role)
    {
        // Of every size up to what is copied, and with others that go past the cork.
        await using RawPeer peer = RawPeer.Create(role, options => options with { FragmentSize = 12_000 }, capacity: 1 << 22);
        int[] sizes = [.. Enumerable.Range(0, 400).Select(i => i * 7919 % 17_000)];
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                for (int i = 0; i < sizes.Length; i++)
                {
                    ValueTask sent = i % 5 == 0
                        ? socket.SendTextAsync(new string('x', sizes[i]))
                        : socket.SendAsync(GatedPeer.Bytes(sizes[i], i));
                    if (i % 50 == 0)
                        await sent;
                }
            }
        });
        await peer.SendTextAsync("go");
        for (int i = 0; i < sizes.Length; i++)
        {
            byte[] payload = (await peer.ReadMessageAsync()).Payload;
            byte[] expected = i % 5 == 0 ? System.Text.Encoding.ASCII.GetBytes(new string('x', sizes[i])) : GatedPeer.Bytes(sizes[i], i);
            Assert.True(payload.AsSpan().SequenceEqual(expected), $"Message {i} is not what was sent.");
        }

        peer.Connection.Abort();
        await handled.Soon();
    }

    private static byte[] Tagged(int index, byte sender) => [.. BitConverter.GetBytes(index), sender];
}
