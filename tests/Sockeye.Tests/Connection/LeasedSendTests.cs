using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule R2 where it concerns sending: a received message is sent on without waiting, here and on other connections.</summary>
public sealed class LeasedSendTests
{
    // Within a block copied, within a block held, gathered from several receives.
    private static readonly int[] Lengths = [0, 10, 16_384, 16_385, 40_000, 60_000, 200_000, 500_000];

    public static TheoryData<Role, Role> Roles => new(
        from first in Enum.GetValues<Role>()
        from second in Enum.GetValues<Role>()
        select (first, second));

    [Theory]
    [MemberData(nameof(Roles))]
    public async Task R2_Messages_sent_on_unawaited_arrive_whole_though_their_leases_have_ended(Role from, Role to)
    {
        await using RawPeer target = await GatedPeer.OpenHeldAsync(to, capacity: 8 << 20);
        await using RawPeer source = GatedPeer.Create(from, capacity: 8 << 20);
        var read = new TaskCompletionSource();
        Task handled = source.HandleAsync(async socket =>
        {
            int count = 0;
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                _ = target.Connection.SendAsync(message);
                if (++count == 3 * Lengths.Length)
                    read.SetResult();
            }
        });
        for (int round = 0; round < 3; round++)
        {
            foreach (int length in Lengths)
                await source.SendAsync(source.Frame(Opcode.Binary, GatedPeer.Bytes(length, round)));
        }

        await read.Task.Soon();
        // Other bytes come into the blocks that the leases lay in, as far as they are free.
        for (int i = 0; i < 20; i++)
            await source.SendAsync(source.Frame(Opcode.Ping, new byte[100]));
        for (int i = 0; i < 20; i++)
            Assert.Equal(Opcode.Pong, (await source.ReadFrameAsync())!.Opcode);
        target.Gate().Release();
        await target.ReadFirstAsync();
        for (int round = 0; round < 3; round++)
        {
            foreach (int length in Lengths)
                Assert.True((await target.ReadMessageAsync()).Payload.AsSpan().SequenceEqual(GatedPeer.Bytes(length, round)), $"{length} bytes");
        }

        source.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task R2_Messages_sent_on_to_many_connections_arrive_on_each()
    {
        RawPeer source = GatedPeer.Open();
        List<RawPeer> targets = [];
        for (int i = 0; i < 5; i++)
            targets.Add(await GatedPeer.OpenHeldAsync(i % 2 == 0 ? Role.Server : Role.Client));
        await source.SendAsync(source.Frame(Opcode.Binary, GatedPeer.Bytes(30_000)));
        WebSocketMessage message = await source.Connection.ReceiveAsync().Soon();
        foreach (RawPeer target in targets)
            _ = target.Connection.SendAsync(message);
        await source.SendTextAsync("next");
        message = await source.Connection.ReceiveAsync().Soon();
        Assert.Equal("next", message.GetText());
        source.Connection.Abort(); // it goes before those who still send its message
        await source.Connection.Closed.Soon();
        foreach (RawPeer target in targets)
        {
            target.Gate().Release();
            await target.ReadFirstAsync();
            Assert.Equal(GatedPeer.Bytes(30_000), (await target.ReadMessageAsync()).Payload);
            await target.DisposeAsync();
        }

        await source.DisposeAsync();
    }

    [Fact]
    public async Task R2_A_message_whose_lease_has_ended_is_not_sent_on()
    {
        await using RawPeer peer = GatedPeer.Open();
        await peer.SendAsync(peer.Frame(Opcode.Text, "one"u8), peer.Frame(Opcode.Text, "two"u8));
        WebSocketMessage stale = await peer.Connection.ReceiveAsync().Soon();
        WebSocketMessage message = await peer.Connection.ReceiveAsync().Soon();
        Assert.Throws<InvalidOperationException>(() => { _ = peer.Connection.SendAsync(stale); });
        Assert.Throws<InvalidOperationException>(() => { _ = peer.Connection.SendAsync(default(WebSocketMessage)); });
        await peer.Connection.SendAsync(message);
        Assert.Equal("two", (await peer.ReadFrameAsync())!.Text);
    }

    [Fact]
    public async Task R2_A_withdrawn_or_refused_message_lets_go_of_its_block()
    {
        await using RawPeer source = GatedPeer.Open();
        await using RawPeer held = await GatedPeer.OpenHeldAsync();
        RawPeer closed = GatedPeer.Open();
        await closed.DisposeAsync();
        using var cancel = new CancellationTokenSource();
        await source.SendAsync(source.Frame(Opcode.Binary, GatedPeer.Bytes(30_000)));
        WebSocketMessage message = await source.Connection.ReceiveAsync().Soon();
        Task withdrawn = held.Connection.SendAsync(message, cancel.Token).AsTask();
        Task refused = closed.Connection.SendAsync(message).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        await Assert.ThrowsAsync<WebSocketClosedException>(() => refused.Soon());
        Assert.Equal(GatedPeer.Bytes(30_000), message.ToArray());
    }
}
