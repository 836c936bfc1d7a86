using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Waits for a pong that cannot be seen, and waits that are given up.</summary>
public sealed class PingWaitTests
{
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ping_behind_messages_that_nobody_reads_times_out_and_the_connection_lives(bool isBeforePause)
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 100 });
        Task<TimeSpan> ping = null!;
        if (isBeforePause)
            ping = peer.Connection.PingAsync();
        await peer.SendAsync(peer.Frame(Opcode.Binary, new byte[200]));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        if (!isBeforePause)
            ping = peer.Connection.PingAsync();
        Task<TimeSpan> confirmed = peer.Connection.ConfirmAsync();
        ReceivedFrame asked = (await peer.ReadFrameAsync())!;
        await peer.SendAsync(peer.Frame(Opcode.Pong, asked.Payload));

        peer.Time.Advance(IdleTimeout - TimeSpan.FromMilliseconds(1));
        Assert.False(ping.IsCompleted);
        peer.Time.Advance(TimeSpan.FromMilliseconds(1) + IdleTimeout);
        await Assert.ThrowsAsync<TimeoutException>(() => ping.Soon());
        await Assert.ThrowsAsync<TimeoutException>(() => confirmed.Soon());
        Assert.True(peer.Connection.IsOpen);

        // Whoever reads gets everything, and the next ping its pong.
        Assert.Equal(200, (await peer.Connection.ReceiveAsync().Soon()).ToArray().Length);
        ValueTask<WebSocketMessage> next = peer.Connection.ReceiveAsync();
        Task<TimeSpan> again = peer.Connection.PingAsync("again"u8.ToArray());
        ReceivedFrame frame;
        do
            frame = (await peer.ReadFrameAsync())!;
        while (frame.Text != "again");
        await peer.SendAsync(peer.Frame(Opcode.Pong, frame.Payload));
        await again.Soon();
        peer.Connection.Abort();
        await Assert.ThrowsAsync<WebSocketClosedException>(() => next.Soon());
    }

    [Fact]
    public async Task Ping_that_is_awaited_inside_a_callback_times_out_there()
    {
        await using RawPeer peer = RawPeer.Create();
        var caught = new TaskCompletionSource<Exception>();
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Message = async (socket, _) => caught.TrySetResult(await Assert.ThrowsAsync<TimeoutException>(() => socket.PingAsync())),
        });
        await peer.SendTextAsync("x");
        ReceivedFrame ping = (await peer.ReadFrameAsync())!;
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);
        peer.Time.Advance(IdleTimeout);
        Assert.Contains("MessageCallback", (await caught.Task.Soon()).Message, StringComparison.Ordinal);
        Assert.True(peer.Connection.IsOpen);
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task Ping_whose_wait_was_cancelled_is_forgotten()
    {
        await using RawPeer peer = RawPeer.Open();
        using var cancel = new CancellationTokenSource();
        Task<TimeSpan> ping = peer.Connection.PingAsync(cancellationToken: cancel.Token);
        Task<TimeSpan> other = peer.Connection.PingAsync();
        byte[] asked = (await peer.ReadFrameAsync())!.Payload;
        Assert.True(peer.Connection.HasPings);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ping.Soon());
        await peer.SendAsync(peer.Frame(Opcode.Pong, asked));
        await peer.SendAsync(peer.Frame(Opcode.Pong, (await peer.ReadFrameAsync())!.Payload));
        await other.Soon();
        Assert.False(peer.Connection.HasPings);
    }

    [Fact]
    public async Task Ping_waits_that_are_cancelled_leave_nothing_behind()
    {
        await using RawPeer peer = RawPeer.Open();
        using var cancel = new CancellationTokenSource();
        Task<TimeSpan>[] pings = [.. Enumerable.Range(0, 100).Select(_ => peer.Connection.PingAsync(cancellationToken: cancel.Token))];
        await cancel.CancelAsync();
        foreach (Task<TimeSpan> ping in pings)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ping.Soon());
        Assert.False(peer.Connection.HasPings);
    }

    [Fact]
    public async Task Handler_that_holds_the_thread_of_the_loop_for_long_keeps_its_connection()
    {
        await using RawPeer peer = RawPeer.Create();
        using var go = new ManualResetEventSlim();
        using var inside = new SemaphoreSlim(0);
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                inside.Release();
                go.Wait(TimeSpan.FromSeconds(20));
            }
        });
        await peer.SendTextAsync("x");
        await inside.WaitAsync().Soon();
        for (int i = 0; i < 6; i++)
            peer.Time.Advance(IdleTimeout / 2);
        Assert.True(peer.Connection.IsOpen);

        // Back on the loop, silence counts again.
        go.Set();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsReceiving);
        peer.Time.Advance(IdleTimeout / 2);
        peer.Time.Advance(IdleTimeout / 2);
        Assert.Equal(CloseCause.IdleTimeout, (await peer.Connection.Closed.Soon()).Cause);
        await handled.Soon();
    }
}
