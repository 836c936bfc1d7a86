using System.Net;
using System.Runtime.CompilerServices;
using Sockeye.Protocol;
using Sockeye.Tests.Server;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>What is counted for the whole process: nothing else runs at the time.</summary>
[CollectionDefinition(nameof(WholeProcess), DisableParallelization = true)]
public sealed class WholeProcess;

/// <summary>The steady state allocates nothing per message, and failures that nobody awaits surprise nobody.</summary>
[Collection(nameof(WholeProcess))]
public sealed class AllocationTests(EchoPeer other) : IClassFixture<EchoPeer>, IClassFixture<FewThreads>
{
    // Of TLS, so much for each record of a message. Each is waited for by itself, and SslStream keeps what it waits with for the thread that
    // had it last: now and then it makes it anew, since the wait has ended on another one.
    private const int RecordSize = 16 * 1024;

    // Of tens of thousands of round trips, on a machine that has other things to do.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static TheoryData<string, Carrier, bool> Served => new MatrixTheoryData<string, Carrier, bool>(
        AllocationCount.Scenarios.Keys, [Carrier.EventLoop, Carrier.Socket, Carrier.EventLoopTls, Carrier.Tls], [false, true]);

    public static TheoryData<string, Role, bool> InMemory => new MatrixTheoryData<string, Role, bool>(
        AllocationCount.Scenarios.Keys, Enum.GetValues<Role>(), [false, true]);

    [Theory]
    [MemberData(nameof(Served))]
    public async Task Echo_of_a_server_allocates_nothing_per_message_or_TLS_record(
        string scenario, Carrier carrier, bool isCallback)
    {
        (EchoShape shape, int counted) = AllocationCount.Scenarios[scenario];
        bool tls = carrier is Carrier.EventLoopTls or Carrier.Tls;
        await using var server = new WebSocketServer(new()
        {
            Port = 0,
            EventLoop = carrier is Carrier.EventLoop or Carrier.EventLoopTls ? new EventLoopOptions() : null,
            Tls = tls ? TestCertificates.Serving(TestCertificates.Server) : null,
        });
        double limit = AllocationCount.Limit(counted) * (tls ? Math.Max(1, shape.Size / RecordSize) : 1);
        var count = new AllocationCount(counted, limit);
        if (isCallback)
            server.Map("/", count.Callback);
        else
            server.Map("/", (socket, _) => count.EchoAsync(socket));
        await server.StartAsync();

        Task checking = await other.StartAsync(((IPEndPoint)server.EndPoints[0]).Port, tls, shape);
        double perMessage = await count.Result.WaitAsync(Patience);

        Assert.True(perMessage < limit, $"{perMessage} bytes per message");
        await checking.Soon();
    }

    [Theory]
    [MemberData(nameof(InMemory))]
    public async Task Echo_over_the_in_memory_transport_allocates_nothing_per_message(string scenario, Role role, bool isCallback)
    {
        (EchoShape shape, int counted) = AllocationCount.Scenarios[scenario];
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        var socket = new WebSocketConnection(own, role, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        double limit = AllocationCount.Limit(counted);
        var count = new AllocationCount(counted, limit);
        Task driving = Task.Run(DriveAsync);
        Task echoing = isCallback ? socket.RunAsync(count.Callback) : socket.RunAsync((connection, _) => count.EchoAsync(connection));

        double perMessage = await count.Result.WaitAsync(Patience);

        Assert.True(perMessage < limit, $"{perMessage} bytes per message");
        await echoing.Soon();
        await driving.Soon();
        peer.Abort();

        async Task DriveAsync()
        {
            byte[] frames = shape.Frames(isMasked: role == Role.Server);
            int expected = shape.Frames(isMasked: role == Role.Client).Length;
            try
            {
                while (true)
                {
                    ValueTask sending = peer.SendAsync(frames, default);
                    for (int received = 0; received < expected;)
                    {
                        ReceivedBlock block = await peer.ReceiveAsync(default);
                        if (block.IsEnd)
                            return;
                        received += block.Memory.Count;
                        peer.Advance(block.Memory.Count);
                    }

                    await sending;
                }
            }
            catch (IOException)
            {
                // It has been measured.
            }
        }
    }

    [Fact]
    public async Task Failures_that_nobody_awaits_are_no_unobserved_exceptions()
    {
        List<CloseResult> surprises = [];
        EventHandler<UnobservedTaskExceptionEventArgs> surprised = (_, e) =>
        {
            lock (surprises)
                surprises.AddRange(e.Exception.InnerExceptions.OfType<WebSocketClosedException>().Select(closed => closed.Result));
        };
        // What other tests have left behind is not ours.
        Collect();
        TaskScheduler.UnobservedTaskException += surprised;
        try
        {
            await FailUnawaitedAsync();
            Collect();
            lock (surprises)
                Assert.Empty(surprises);
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= surprised;
        }

        static void Collect()
        {
            for (int i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
    }

    [Fact]
    public async Task A_token_that_outlives_its_sends_keeps_no_connection_alive()
    {
        using var cancel = new CancellationTokenSource();
        WeakReference connection = await SendUnawaitedAsync(cancel.Token);
        for (int i = 0; i < 10 && connection.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Yield();
        }

        Assert.False(connection.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> SendUnawaitedAsync(CancellationToken token)
    {
        await using RawPeer peer = GatedPeer.Open();
        for (int i = 0; i < 3; i++)
            _ = peer.Connection.SendAsync(new byte[20_000], cancellationToken: token);
        await peer.Connection.DrainAsync(token).Soon();
        _ = peer.Connection.PingAsync(cancellationToken: token);
        return new WeakReference(peer.Connection);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task FailUnawaitedAsync()
    {
        await using RawPeer peer = await GatedPeer.OpenHeldAsync();
        WebSocketConnection socket = peer.Connection;
        using var cancel = new CancellationTokenSource();
        for (int i = 0; i < 2; i++)
        {
            _ = socket.PingAsync();
            _ = socket.PingAsync(cancellationToken: cancel.Token);
            _ = socket.ConfirmAsync();
            _ = socket.DrainAsync();
            _ = socket.DrainAsync(cancel.Token);
            _ = socket.SendAsync(new byte[10]);
            _ = socket.SendAsync(new byte[20_000]);
            _ = socket.SendAsync(new byte[20_000], cancellationToken: cancel.Token);
            _ = socket.SendTextAsync("x");
            _ = socket.SendPongAsync();
            socket.Abort(); // and once more after the end
        }
    }
}
