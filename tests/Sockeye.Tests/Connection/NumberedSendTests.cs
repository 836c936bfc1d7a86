using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.Tests.Connection;

/// <summary>What an outbox that outlives a connection is told: which messages had begun to leave.</summary>
public sealed class NumberedSendTests
{
    private static readonly byte[] Payload = [1, 2, 3];

    [Fact]
    public async Task Messages_are_numbered_from_one_in_the_order_of_all_that_are_sent()
    {
        await using RawPeer peer = GatedPeer.Open();
        Assert.Equal(1, Send(peer));
        await peer.Connection.SendTextAsync("2");
        peer.Connection.TrySend(Payload);
        Assert.Equal(4, Send(peer));
        Assert.Equal(5, Send(peer, new byte[100_000]));
        await peer.Connection.DrainAsync().Soon();
        Assert.Equal(5, peer.Connection.Send.HandedOver);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_gathers_behind_a_write_that_fails_was_not_handed_over(bool isBroken)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        Assert.Equal(2, Send(peer));
        Assert.Equal(3, Send(peer, new byte[100_000]));
        Assert.Equal(1, peer.Connection.Send.HandedOver);
        if (isBroken)
            peer.Gate().Break();
        peer.Connection.Abort();
        Assert.Equal(3, (await peer.Connection.Closed.Soon()).UnsentMessages);
        Assert.Equal(1, peer.Connection.Send.HandedOver);
        peer.Gate().Release();
        Assert.Equal(1, peer.Connection.Send.HandedOver);
        Assert.False(peer.Connection.Send.TrySendNumbered(Opcode.Binary, Payload, SendOptions.None, out _));
    }

    [Fact]
    public async Task Large_message_is_handed_over_with_its_last_piece()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { FragmentSize = 20_000 });
        Assert.Equal(2, Send(peer, new byte[50_000]));
        foreach (int handed in (int[])[1, 1, 2])
        {
            peer.Gate().ReleaseOne();
            await peer.Gate().WriteAsync();
            Assert.Equal(handed, peer.Connection.Send.HandedOver);
        }

        peer.Gate().Release();
        await peer.Connection.DrainAsync().Soon();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Message_that_was_withdrawn_counts_as_one_that_left(bool leavesAfterwards)
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        using var cancel = new CancellationTokenSource();
        Task withdrawn = peer.Connection.SendAsync(new byte[100_000], cancellationToken: cancel.Token).AsTask();
        Assert.Equal(3, Send(peer));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn.Soon());
        if (leavesAfterwards)
        {
            peer.Gate().Release();
            await peer.Connection.DrainAsync().Soon();
        }

        peer.Connection.Abort();
        Assert.Equal(leavesAfterwards ? 0 : 2, (await peer.Connection.Closed.Soon()).UnsentMessages);
        Assert.Equal(leavesAfterwards ? 3 : 2, peer.Connection.Send.HandedOver);
    }

    [Fact]
    public async Task Room_is_told_once_for_each_time_that_there_was_none()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 100, LowWaterMark = 50 });
        int told = 0;
        peer.Connection.Writable += _ => Interlocked.Increment(ref told);
        Assert.False(peer.Connection.Send.HoldsBack());
        Send(peer, new byte[200]);
        Assert.True(peer.Connection.Send.HoldsBack());
        Assert.True(peer.Connection.Send.HoldsBack());
        peer.Gate().Release();
        await Settle.UntilAsync(() => Volatile.Read(ref told) == 1);
        Assert.False(peer.Connection.Send.HoldsBack());
    }

    [Fact]
    [Trait("Category", "Repeated")]
    public async Task What_was_not_handed_over_never_arrives_whenever_the_connection_ends()
    {
        for (int round = 0; round < Repeat.Times(50, 10_000); round++)
        {
            await using RawPeer peer = RawPeer.Open(capacity: 3000);
            List<int> numbers = [];
            Task<int> reading = Task.Run(async () =>
            {
                int count = 0;
                try
                {
                    while (await peer.ReadFrameAsync() is { Opcode: Opcode.Binary })
                        count++;
                }
                catch (IOException)
                {
                    // It was aborted.
                }

                return count;
            });
            int end = (round * 7) % 300;
            Task sending = Task.Run(() =>
            {
                while (peer.Connection.Send.TrySendNumbered(Opcode.Binary, new byte[50], SendOptions.None, out int number))
                    numbers.Add(number);
            });
            await Settle.UntilAsync(() => peer.Connection.Send.HandedOver >= end);
            peer.Connection.Abort();
            await sending.Soon();
            int arrived = await reading.Soon();
            int handed = peer.Connection.Send.HandedOver;
            Assert.Equal(Enumerable.Range(1, numbers.Count), numbers);
            Assert.InRange(arrived, 0, handed);
            Assert.InRange(handed, end, numbers.Count);
            Assert.InRange((await peer.Connection.Closed).UnsentMessages, numbers.Count - handed, numbers.Count);
        }
    }

    private static int Send(RawPeer peer, byte[]? payload = null)
    {
        Assert.True(peer.Connection.Send.TrySendNumbered(Opcode.Binary, payload ?? Payload, SendOptions.None, out int number));
        return number;
    }
}
