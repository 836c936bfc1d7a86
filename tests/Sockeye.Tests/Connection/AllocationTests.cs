using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Tests.Connection;

/// <summary>What is counted for the whole process: nothing else runs at the time.</summary>
[CollectionDefinition(nameof(WholeProcess), DisableParallelization = true)]
public sealed class WholeProcess;

/// <summary>The steady state allocates nothing per message, and failures that nobody awaits surprise nobody.</summary>
[Collection(nameof(WholeProcess))]
public sealed class AllocationTests
{
    private const int WarmUp = 30_000;
    private const int Measured = 100_000;

    // What is made once (a thread that joins the pool, a slab where two were never needed before) is not made for each message: the
    // best of so many measurements counts.
    private const int Attempts = 4;

    // Of hundreds of thousands of round trips, on a machine that has other things to do.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(50, false)]
    [InlineData(50, true)]
    public async Task Echo_over_a_socket_with_the_peer_in_another_process_allocates_less_than_a_byte_per_message(int together, bool isCallback)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using Process other = EchoPeer.Start(((IPEndPoint)listener.LocalEndPoint!).Port, together);
        try
        {
            Socket accepted = await listener.AcceptAsync().Soon();
            var socket = new WebSocketConnection(
                new SocketTransport(accepted, BufferPool.Shared), Role.Server, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
            double perMessage = await EchoAsync(socket, isCallback);
            Assert.True(perMessage < 1, $"{perMessage} bytes per message");
            await other.WaitForExitAsync().Soon();
            Assert.Equal(0, other.ExitCode);
        }
        finally
        {
            if (!other.HasExited)
                other.Kill();
        }
    }

    [Theory]
    [InlineData(Role.Server, 1, false)]
    [InlineData(Role.Server, 50, false)]
    [InlineData(Role.Server, 50, true)]
    [InlineData(Role.Client, 1, true)]
    [InlineData(Role.Client, 50, false)]
    public async Task Echo_over_the_in_memory_transport_allocates_less_than_a_byte_per_message(Role role, int together, bool isCallback)
    {
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(BufferPool.Shared, BufferPool.Shared);
        var socket = new WebSocketConnection(own, role, WebSocketConnectionOptions.Default, ConnectionDetails.None, []);
        bool masks = role == Role.Server;
        Task drive = Task.Run(async () =>
        {
            try
            {
                await DriveAsync();
            }
            catch (IOException)
            {
                // It has been measured.
            }
        });
        async Task DriveAsync()
        {
            byte[] batch = EchoPeer.Batch(together, masks);
            int expected = together * (EchoPeer.PayloadSize + 2 + (masks ? 0 : 4));
            while (true)
            {
                await peer.SendAsync(batch, default);
                for (int received = 0; received < expected;)
                {
                    ReceivedBlock block = await peer.ReceiveAsync(default);
                    if (block.IsEnd)
                        return;
                    received += block.Memory.Count;
                    peer.Advance(block.Memory.Count);
                }
            }
        }

        double perMessage = await EchoAsync(socket, isCallback);
        await drive.Soon();
        peer.Abort();
        Assert.True(perMessage < 1, $"{perMessage} bytes per message");
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

    /// <summary>Echoes, and counts what is allocated for each message after the first ones.</summary>
    private static async Task<double> EchoAsync(WebSocketConnection socket, bool isCallback)
    {
#if DEBUG
        // There the compiler makes the state of an async method a class, to be looked at.
        const int Measured = 1000;
        const double Limit = double.MaxValue;
#else
        const double Limit = 1;
#endif
        int count = 0;
        int attempts = 0;
        long before = 0;
        double best = double.MaxValue;
        void Count()
        {
            if (++count < WarmUp || (count - WarmUp) % Measured != 0)
                return;
            long now = GC.GetTotalAllocatedBytes(precise: true);
            if (count > WarmUp)
                best = Math.Min(best, (now - before) / (double)Measured);
            before = now;
            if (best < Limit || attempts++ == Attempts)
                socket.Abort();
        }

        async Task EchoAllAsync()
        {
            await foreach (WebSocketMessage message in socket.ReadAllAsync())
            {
                Count();
                await socket.SendAsync(message);
            }
        }

        if (isCallback)
        {
            await socket.RunAsync(new WebSocketHandler
            {
                Message = (connection, message) =>
                {
                    Count();
                    return connection.SendAsync(message);
                },
            }).WaitAsync(Patience);
        }
        else
        {
            await socket.RunAsync((_, _) => EchoAllAsync()).WaitAsync(Patience);
        }

        return best < Limit ? 0 : best;
    }
}

/// <summary>A client of bare frames in a process of its own: this very assembly, started again.</summary>
internal static class EchoPeer
{
    public const int PayloadSize = 64;

    private const string Variable = "SOCKEYE_ECHO_PEER";

    /// <summary>Starts the other process.</summary>
    /// <param name="port">Where to connect to.</param>
    /// <param name="together">How many of them to send before their echoes are awaited.</param>
    public static Process Start(int port, int together)
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [typeof(EchoPeer).Assembly.Location]);
        start.Environment[Variable] = $"{port} {together}";
        return Process.Start(start)!;
    }

    /// <summary>Makes a number of equal frames.</summary>
    public static byte[] Batch(int together, bool isMasked)
    {
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        for (int i = 0; i < together; i++)
            FrameWriter.WriteFrame(writer, Opcode.Binary, new byte[PayloadSize], isFinal: true, isMasked ? 0x11223344u : null);
        return writer.WrittenSpan.ToArray();
    }

#pragma warning disable CA2255 // it is a program, and this is its other entry point
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } order)
            return;
        int[] numbers = [.. order.Split(' ').Select(int.Parse)];
        Environment.Exit(Run(port: numbers[0], together: numbers[1]));
    }

    /// <summary>Sends messages and awaits their echoes, until the connection ends.</summary>
    /// <returns>0, or 1 where an echo was wrong.</returns>
    private static int Run(int port, int together)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        byte[] batch = Batch(together, isMasked: true);
        byte[] echoes = Batch(together, isMasked: false);
        byte[] received = new byte[echoes.Length];
        try
        {
            while (true)
            {
                socket.Send(batch);
                for (int length = 0; length < received.Length;)
                {
                    int more = socket.Receive(received, length, received.Length - length, SocketFlags.None);
                    if (more == 0)
                        return 0;
                    length += more;
                }

                if (!received.AsSpan().SequenceEqual(echoes))
                    return 1;
            }
        }
        catch (SocketException)
        {
            return 0;
        }
    }
}
