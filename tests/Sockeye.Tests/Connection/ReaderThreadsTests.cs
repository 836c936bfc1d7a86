using System.Collections.Concurrent;
using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Readers on the loop, off it, and hopping between: every message once, in order (rules R1, R2, R5, T2).</summary>
public sealed class ReaderThreadsTests
{
    private const int Count = 3_000;

    public enum Hop
    {
        Never,
        Yield,
        PoolForEveryMessage,
        ForceYielding,
        NewThread,
        Now,
        Mixed,
    }

    [Theory]
    [InlineData(Hop.Never, 64 * 1024)]
    [InlineData(Hop.Never, 100)]
    [InlineData(Hop.Yield, 64 * 1024)]
    [InlineData(Hop.Yield, 100)]
    [InlineData(Hop.PoolForEveryMessage, 64 * 1024)]
    [InlineData(Hop.PoolForEveryMessage, 100)]
    [InlineData(Hop.ForceYielding, 1000)]
    [InlineData(Hop.NewThread, 1000)]
    [InlineData(Hop.Now, 1000)]
    [InlineData(Hop.Mixed, 64 * 1024)]
    [InlineData(Hop.Mixed, 1000)]
    [InlineData(Hop.Mixed, 1)]
    public async Task Reader_that_hops_sees_every_message_once_in_order(Hop hop, int readAhead)
    {
        for (int seed = 0; seed < 3; seed++)
        {
            await using RawPeer peer = RawPeer.Create(
                configure: o => o with { ReadAhead = readAhead, IdleTimeout = TimeSpan.Zero }, capacity: 4096);
            List<int> seen = [];
            int run = seed;
            Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
            {
                var random = new Random(run);
                MessageSequence.Enumerator messages = socket.ReadAllAsync(cancel).GetAsyncEnumerator();
                while (await NextAsync(messages, hop, random))
                {
                    seen.Add(Check(messages.Current));
                    await HopAsync(hop, random);
                    seen[^1] = Check(messages.Current); // still the same, wherever the lease lies now
                }
            });
            Task sending = SendAsync(peer, seed);
            List<ReceivedFrame> sent = await peer.ReadToEndAsync();
            await sending;
            await handling.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal(Enumerable.Range(0, Count), seen);
            Assert.Equal([Opcode.Close], sent.Select(frame => frame.Opcode));
            Assert.True((await peer.Connection.Closed).IsClean);
        }
    }

    [Fact]
    public async Task T2_Reader_on_a_synchronization_context_is_resumed_there()
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { IdleTimeout = TimeSpan.Zero }, capacity: 4096);
        using var context = new SingleThread();
        List<int> seen = [];
        async Task ReadAsync()
        {
            await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync())
            {
                Assert.Same(context, SynchronizationContext.Current);
                Assert.Equal(context.ThreadId, Environment.CurrentManagedThreadId);
                seen.Add(Check(message));
                if (seen.Count % 3 == 0)
                    await Task.Yield();
                Check(message);
            }
        }

        var reading = new TaskCompletionSource<Task>();
        context.Post(_ => reading.SetResult(ReadAsync()), null);
        Task sending = SendAsync(peer, seed: 1);
        await peer.ReadToEndAsync();
        await sending;
        await (await reading.Task).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(Enumerable.Range(0, Count), seen);
    }

    [Fact]
    public async Task T2_Reader_on_a_task_scheduler_is_resumed_there()
    {
        await using RawPeer peer = RawPeer.Open();
        TaskScheduler scheduler = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        List<string> seen = [];
        Task reading = Task.Factory.StartNew(
            async () =>
            {
                await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync())
                {
                    Assert.Same(scheduler, TaskScheduler.Current);
                    seen.Add(message.GetText());
                }

                Assert.Same(scheduler, TaskScheduler.Current);
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            scheduler).Unwrap();
        for (int i = 0; i < 5; i++)
        {
            await Settle.UntilAsync(() => peer.Connection.Receive.IsReaderWaiting);
            await peer.SendTextAsync($"{i}");
        }

        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await reading.Soon();
        Assert.Equal(["0", "1", "2", "3", "4"], seen);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task T2_Context_flows_where_the_awaiter_asks_for_it(bool onScheduler)
    {
        // Everything that awaits flows its context itself; a bare OnCompleted asks for it.
        await using RawPeer peer = RawPeer.Open();
        var local = new AsyncLocal<string> { Value = "mine" };
        var resumed = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskScheduler scheduler = onScheduler ? new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler : TaskScheduler.Default;
        ValueTask<WebSocketMessage> read = default;
        await Task.Factory.StartNew(
            () =>
            {
                read = peer.Connection.ReceiveAsync();
                read.GetAwaiter().OnCompleted(() => resumed.SetResult(local.Value));
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            scheduler);
        local.Value = "other";
        await peer.SendTextAsync("x");
        Assert.Equal("mine", await resumed.Task.Soon());
        Assert.Equal("x", (await read).GetText());
    }

    [Fact]
    public async Task T2_AsyncLocal_of_the_reader_flows_and_that_of_the_loop_does_not()
    {
        var local = new AsyncLocal<string>();
        await using RawPeer peer = RawPeer.Create();
        local.Value = "handler";
        List<string?> seen = [];
        Task handling = peer.Connection.RunAsync(async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                seen.Add(local.Value);
                local.Value = message.GetText();
            }
        });
        local.Value = "other";
        for (int i = 0; i < 3; i++)
        {
            await peer.SendAsync(peer.TextFrame($"{i}"), peer.Frame(Opcode.Ping, []));
            await peer.ReadFrameAsync();
        }

        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await handling.Soon();
        Assert.Equal(["handler", "0", "1"], seen);
    }

    [Fact]
    public async Task Reader_that_alternates_with_another_thread_for_every_message_sees_all()
    {
        // Two flows take turns; each turn is a hand-over between threads, sometimes on the loop, sometimes not.
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 500, IdleTimeout = TimeSpan.Zero }, capacity: 4096);
        List<int> seen = [];
        using var turn = new SemaphoreSlim(1);
        async Task ReadAsync()
        {
            while (true)
            {
                await turn.WaitAsync();
                try
                {
                    WebSocketMessage message = await peer.Connection.ReceiveAsync();
                    if (message.IsEnd)
                        return;
                    seen.Add(Check(message));
                }
                finally
                {
                    turn.Release();
                }
            }
        }

        Task readers = Task.WhenAll(Task.Run(ReadAsync), Task.Run(ReadAsync), Task.Run(ReadAsync));
        Task sending = SendAsync(peer, seed: 2);
        await peer.ReadToEndAsync();
        await sending;
        await readers.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(Enumerable.Range(0, Count), seen);
    }

    /// <summary>Sends numbered messages of many sizes, cut anywhere, then Close.</summary>
    private static Task SendAsync(RawPeer peer, int seed) => Task.Run(async () =>
    {
        var random = new Random(seed);
        List<byte> pending = [];
        for (int i = 0; i < Count; i++)
        {
            byte[] payload = new byte[random.Next(10) == 0 ? random.Next(4, 3000) : 4 + random.Next(20)];
            payload.AsSpan().Fill((byte)i);
            BitConverter.TryWriteBytes(payload, i);
            pending.AddRange(peer.Frame(Opcode.Binary, payload));
            while (pending.Count > 500 || (pending.Count > 0 && random.Next(3) == 0))
            {
                int piece = random.Next(1, pending.Count + 1);
                await peer.SendAsync([.. pending.Take(piece)]);
                pending.RemoveRange(0, piece);
                if (random.Next(3) == 0)
                    await Task.Yield();
            }
        }

        await peer.SendAsync([.. pending], peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
    });

    private static int Check(WebSocketMessage message)
    {
        int number = BitConverter.ToInt32(message.Span);
        Assert.Equal(-1, message.Span[4..].IndexOfAnyExcept((byte)number));
        return number;
    }

    private static async ValueTask<bool> NextAsync(MessageSequence.Enumerator messages, Hop hop, Random random)
    {
        ValueTask<bool> next = messages.MoveNextAsync();
        if (hop is Hop.ForceYielding or Hop.Mixed && random.Next(2) == 0)
        {
            // The wait begins here and is awaited elsewhere.
            await Task.Yield();
        }

        return random.Next(3) == 0 ? await next.AsTask() : await next.ConfigureAwait(random.Next(2) == 0);
    }

    private static async Task HopAsync(Hop hop, Random random)
    {
        if (hop == Hop.Mixed)
            hop = (Hop)random.Next((int)Hop.Mixed);
        switch (hop)
        {
            case Hop.Yield when random.Next(2) == 0:
                await Task.Yield();
                break;
            case Hop.PoolForEveryMessage:
                await Task.Run(static () => { });
                break;
            case Hop.ForceYielding:
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                break;
            case Hop.NewThread when random.Next(20) == 0:
                await Task.Factory.StartNew(static () => { }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                break;
            case Hop.Now:
                await default(ValueTask);
                break;
        }
    }

    /// <summary>A context of one thread, as that of a user interface.</summary>
    private sealed class SingleThread : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _work = [];
        private readonly Thread _thread;

        public SingleThread()
        {
            _thread = new Thread(Run) { IsBackground = true };
            _thread.Start();
        }

        public int ThreadId => _thread.ManagedThreadId;

        public override void Post(SendOrPostCallback d, object? state)
        {
            if (!_work.IsAddingCompleted)
                _work.Add((d, state));
        }

        public void Dispose()
        {
            _work.CompleteAdding();
            _thread.Join();
            _work.Dispose();
        }

        private void Run()
        {
            SetSynchronizationContext(this);
            foreach ((SendOrPostCallback callback, object? state) in _work.GetConsumingEnumerable())
                callback(state);
        }
    }
}
