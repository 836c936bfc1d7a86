using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Transports;
using Sockeye.Transports.Linux;

namespace Sockeye.Tests.EventLoops;

/// <summary>How connections come to the loops, and how listening ends.</summary>
public sealed class AcceptTests
{
    private const int Loops = 3;

    [Fact]
    public async Task Accepting_in_turn_gives_every_loop_as_many()
    {
        EventLoopGroup group = LoopPeers.Group(Loops);
        using var accepting = new Accepting(Listener.BindAll(new IPEndPoint(IPAddress.Loopback, 0), 100, group, AcceptDistribution.InTurn));
        Assert.Single(accepting.Listeners);
        for (int i = 0; i < 5 * Loops; i++)
        {
            using Socket client = await accepting.ConnectAsync();
            // Whoever dials meanwhile, as a proxy does, changes nothing.
            group.Next();
        }

        await Settle.UntilAsync(() => accepting.Accepted.Count == 5 * Loops);
        Assert.Equal([5, 5, 5], accepting.PerLoop(group));
    }

    [Fact]
    public async Task Accepting_by_each_loop_gives_every_one_some_and_names_one_port()
    {
        EventLoopGroup group = LoopPeers.Group(Loops);
        using var accepting = new Accepting(Listener.BindAll(new IPEndPoint(IPAddress.Loopback, 0), 100, group, AcceptDistribution.ReusePort));
        Assert.Equal(Loops, accepting.Listeners.Length);
        Assert.Single(accepting.Listeners.Select(listener => listener.EndPoint).Distinct());

        // The kernel chooses by a hash: bounded, and far beyond any doubt.
        int made = 0;
        for (; made < 300 && accepting.PerLoop(group).Contains(0); made++)
        {
            using Socket client = await accepting.ConnectAsync();
            await Settle.UntilAsync(() => accepting.Accepted.Count == made + 1);
        }

        Assert.DoesNotContain(0, accepting.PerLoop(group));
    }

    [Theory]
    [InlineData(AcceptDistribution.InTurn)]
    [InlineData(AcceptDistribution.ReusePort)]
    public async Task Server_serves_however_it_accepts_and_listens_no_more_once_it_is_stopped(AcceptDistribution accept)
    {
        await using ServerTest test = await ServerTest.EchoAsync(
            options => options with { EventLoop = new EventLoopOptions { Loops = Loops, Accept = accept } });
        EndPoint endPoint = Assert.Single(test.Server.EndPoints);
        for (int i = 0; i < 20; i++)
            await test.AssertServesAsync();

        // At once, also while a loop looks for the next one to accept.
        using RawClient open = await RawClient.OpenAsync(test.Server);
        Task stopping = test.Server.StopAsync(TimeSpan.FromHours(1));
        // Before the connections have ended.
        var refused = await Assert.ThrowsAsync<SocketException>(() => RawClient.ConnectAsync(endPoint));
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
        Assert.Equal(1001, (await open.ReadCloseAsync()).Code);
        open.Dispose();
        await stopping.Soon();
        using var again = new Accepting([Listener.Bind(endPoint, 1, group: null)]);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Acceptor_that_is_disposed_ends_who_waits_and_who_comes_after()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        EventLoopGroup group = LoopPeers.Group(Loops);
        var acceptor = new EventLoopAcceptor(socket, group, own: null);
        Task<ConnectedSocket> waiting = acceptor.AcceptAsync().AsTask();
        acceptor.Dispose();
        await Assert.ThrowsAsync<IOException>(() => waiting.Soon());
        await Assert.ThrowsAsync<IOException>(() => acceptor.AcceptAsync().Soon());
        acceptor.Dispose();
    }

    [Fact]
    public async Task Burst_of_connections_is_accepted_to_the_last_one()
    {
        // More than are accepted in a row, at once, and nothing comes after them.
        EventLoopGroup group = LoopPeers.Group(Loops);
        using var accepting = new Accepting(Listener.BindAll(new IPEndPoint(IPAddress.Loopback, 0), 511, group, AcceptDistribution.InTurn), starts: false);
        List<Socket> clients = [];
        for (int i = 0; i < 300; i++)
            clients.Add(await accepting.ConnectAsync());
        accepting.Start();
        await Settle.UntilAsync(() => accepting.Accepted.Count == 300);
        Assert.Equal([100, 100, 100], accepting.PerLoop(group));
        clients.ForEach(client => client.Dispose());
    }

    /// <summary>Listeners whose sockets the test looks at.</summary>
    private sealed class Accepting : IDisposable
    {
        public Accepting(Listener[] listeners, bool starts = true)
        {
            Listeners = listeners;
            if (starts)
                Start();
        }

        public Listener[] Listeners { get; }

        public ConcurrentQueue<ConnectedSocket> Accepted { get; } = new();

        public void Start()
        {
            foreach (Listener listener in Listeners)
                _ = listener.RunAsync(Accepted.Enqueue, static (_, e) => Assert.Fail(e.ToString()), TimeProvider.System);
        }

        public async Task<Socket> ConnectAsync()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(Listeners[0].EndPoint).Soon();
            return socket;
        }

        public IEnumerable<int> PerLoop(EventLoopGroup group) =>
            group.Loops.Select(loop => Accepted.Count(socket => ((EventLoopSocket)socket).Loop == loop));

        public void Dispose()
        {
            foreach (Listener listener in Listeners)
                listener.Dispose();
            foreach (ConnectedSocket socket in Accepted)
                socket.Dispose();
        }
    }
}
