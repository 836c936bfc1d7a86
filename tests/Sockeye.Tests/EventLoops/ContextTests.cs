using System.Collections.Concurrent;
using System.Net.Sockets;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>Rule T2: what code of one connection sets for its thread is not there for the next one that the loop runs on it.</summary>
public sealed class ContextTests
{
    private static readonly AsyncLocal<string?> Ambient = new();

    [Fact]
    public async Task T2_Loop_leaves_behind_the_context_that_code_of_a_socket_has_set()
    {
        EventLoopGroup one = new EventLoopOptions { Loops = 1 }.Group!;
        (EventLoopSocket spoiling, Socket spoiler) = await LoopPeers.ConnectAsync(one);
        (EventLoopSocket looking, Socket looker) = await LoopPeers.ConnectAsync(one);
        var spoil = new Acting(() =>
        {
            Ambient.Value = "of another connection";
            SynchronizationContext.SetSynchronizationContext(new SynchronizationContext());
            ExecutionContext.SuppressFlow();
        });
        var seen = new ConcurrentQueue<(string?, SynchronizationContext?, bool)>();
        var look = new Acting(() => seen.Enqueue((Ambient.Value, SynchronizationContext.Current, ExecutionContext.IsFlowSuppressed())));
        spoiling.User = spoil;
        looking.User = look;
        for (int i = 1; i <= 20; i++)
        {
            spoiling.AwaitReadable(again: true);
            await spoiler.SendAsync(new byte[1]);
            await Settle.UntilAsync(() => spoil.Count == i);
            looking.AwaitReadable(again: true);
            await looker.SendAsync(new byte[1]);
            await Settle.UntilAsync(() => look.Count == i);
            spoiling.Receive(new byte[10]);
            looking.Receive(new byte[10]);
        }

        Assert.All(seen, one => Assert.Equal((null, null, false), one));
        spoiling.Dispose();
        looking.Dispose();
        spoiler.Dispose();
        looker.Dispose();
    }

    [Fact]
    public async Task T2_Callbacks_and_handlers_that_one_loop_runs_share_no_context()
    {
        var seen = new ConcurrentQueue<(string?, SynchronizationContext?)>();
        await using var test = new ServerTest(options => options with { EventLoop = new EventLoopOptions { Loops = 1 } });
        test.Server.Map("/callback", new WebSocketHandler
        {
            Message = (socket, message) =>
            {
                seen.Enqueue((Ambient.Value, SynchronizationContext.Current));
                Ambient.Value = "of a callback";
                SynchronizationContext.SetSynchronizationContext(new SynchronizationContext());
                return socket.SendAsync(message);
            },
        });
        test.Server.Map("/handler", async (socket, cancel) =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
            {
                // It keeps its own, as any asynchronous method does.
                seen.Enqueue((Ambient.Value == "of a handler" ? null : Ambient.Value, SynchronizationContext.Current));
                Ambient.Value = "of a handler";
                await socket.SendAsync(message, cancel).ConfigureAwait(false);
            }
        });
        await test.Server.StartAsync();
        List<RawClient> clients = [];
        foreach (string path in (string[])["/callback", "/handler", "/callback", "/handler"])
            clients.Add(await RawClient.OpenAsync(test.Server, path));
        for (int i = 0; i < 10; i++)
        {
            foreach (RawClient client in clients)
            {
                await client.SendTogetherAsync($"{i}");
                Assert.Equal($"{i}", await client.ReadTextAsync());
            }
        }

        Assert.Equal(40, seen.Count);
        Assert.All(seen, one => Assert.Equal((null, null), one));
        clients.ForEach(client => client.Dispose());
    }

    [Theory]
    [InlineData(Carrier.EventLoop)]
    [InlineData(Carrier.EventLoopTls)]
    public async Task T2_Handler_on_the_loop_runs_in_the_context_of_its_upgrade(Carrier carrier)
    {
        await using RawPeer peer = await RawPeer.CreateAsync(carrier);
        Ambient.Value = "upgrade";
        var seen = new ConcurrentQueue<string?>();
        Task handled = peer.HandleAsync(async socket =>
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                seen.Enqueue(Ambient.Value);
                await socket.SendAsync(message);
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
        Assert.Equal(Enumerable.Repeat("upgrade", 5), seen);
    }

    private sealed class Acting(Action act) : IReadiness
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public void OnReadable()
        {
            act();
            Interlocked.Increment(ref _count);
        }

        public void OnWritable() => Assert.Fail("Nobody waits for that.");
    }
}
