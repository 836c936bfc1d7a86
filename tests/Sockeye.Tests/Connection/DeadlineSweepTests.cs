using Sockeye.Testing;

namespace Sockeye.Tests.Connection;

/// <summary>Rule T3: one sweep serves all deadlines of a clock.</summary>
public sealed class DeadlineSweepTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly List<int> _fired = [];
    private readonly DeadlineSweep _sweep;

    public DeadlineSweepTests() => _sweep = DeadlineSweep.For(_time);

    [Fact]
    public void T3_Sweep_serves_deadlines_in_the_order_of_their_times()
    {
        foreach (int at in (int[])[5, 3, 9, 1, 7])
            Schedule(new Probe(this, at), at);
        Advance(4);
        Assert.Equal([1, 3], _fired);
        Advance(100);
        Assert.Equal([1, 3, 5, 7, 9], _fired);
    }

    [Fact]
    public void T3_Sweep_of_a_cancelled_deadline_does_nothing()
    {
        var first = new Probe(this, 1);
        var second = new Probe(this, 2);
        Schedule(first, 1);
        Schedule(second, 2);
        _sweep.Cancel(first);
        _sweep.Cancel(first);
        Advance(5);
        _sweep.Cancel(second);
        Assert.Equal([2], _fired);
    }

    [Fact]
    public void T3_Deadline_set_again_falls_due_at_the_new_time_alone()
    {
        var later = new Probe(this, 1);
        var earlier = new Probe(this, 2);
        Schedule(later, 2);
        Schedule(earlier, 9);
        Schedule(later, 8);
        Schedule(earlier, 4);
        Advance(4);
        Assert.Equal([2], _fired);
        Advance(4);
        Assert.Equal([2, 1], _fired);
        Advance(100);
        Assert.Equal([2, 1], _fired);
    }

    [Fact]
    public void T3_Deadline_may_schedule_and_cancel_while_it_is_served()
    {
        var victim = new Probe(this, 2);
        int rounds = 0;
        Probe? repeating = null;
        repeating = new Probe(this, 1, () =>
        {
            _sweep.Cancel(victim);
            if (++rounds < 3)
                Schedule(repeating!, 1);
        });
        Schedule(repeating, 1);
        Schedule(victim, 1);
        Advance(1);
        Advance(1);
        Advance(1);
        Assert.Equal([1, 1, 1], _fired);
    }

    [Fact]
    public void T3_Sweep_serves_one_deadline_at_a_time()
    {
        bool isInside = false;
        var first = new Probe(this, 1, () =>
        {
            isInside = true;
            // The clock goes on, elsewhere: whoever sweeps already will see to it.
            Schedule(new Probe(this, 2, () => Assert.False(isInside)), 1);
            Task.Run(() => Advance(1)).Wait();
            isInside = false;
        });
        Schedule(first, 1);
        Advance(1);
        Assert.Equal([1, 2], _fired);
    }

    [Fact]
    public void T3_Sweep_can_be_made_where_the_flow_is_suppressed()
    {
        var time = new ManualTimeProvider();
        using (ExecutionContext.SuppressFlow())
            Assert.Same(DeadlineSweep.For(time), DeadlineSweep.For(time));
    }

    [Fact]
    public void T3_Deadlines_too_far_away_for_a_timer_fall_due_in_time()
    {
        Schedule(new Probe(this, 1), 100 * 24 * 60 * 60);
        long never = _sweep.Now + _sweep.Ticks(TimeSpan.MaxValue);
        Assert.True(never > _sweep.Now);
        _sweep.Schedule(new Probe(this, 2), never);
        Advance((100 * 24 * 60 * 60) - 1);
        Assert.Empty(_fired);
        Advance(1);
        Assert.Equal([1], _fired);
    }

    [Fact]
    public void T3_Sweep_agrees_with_a_sorted_list_whatever_is_done()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            _fired.Clear();
            Probe[] probes = [.. Enumerable.Range(0, random.Next(1, 200)).Select(i => new Probe(this, i))];
            Dictionary<int, long> expected = [];
            long now = 0;
            List<(long At, int Id)> due = [];
            for (int step = 0; step < 400; step++)
            {
                int id = random.Next(probes.Length);
                switch (random.Next(10))
                {
                    case < 6:
                        int span = random.Next(1, 50);
                        Schedule(probes[id], span);
                        expected[id] = now + span;
                        break;
                    case < 8:
                        _sweep.Cancel(probes[id]);
                        expected.Remove(id);
                        break;
                    default:
                        int advance = random.Next(1, 20);
                        now += advance;
                        Advance(advance);
                        (long At, int Id)[] passed = [.. expected.Where(pair => pair.Value <= now).Select(pair => (pair.Value, pair.Key)).Order()];
                        due.AddRange(passed);
                        foreach ((_, int one) in passed)
                            expected.Remove(one);
                        break;
                }
            }

            // Those of one moment may be served in any order.
            Assert.Equal(due.Count, _fired.Count);
            int start = 0;
            foreach (IGrouping<long, (long At, int Id)> moment in due.GroupBy(one => one.At))
            {
                int[] ids = [.. moment.Select(one => one.Id)];
                Assert.Equal(ids.Order(), _fired.GetRange(start, ids.Length).Order());
                start += ids.Length;
            }

            foreach (Probe probe in probes)
                _sweep.Cancel(probe);
        }
    }

    [Fact]
    public async Task T3_Schedule_and_cancel_from_many_threads_leave_a_sound_heap()
    {
        Probe[] probes = [.. Enumerable.Range(0, 400).Select(i => new Probe(this, i))];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 5000; i++)
            {
                // Each worker has probes of its own.
                Probe probe = probes[(random.Next(50) * 8) + worker];
                if (random.Next(3) > 0)
                    Schedule(probe, random.Next(1, 1000));
                else
                    _sweep.Cancel(probe);
            }

            for (int i = 0; i < 50; i++)
                Schedule(probes[(i * 8) + worker], 1 + (i * 8) + worker);
        })));
        Advance(1000);
        Assert.Equal(Enumerable.Range(0, 400), _fired);
    }

    private void Schedule(Probe probe, int seconds)
    {
        probe.WantedAt = _sweep.Now + _sweep.Ticks(TimeSpan.FromSeconds(seconds));
        _sweep.Schedule(probe, probe.WantedAt);
    }

    private void Advance(int seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private sealed class Probe(DeadlineSweepTests tests, int id, Action? act = null) : Deadline
    {
        public long WantedAt { get; set; }

        internal override void OnDue(long now)
        {
            Assert.True(now >= WantedAt);
            tests._fired.Add(id);
            act?.Invoke();
        }
    }
}
