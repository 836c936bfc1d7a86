using System.Collections.Concurrent;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>Rules T1 and T2: whose thread and whose context runs what.</summary>
public sealed class ThreadTests
{
    private static readonly AsyncLocal<string?> Ambient = new();

    [ThreadStatic]
    private static bool t_isInCall;

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task T1_Connection_is_processed_by_one_thread_at_a_time_wherever_its_reader_goes(Role role)
    {
        // The gated transport notices every overlap of receives, of writes, and of a receive with the use of its block.
        await using RawPeer peer = GatedPeer.Create(role);
        const int Count = 3000;
        Task handled = peer.HandleAsync(async socket =>
        {
            int i = 0;
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                switch (i++ % 4)
                {
                    case 0:
                        await Task.Yield();
                        break;
                    case 1:
                        _ = Task.Run(() => socket.TrySend([0xFF]));
                        break;
                    case 2:
                        await Task.Run(() => { });
                        break;
                }

                await socket.SendAsync(message);
            }
        });
        Task sending = Task.Run(async () =>
        {
            var random = new Random(1);
            for (int i = 0; i < Count;)
            {
                int together = Math.Min(random.Next(1, 20), Count - i);
                await peer.SendAsync([.. Enumerable.Range(i, together).SelectMany(n => peer.Frame(Opcode.Binary, BitConverter.GetBytes(n)))]);
                i += together;
            }
        });
        int next = 0;
        int others = 0;
        while (next < Count || others < Count / 4)
        {
            ReceivedFrame frame = (await peer.ReadFrameAsync())!;
            if (frame.Payload.Length == 1)
                others++;
            else
                Assert.Equal(next++, BitConverter.ToInt32(frame.Payload));
        }

        await sending;
        peer.Connection.Abort();
        await handled.Soon();
    }

    [Fact]
    public async Task T2_Reader_resumes_on_its_synchronization_context_with_its_own_ambient_values()
    {
        await using RawPeer peer = GatedPeer.Open();
        using var context = new OneThread();
        List<string> seen = [];
        Task reading = context.Run(async () =>
        {
            Ambient.Value = "reader";
            await foreach (WebSocketMessage message in peer.Connection.ReadAllAsync())
            {
                seen.Add($"{message.GetText()} {Ambient.Value} {context.IsHere}");
                await peer.Connection.SendAsync(message);
                seen.Add($"{context.IsHere}");
                if (seen.Count == 6)
                    break;
            }
        });
        foreach (string text in (string[])["a", "b", "c"])
        {
            await peer.SendTextAsync(text);
            Assert.Equal(text, (await peer.ReadFrameAsync())!.Text);
        }

        await reading.Soon();
        Assert.Equal(["a reader True", "True", "b reader True", "True", "c reader True", "True"], seen);
    }

    [Fact]
    public async Task T2_Sender_that_waits_resumes_on_its_synchronization_context()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        using var context = new OneThread();
        using var waiting = new SemaphoreSlim(0);
        Task<string> sent = context.Run(async () =>
        {
            Ambient.Value = "sender";
            ValueTask send = peer.Connection.SendAsync(new byte[20_000]);
            Assert.False(send.IsCompleted);
            waiting.Release();
            await send;
            return $"{Ambient.Value} {context.IsHere}";
        });
        await waiting.WaitAsync().Soon();
        peer.Gate().Release();
        Assert.Equal("sender True", await sent.Soon());
    }

    [Fact]
    public async Task T2_Handler_runs_in_the_context_of_its_upgrade_from_end_to_end()
    {
        await using RawPeer peer = GatedPeer.Create();
        Ambient.Value = "upgrade";
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                Assert.Equal("upgrade", Ambient.Value);
                Ambient.Value = "changed";
                await socket.SendAsync(message);
                await Task.Yield();
                Assert.Equal("changed", Ambient.Value);
                Ambient.Value = "upgrade";
            }
        });
        Ambient.Value = "outside";
        for (int i = 0; i < 5; i++)
        {
            await peer.SendTextAsync($"{i}");
            Assert.Equal($"{i}", (await peer.ReadFrameAsync())!.Text);
        }

        peer.Connection.Abort();
        await handled.Soon();
        Assert.Equal(CloseCause.Aborted, (await peer.Connection.Closed).Cause);
    }

    [Fact]
    public async Task T2_Callback_runs_in_the_context_of_its_upgrade_whoever_completed_the_one_before()
    {
        await using RawPeer peer = GatedPeer.Create();
        var gate = new TaskCompletionSource();
        var seen = new ConcurrentQueue<string?>();
        Ambient.Value = "upgrade";
        Task handled = peer.Connection.RunAsync(new WebSocketHandler
        {
            Opened = _ => seen.Enqueue(Ambient.Value),
            Message = (socket, message) =>
            {
                seen.Enqueue(Ambient.Value);
                Ambient.Value = "of a callback";
                bool isFirst = message.GetText() == "0";
                _ = socket.SendAsync(message);
                return isFirst ? new ValueTask(gate.Task) : default;
            },
            Closed = (_, _) => seen.Enqueue(Ambient.Value),
        });
        Ambient.Value = "outside";
        await peer.SendTextAsync("0");
        Assert.Equal("0", (await peer.ReadFrameAsync())!.Text);
        await Task.Run(() =>
        {
            Ambient.Value = "of whoever completes it";
            gate.SetResult();
        });
        for (int i = 1; i < 4; i++)
        {
            await peer.SendTextAsync($"{i}");
            Assert.Equal($"{i}", (await peer.ReadFrameAsync())!.Text);
        }

        peer.Connection.Abort();
        await handled.Soon();
        Assert.Equal(Enumerable.Repeat("upgrade", 6), seen);
    }

    [Fact]
    public async Task T2_Engine_runs_without_the_context_of_whoever_started_it_or_sent()
    {
        await using RawPeer peer = GatedPeer.Create(configure: options => options with { HighWaterMark = 100, LowWaterMark = 10 });
        peer.Gate().Hold();
        Ambient.Value = "user";
        peer.Connection.Start();
        var seen = new TaskCompletionSource<string?>();
        peer.Connection.Writable += _ => seen.SetResult(Ambient.Value);
        Assert.Equal(SendResult.AcceptedAboveHighWater, peer.Connection.TrySend(new byte[200]));
        await peer.Gate().WriteAsync();
        peer.Gate().Release();
        Assert.Null(await seen.Task.Soon());
    }

    [Fact]
    public async Task T2_Continuations_of_waiting_sends_run_under_no_lock_and_on_no_stack_of_the_engine()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: options => options with { HighWaterMark = 10, LowWaterMark = 1 });
        WebSocketConnection socket = peer.Connection;
        using var cancel = new CancellationTokenSource();
        List<Task<bool>> apart =
        [
            ApartAsync(socket, socket.SendAsync(new byte[100])),
            ApartAsync(socket, socket.SendAsync(new byte[20_000])),
            ApartAsync(socket, socket.DrainAsync()),
            ApartAsync(socket, socket.SendAsync(new byte[20_000], cancellationToken: cancel.Token)),
        ];
        t_isInCall = true;
        cancel.Cancel();
        t_isInCall = false;
        peer.Gate().Release();
        Task<TimeSpan> pinged = socket.PingAsync();
        apart.Add(ApartAsync(socket, new ValueTask(pinged)));
        await peer.ReadFirstAsync();
        ReceivedFrame? ping = null;
        while (ping is not { Opcode: Opcode.Ping })
            ping = await peer.ReadFrameAsync();
        await peer.SendAsync(peer.Frame(Opcode.Pong, ping.Payload));
        foreach (Task<bool> one in apart)
            Assert.True(await one.Soon());

        peer.Gate().Hold();
        await socket.DrainAsync().Soon();
        apart.Clear();
        apart.Add(ApartAsync(socket, socket.SendAsync(new byte[100])));
        apart.Add(ApartAsync(socket, socket.SendAsync(new byte[20_000])));
        apart.Add(ApartAsync(socket, socket.DrainAsync()));
        apart.Add(ApartAsync(socket, new ValueTask(socket.PingAsync())));
        apart.Add(ApartAsync(socket, new ValueTask(socket.Closed)));
        apart.Add(ApartAsync(socket, new ValueTask(socket.ReceiveAsync().AsTask())));
        t_isInCall = true;
        socket.Abort();
        t_isInCall = false;
        foreach (Task<bool> one in apart)
            Assert.True(await one.Soon());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(20_000)]
    public async Task T2_A_send_runs_no_code_of_another_connection_on_its_stack(int length)
    {
        (InMemoryTransport near, InMemoryTransport far) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        var client = new WebSocketConnection(near, Role.Client, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        var server = new WebSocketConnection(far, Role.Server, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        client.Start();
        var seen = new TaskCompletionSource<bool>();
        Task handled = server.RunAsync(new WebSocketHandler
        {
            Message = (_, _) =>
            {
                seen.TrySetResult(t_isInCall);
                return default;
            },
        });
        t_isInCall = true;
        ValueTask sent = client.SendAsync(new byte[length]);
        _ = client.DrainAsync();
        t_isInCall = false;
        Assert.False(await seen.Task.Soon());
        await sent;
        client.Abort();
        await handled.Soon();
    }

    /// <summary>Awaits a task with the most direct of continuations, and tells whether it ran apart from the engine.</summary>
    private static async Task<bool> ApartAsync(WebSocketConnection socket, ValueTask task)
    {
        var apart = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        System.Runtime.CompilerServices.ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter awaiter = task.ConfigureAwait(false).GetAwaiter();
        awaiter.UnsafeOnCompleted(() =>
        {
            bool isApart = !Monitor.IsEntered(socket.Sync) && !socket.Receive.IsCorking && !t_isInCall;
            try
            {
                awaiter.GetResult();
            }
            catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException)
            {
                // How it ends is not asked here.
            }

            apart.SetResult(isApart);
        });
        return await apart.Task;
    }

    [Fact]
    public async Task T2_Those_who_wait_to_send_are_told_outside_the_lock()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync(configure: o => o with { HighWaterMark = 100, LowWaterMark = 10 });
        var context = new LockWatch(peer.Connection.Sync);
        using var cancel = new CancellationTokenSource();
        context.Await(peer.Connection.SendAsync(new byte[20_000]));
        context.Await(peer.Connection.SendAsync(new byte[20_000], cancellationToken: cancel.Token));
        context.Await(peer.Connection.SendAsync(new byte[200]));
        context.Await(peer.Connection.DrainAsync());
        await cancel.CancelAsync();
        await Settle.UntilAsync(() => context.Posts == 1);
        peer.Gate().Release();
        await Settle.UntilAsync(() => context.Posts == 4);

        peer.Gate().Hold();
        _ = peer.Connection.SendAsync(new byte[1]);
        await peer.Gate().WriteAsync();
        StreamedMessage streamed = peer.Connection.OpenMessage();
        context.Await(streamed.WriteAsync(new byte[20_000]));
        context.Await(streamed.WriteAsync(new byte[200]));
        context.Await(peer.Connection.SendAsync(new byte[20_000]));
        context.Await(peer.Connection.SendAsync(new byte[20_000]));
        await streamed.DisposeAsync(); // drops what queued behind it
        await Settle.UntilAsync(() => context.Posts == 6);
        peer.Connection.Abort();
        await Settle.UntilAsync(() => context.Posts == 8);
        Assert.Equal(0, context.PostsUnderLock);
    }

    /// <summary>A synchronization context that runs what is posted at once, as some do, and notices a lock that is held.</summary>
    private sealed class LockWatch(object watched) : SynchronizationContext
    {
        private int _posts;
        private int _postsUnderLock;

        public int Posts => Volatile.Read(ref _posts);

        public int PostsUnderLock => Volatile.Read(ref _postsUnderLock);

        public void Await(ValueTask task)
        {
            Assert.False(task.IsCompleted);
            SynchronizationContext? outer = Current;
            SetSynchronizationContext(this);
            task.GetAwaiter().OnCompleted(() => { });
            SetSynchronizationContext(outer);
        }

        public override void Post(SendOrPostCallback d, object? state)
        {
            if (Monitor.IsEntered(watched))
                Interlocked.Increment(ref _postsUnderLock);
            d(state);
            Interlocked.Increment(ref _posts);
        }
    }

    /// <summary>A synchronization context with a thread of its own, as a user interface has.</summary>
    private sealed class OneThread : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _work = [];
        private readonly Thread _thread;

        public OneThread()
        {
            _thread = new Thread(() =>
            {
                SetSynchronizationContext(this);
                foreach ((SendOrPostCallback callback, object? state) in _work.GetConsumingEnumerable())
                    callback(state);
            }) { IsBackground = true };
            _thread.Start();
        }

        public bool IsHere => Environment.CurrentManagedThreadId == _thread.ManagedThreadId;

        public override void Post(SendOrPostCallback d, object? state) => _work.Add((d, state));

        public Task<bool> Run(Func<Task> work) => Run(async () =>
        {
            await work();
            return true;
        });

        public Task<T> Run<T>(Func<Task<T>> work)
        {
            var done = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
            Post(_ => done.SetResult(work()), null);
            return done.Task.Unwrap();
        }

        public void Dispose() => _work.CompleteAdding();
    }
}
