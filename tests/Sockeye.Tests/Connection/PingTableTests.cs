namespace Sockeye.Tests.Connection;

/// <summary>Which pings a pong answers (RFC 6455, section 5.5.3), at what price.</summary>
public sealed class PingTableTests
{
    private readonly PingTable _table = new();

    [Fact]
    public void Pong_answers_its_ping_and_what_left_before_it()
    {
        PendingPing[] pings = [.. Enumerable.Range(0, 5).Select(i => _table.Add([(byte)i], now: i))];
        _table.Leave(pings[0]);
        pings[1].NextLeaving = pings[2];
        _table.Leave(pings[1]); // one write, in this order
        _table.Leave(pings[3]);

        Assert.Null(_table.Answer("other"u8));
        Assert.Null(_table.Answer([4])); // has not left
        Assert.Equal([pings[0], pings[1]], Linked(_table.Answer([1])));
        Assert.Null(_table.Answer([1]));
        Assert.Equal([pings[2], pings[3]], Linked(_table.Answer([3])));
        Assert.Equal([pings[4]], Linked(_table.TakeAll()));
        Assert.True(_table.IsEmpty);
    }

    [Fact]
    public void Pings_are_taken_out_by_their_age_or_one_by_one()
    {
        PendingPing[] pings = [.. Enumerable.Range(0, 5).Select(i => _table.Add([(byte)i], now: i))];
        _table.Remove(pings[1]);
        _table.Remove(pings[1]);
        Assert.Equal([pings[0], pings[2]], Linked(_table.TakeSentUntil(2)));
        _table.Remove(pings[4]);
        Assert.Equal([pings[3]], Linked(_table.TakeAll()));
    }

    [Fact]
    public void Pong_allocates_nothing()
    {
        PendingPing[] pings = [.. Enumerable.Range(0, 100).Select(i => _table.Add([(byte)i], now: i))];
        foreach (PendingPing ping in pings)
            _table.Leave(ping);
        int answered = 0;
        Count(from: 0, count: 10); // what is made once
        long before = GC.GetAllocatedBytesForCurrentThread();
        Count(from: 10, count: 90);
        // Less than the smallest object for each: what a collection leaves of the thread's own piece of memory counts as well.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 90 * 23);
        Assert.Equal(100, answered);

        void Count(byte from, int count)
        {
            for (byte i = from; i < from + count; i++)
            {
                for (PendingPing? ping = _table.Answer([i]); ping is not null; ping = ping.Next)
                    answered++;
            }
        }
    }

    private static IEnumerable<PendingPing> Linked(PendingPing? ping)
    {
        List<PendingPing> linked = [];
        for (; ping is not null; ping = ping.Next)
            linked.Add(ping);
        return linked.OrderBy(one => one.SentAt);
    }
}
