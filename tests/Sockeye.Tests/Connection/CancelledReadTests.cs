using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Rule R5: a cancelled receive loses nothing.</summary>
public sealed class CancelledReadTests
{
    [Fact]
    public async Task R5_Token_cancelled_already_ends_the_call_and_nothing_else()
    {
        await using RawPeer peer = RawPeer.Open();
        var cancelled = new CancellationToken(canceled: true);
        await peer.SendTextAsync("a");
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await peer.Connection.ReceiveAsync(cancelled));
        Assert.Equal(cancelled, e.CancellationToken);
        Assert.Equal("a", await ReadingTests.ReadTextAsync(peer.Connection));
    }

    [Fact]
    public async Task R5_Cancelled_wait_leaves_the_message_to_the_next_one()
    {
        await using RawPeer peer = RawPeer.Open();
        for (int i = 0; i < 100; i++)
        {
            using var source = new CancellationTokenSource();
            Task<WebSocketMessage> read = peer.Connection.ReceiveAsync(source.Token).AsTask();
            await source.CancelAsync();
            OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.Soon());
            Assert.Equal(source.Token, e.CancellationToken);
            await peer.SendTextAsync($"{i}");
            Assert.Equal($"{i}", await ReadingTests.ReadTextAsync(peer.Connection).Soon());
        }

        Assert.True(peer.Connection.IsOpen);
    }

    [Fact]
    public async Task R5_Cancel_after_every_byte_loses_nothing()
    {
        await using RawPeer peer = RawPeer.Open();
        byte[] session =
        [
            .. peer.TextFrame("one"),
            .. peer.Frame(Opcode.Text, "tw"u8, isFinal: false),
            .. peer.Frame(Opcode.Ping, "x"u8),
            .. peer.Frame(Opcode.Continuation, "o"u8),
            .. peer.Frame(Opcode.Binary, EventLog.Payload(200)),
            .. peer.CloseFrame(CloseCode.Normal, "end"),
        ];
        List<string> seen = [];
        for (int i = 0; i < session.Length; i++)
        {
            using var source = new CancellationTokenSource();
            Task<string> read = ReadAsync(peer.Connection, source.Token);
            await peer.SendAsync([session[i]]);
            await source.CancelAsync();
            try
            {
                seen.Add(await read.Soon());
            }
            catch (OperationCanceledException)
            {
                // It comes with the next read.
            }
        }

        await peer.Transport.ShutdownAsync();
        while (await peer.Connection.ReceiveAsync() is { IsEnd: false } message)
            seen.Add(EventLog.Describe(message));
        Assert.Equal(["Text one", "Text two", EventLog.Describe("Binary", EventLog.Payload(200))], seen.Where(text => text != "End"));
        Assert.True((await peer.Connection.Closed).IsClean);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task R5_Cancel_that_races_arrival_loses_nothing_10_000_times(bool keepsToken)
    {
        const int Count = 10_000;
        await using RawPeer peer = RawPeer.Open(configure: o => o with { IdleTimeout = TimeSpan.Zero });
        int cancelled = 0;
        Task<List<int>> reading = Task.Run(async () =>
        {
            List<int> seen = [];
            while (seen.Count < Count)
            {
                using var source = new CancellationTokenSource();
                Task cancel = Task.Run(source.Cancel);
                try
                {
                    do
                    {
                        WebSocketMessage message = await peer.Connection.ReceiveAsync(source.Token);
                        seen.Add(BitConverter.ToInt32(message.Span));
                    }
                    while (keepsToken && seen.Count < Count);
                }
                catch (OperationCanceledException)
                {
                    cancelled++;
                }

                await cancel;
            }

            return seen;
        });
        Task sending = Task.Run(async () =>
        {
            var random = new Random(5);
            for (int i = 0; i < Count; i++)
            {
                await peer.SendAsync(peer.Frame(Opcode.Binary, BitConverter.GetBytes(i)));
                for (int yields = random.Next(3); yields > 0; yields--)
                    await Task.Yield();
            }
        });
        await sending.Soon();
        Assert.Equal(Enumerable.Range(0, Count), await reading.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.NotEqual(0, cancelled);
    }

    [Fact]
    public async Task R5_Tokens_that_change_with_every_read_end_their_own_wait_alone()
    {
        const int Count = 3_000;
        await using RawPeer peer = RawPeer.Open(configure: o => o with { IdleTimeout = TimeSpan.Zero });
        await Task.Run(async () =>
        {
            CancellationTokenSource? before = null;
            for (int i = 0; i < Count; i++)
            {
                using var source = new CancellationTokenSource();
                Task<WebSocketMessage> read = peer.Connection.ReceiveAsync(source.Token).AsTask();
                Task late = Task.Run(() => before?.Cancel()); // the token of the wait before this one
                if (i % 2 == 0)
                {
                    await peer.SendAsync(peer.Frame(Opcode.Binary, [(byte)i]));
                    Assert.Equal((byte)i, (await read.Soon()).Span[0]);
                }
                else
                {
                    await late;
                    await source.CancelAsync();
                    await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.Soon());
                }

                await late;
                before = new CancellationTokenSource();
                CancellationTokenSource other = before;
                Task<WebSocketMessage> next = peer.Connection.ReceiveAsync(other.Token).AsTask();
                await peer.SendAsync(peer.Frame(Opcode.Binary, [0xFF]));
                Assert.Equal(0xFF, (await next.Soon()).Span[0]);
            }
        });
    }

    [Fact]
    public async Task R5_Cancelled_enumeration_can_be_taken_up_again()
    {
        await using RawPeer peer = RawPeer.Open();
        List<string> seen = [];
        await peer.SendAsync(peer.TextFrame("0"), peer.TextFrame("1"), peer.TextFrame("2"), peer.TextFrame("3"));
        for (int round = 0; round < 2; round++)
        {
            using var source = new CancellationTokenSource();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync(source.Token))
                {
                    seen.Add(message.GetText());
                    if (seen.Count % 2 == 0)
                        await source.CancelAsync();
                }
            });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (WebSocketEvent e in peer.Connection.ReadEventsAsync(source.Token))
                    seen.Add(e.Text);
            });
        }

        Assert.Equal(["0", "1", "2", "3"], seen);
    }

    [Theory]
    [InlineData(Carrier.Memory)]
    [InlineData(Carrier.Socket)]
    [InlineData(Carrier.EventLoop)]
    [InlineData(Carrier.Stream)]
    [InlineData(Carrier.Tls)]
    [InlineData(Carrier.EventLoopTls)]
    public async Task R5_Cancelled_wait_never_breaks_the_transport(Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.OpenAsync(carrier);
        for (int i = 0; i < 50; i++)
        {
            using var source = new CancellationTokenSource();
            Task<string> read = ReadAsync(peer.Connection, source.Token);
            byte[] frame = peer.Frame(Opcode.Binary, [(byte)i]);
            await peer.SendAsync(frame[..(i % frame.Length)]);
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.Soon());
            await peer.SendAsync(frame[(i % frame.Length)..]);
            Assert.Equal((byte)i, (await peer.Connection.ReceiveAsync().Soon()).Span[0]);
            await peer.Connection.SendTextAsync("still fine");
            Assert.Equal("still fine", (await peer.ReadFrameAsync())!.Text);
        }
    }

    private static Task<string> ReadAsync(WebSocketConnection connection, CancellationToken token) => Task.Run(
        async () =>
        {
            WebSocketMessage message = await connection.ReceiveAsync(token);
            return message.IsEnd ? "End" : EventLog.Describe(message);
        },
        CancellationToken.None);
}
