using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.TestTools;

public sealed class TestLinkTests
{
    private readonly byte[] _buffer = new byte[100];

    [Fact]
    public async Task Bytes_pass_in_both_directions_and_are_counted()
    {
        var link = new TestLink();
        await link.Client.WriteAsync("abc"u8.ToArray());
        await link.Server.WriteAsync("de"u8.ToArray());
        Assert.Equal((3, 2), (link.ToServer.BytesHeld, link.ToClient.BytesHeld));
        Assert.Equal("abc", await ReadAsync(link.Server));
        Assert.Equal("de", await ReadAsync(link.Client));
        Assert.Equal((3L, 2L, 0), (link.ToServer.BytesPassed, link.ToClient.BytesPassed, link.ToServer.BytesHeld));
    }

    [Fact]
    public async Task MaxRead_splits_what_is_read()
    {
        var link = new TestLink();
        link.ToServer.MaxRead = 2;
        await link.Client.WriteAsync("abc"u8.ToArray());
        await link.Client.WriteAsync("d"u8.ToArray());
        Assert.Equal("ab", await ReadAsync(link.Server));
        Assert.Equal("c", await ReadAsync(link.Server));
        Assert.Equal("d", await ReadAsync(link.Server));
    }

    [Fact]
    public async Task Full_direction_holds_a_write_until_something_is_read()
    {
        var link = new TestLink(capacity: 4);
        ValueTask write = link.Client.WriteAsync("abcdef"u8.ToArray());
        Assert.False(write.IsCompleted);
        Assert.Equal("abcd", await ReadAsync(link.Server));
        await write.Soon();
        Assert.Equal("ef", await ReadAsync(link.Server));
    }

    [Fact]
    public async Task End_is_on_its_way_as_long_as_bytes_are()
    {
        var time = new ManualTimeProvider();
        var link = new TestLink(timeProvider: time);
        link.ToServer.Delay = TimeSpan.FromSeconds(2);
        link.ToServer.End();
        Task<string> read = ReadAsync(link.Server);
        Assert.False(read.IsCompleted);
        await Settle.UntilAsync(() => time.NextDue == TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("", await read.Soon());
        Assert.Equal("", await ReadAsync(link.Server).Soon());
    }

    [Fact]
    public async Task Delayed_bytes_arrive_when_the_clock_says_so_and_in_order()
    {
        var time = new ManualTimeProvider();
        var link = new TestLink(timeProvider: time);
        link.ToServer.Delay = TimeSpan.FromSeconds(2);
        await link.Client.WriteAsync("late"u8.ToArray());
        link.ToServer.Delay = TimeSpan.Zero;
        await link.Client.WriteAsync("soon"u8.ToArray());
        Task<string> read = ReadAsync(link.Server);
        await Settle.UntilAsync(() => time.NextDue == TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(read.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("late", await read.Soon());
        Assert.Equal("soon", await ReadAsync(link.Server));
    }

    [Fact]
    public async Task Stalled_direction_gives_nothing_not_even_the_end_until_it_goes_on()
    {
        var link = new TestLink();
        link.Stall();
        await link.Client.WriteAsync("abc"u8.ToArray());
        link.ToServer.End();
        Task<string> read = ReadAsync(link.Server);
        await Task.Yield();
        Assert.False(read.IsCompleted);
        link.Resume();
        Assert.Equal("abc", await read.Soon());
        Assert.Equal("", await ReadAsync(link.Server));
    }

    [Fact]
    public async Task Ended_direction_leaves_the_other_one_open()
    {
        var link = new TestLink();
        link.ToServer.End();
        Assert.Equal("", await ReadAsync(link.Server));
        await Assert.ThrowsAsync<IOException>(() => link.Client.WriteAsync("a"u8.ToArray()).AsTask());
        await link.Server.WriteAsync("still"u8.ToArray());
        Assert.Equal("still", await ReadAsync(link.Client));
    }

    [Fact]
    public async Task Reset_fails_what_waits_and_what_comes_later_at_both_ends()
    {
        var link = new TestLink(capacity: 1);
        Task<string> read = ReadAsync(link.Client);
        Task write = link.Client.WriteAsync("ab"u8.ToArray()).AsTask();
        link.Reset();
        await Assert.ThrowsAsync<IOException>(() => read.Soon());
        await Assert.ThrowsAsync<IOException>(() => write.Soon());
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(link.Server));
        await Assert.ThrowsAsync<IOException>(() => link.Server.WriteAsync("a"u8.ToArray()).AsTask());
    }

    [Fact]
    public async Task Disposed_end_gives_the_other_what_was_written_then_the_end_and_takes_nothing_more()
    {
        var link = new TestLink();
        await link.Client.WriteAsync("last"u8.ToArray());
        Task<string> own = ReadAsync(link.Client);
        await link.Client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => own.Soon());
        Assert.Equal("last", await ReadAsync(link.Server));
        Assert.Equal("", await ReadAsync(link.Server));
        await Assert.ThrowsAsync<IOException>(() => link.Server.WriteAsync("a"u8.ToArray()).AsTask());
    }

    [Fact]
    public async Task Script_runs_where_it_says_and_a_read_ends_there()
    {
        var link = new TestLink();
        List<long> at = [];
        link.ToServer.At(3, hit => at.Add(hit.ToServer.BytesPassed));
        link.ToServer.At(5, hit => hit.Reset());
        await link.Client.WriteAsync("abcdefgh"u8.ToArray());
        Assert.Equal("abc", await ReadAsync(link.Server));
        Assert.Equal([3L], at);
        Assert.Equal("de", await ReadAsync(link.Server));
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(link.Server));
        link.ToServer.At(1, _ => at.Add(0));
        Assert.Equal([3L, 0L], at);
    }

    [Fact]
    public async Task Cancelled_read_takes_nothing()
    {
        var link = new TestLink();
        using var cancel = new CancellationTokenSource();
        Task<int> read = link.Server.ReadAsync(_buffer.AsMemory(), cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.Soon());
        await link.Client.WriteAsync("abc"u8.ToArray());
        Assert.Equal("abc", await ReadAsync(link.Server));
    }

    private async Task<string> ReadAsync(Stream stream)
    {
        int count = await stream.ReadAsync(_buffer.AsMemory()).Soon();
        return System.Text.Encoding.ASCII.GetString(_buffer, 0, count);
    }
}
