using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.TestTools;

public sealed class ManualTimeProviderTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void Timers_fire_in_the_order_in_which_they_fall_due_each_at_its_time()
    {
        List<(string Name, double At)> fired = [];
        DateTimeOffset start = _time.GetUtcNow();
        Set("late", 3 * Second, Timeout.InfiniteTimeSpan);
        Set("soon", Second, Timeout.InfiniteTimeSpan);
        Set("again", 2 * Second, 2 * Second);
        Assert.Equal(Second, _time.NextDue);
        _time.Advance(4 * Second);
        Assert.Equal([("soon", 1), ("again", 2), ("late", 3), ("again", 4)], fired);
        Assert.Equal(2 * Second, _time.NextDue);

        void Set(string name, TimeSpan due, TimeSpan period) =>
            _time.CreateTimer(_ => fired.Add((name, (_time.GetUtcNow() - start).TotalSeconds)), null, due, period);
    }

    [Fact]
    public void Clock_tells_the_time_that_it_was_given_and_else_the_same_one_always()
    {
        var start = new DateTimeOffset(2031, 5, 6, 7, 8, 9, TimeSpan.FromHours(2));
        var time = new ManualTimeProvider(start);
        time.Advance(Second);
        Assert.Equal((start + Second, TimeSpan.Zero), (time.GetUtcNow(), time.GetUtcNow().Offset));
        Assert.Equal(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), _time.GetUtcNow());
    }

    [Fact]
    public void Disposed_or_changed_timer_does_not_fire_at_its_old_time()
    {
        int fired = 0;
        ITimer disposed = _time.CreateTimer(_ => fired++, null, Second, Timeout.InfiniteTimeSpan);
        ITimer changed = _time.CreateTimer(_ => fired += 10, null, Second, Timeout.InfiniteTimeSpan);
        disposed.Dispose();
        changed.Change(2 * Second, Timeout.InfiniteTimeSpan);
        _time.Advance(Second);
        Assert.Equal(0, fired);
        _time.Advance(Second);
        Assert.Equal(10, fired);
        Assert.Null(_time.NextDue);
    }

    [Fact]
    public void Sleep_fires_what_fell_due_after_the_jump_alone()
    {
        long start = _time.GetTimestamp();
        long firedAt = 0;
        _time.CreateTimer(_ => firedAt = _time.GetTimestamp(), null, Second, Timeout.InfiniteTimeSpan);
        _time.Sleep(TimeSpan.FromHours(1));
        Assert.Equal(start + TimeSpan.TicksPerHour, firedAt);
    }

    [Fact]
    public async Task Delays_and_timeouts_of_the_framework_wait_for_the_clock()
    {
        Task delay = Task.Delay(Second, _time);
        using var timeout = new CancellationTokenSource(2 * Second, _time);
        _time.Advance(Second);
        await delay.Soon();
        Assert.False(timeout.IsCancellationRequested);
        _time.Advance(Second);
        Assert.True(timeout.IsCancellationRequested);
    }

    [Fact]
    public void Clock_never_goes_back() => Assert.Throws<ArgumentOutOfRangeException>(() => _time.Advance(-Second));
}
