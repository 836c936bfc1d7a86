using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Attacks;

/// <summary>How long peers are borne that dribble, do not finish the close, do not read, or have vanished, with the bounds of rows V33, V34,
/// V36 and V39 of the attack catalogue: for <c>./test.sh --figures</c>, alone on the machine.</summary>
[Trait("Category", "Figures")]
public sealed class PatienceFigures(ITestOutputHelper output)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task V33_Thousand_clients_that_dribble_are_gone_at_10_s_and_others_are_served()
    {
        const int Dribblers = 1000;
        await using var server = new WebSocketServer(new() { Port = 0 });
        server.Map("/*", ServerTest.EchoAsync);
        await server.StartAsync();
        byte[] request = System.Text.Encoding.ASCII.GetBytes(RawClient.Request(server));

        Task<TimeSpan>[] dribbling = new Task<TimeSpan>[Dribblers];
        for (int i = 0; i < Dribblers; i++)
            dribbling[i] = DribbleAsync((await RawClient.ConnectAsync(server)).Socket, request);
        int served = 0;
        while (!dribbling.All(task => task.IsCompleted))
        {
            using RawClient other = await RawClient.OpenAsync(server);
            await other.SendFrameAsync(Protocol.Opcode.Text, "served");
            Assert.Equal("served", await other.ReadTextAsync());
            served++;
            await Task.Delay(100);
        }

        TimeSpan[] times = await Task.WhenAll(dribbling);
        Print($"V33: {Dribblers} clients that sent a byte a second were gone after {times.Min().TotalSeconds:F2} to {times.Max().TotalSeconds:F2} s; {served} others were served meanwhile");
        Assert.All(times, time => Assert.InRange(time.TotalSeconds, 9, 11));
    }

    [Fact]
    public async Task V33_Thousand_servers_that_dribble_are_left_at_10_s()
    {
        const int Dribblers = 1000;
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(Dribblers);
        byte[] answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"u8.ToArray();

        Task<TimeSpan>[] connecting = new Task<TimeSpan>[Dribblers];
        Task<TimeSpan>[] dribbling = new Task<TimeSpan>[Dribblers];
        for (int i = 0; i < Dribblers; i++)
        {
            connecting[i] = ConnectAsync();
            dribbling[i] = DribbleAsync(await listener.AcceptAsync(), answer);
        }

        TimeSpan[] times = await Task.WhenAll(connecting);
        await Task.WhenAll(dribbling);
        Print($"V33: {Dribblers} servers that sent a byte a second were left after {times.Min().TotalSeconds:F2} to {times.Max().TotalSeconds:F2} s");
        Assert.All(times, time => Assert.InRange(time.TotalSeconds, 9, 11));

        async Task<TimeSpan> ConnectAsync()
        {
            long start = Stopwatch.GetTimestamp();
            var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
                () => WebSocketClient.ConnectAsync($"ws://{listener.LocalEndPoint}/").WaitAsync(Patience));
            Assert.Equal(HandshakeFailure.Timeout, thrown.Cause);
            return Stopwatch.GetElapsedTime(start);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task V34_Peers_that_never_finish_the_close_are_gone_100_ms_after_its_timeout(bool answer)
    {
        const int Peers = 100;
        var options = new WebSocketConnectionOptions { CloseTimeout = Second };
        await using var server = new WebSocketServer(new() { Port = 0, Connection = options });
        var opened = new System.Collections.Concurrent.ConcurrentQueue<WebSocketConnection>();
        server.Map("/", (socket, _) =>
        {
            opened.Enqueue(socket);
            return socket.Closed;
        });
        await server.StartAsync();
        List<RawClient> clients = [];
        for (int i = 0; i < Peers; i++)
            clients.Add(await RawClient.OpenAsync(server));
        await Settle.UntilAsync(() => opened.Count == Peers);

        Task<TimeSpan>[] closing = [.. opened.Select(CloseAsync)];
        foreach (RawClient client in clients)
        {
            Assert.Equal(Protocol.Opcode.Close, (await client.ReadFrameAsync())?.Opcode);
            if (answer)
                await client.SendFrameAsync(Protocol.Opcode.Close, ""); // but its end of TCP stays open
        }

        TimeSpan[] times = await Task.WhenAll(closing);
        Print($"V34: {Peers} peers that {(answer ? "left TCP open" : "did not answer Close")} were gone after {times.Min().TotalMilliseconds:F0} to {times.Max().TotalMilliseconds:F0} ms, with a timeout of {Second.TotalMilliseconds:F0} ms");
        Assert.All(times, time => Assert.InRange(time, Second, Second + TimeSpan.FromMilliseconds(100)));
        Assert.Equal("", string.Concat(await Task.WhenAll(clients.Select(client => client.ReadToAnyEndAsync()))));
        clients.ForEach(client => client.Dispose());

        static async Task<TimeSpan> CloseAsync(WebSocketConnection socket)
        {
            long start = Stopwatch.GetTimestamp();
            await socket.CloseAsync().WaitAsync(Patience);
            return Stopwatch.GetElapsedTime(start);
        }
    }

    // The best of a few tries: time is only ever lost to others. What they hold is bounded in StalledSubscribersTests.
    [Theory]
    [InlineData(1000)]
    [InlineData(10_000)]
    public async Task V36_Tenth_that_does_not_read_holds_up_the_others_by_at_most_a_tenth(int connections)
    {
        const int Tries = 10;
        int stalled = connections / 10;
        await using var server = new WebSocketServer(new() { Connection = new() { IdleTimeout = TimeSpan.Zero, WriteStallTimeout = TimeSpan.Zero } });
        server.Map("/", ServerTest.EchoAsync);
        var group = new Listeners();
        for (int i = 0; i < connections; i++)
            group.Add(await InMemory.OpenAsync(server), isSteady: i >= stalled);
        var message = new PreparedMessage(new byte[4096], WebSocketMessageKind.Binary);

        TimeSpan before = TimeSpan.MaxValue;
        for (int i = 0; i < Tries; i++)
            before = Min(before, await group.MeasureAsync(server, message));
        group.Stall();
        TimeSpan after = TimeSpan.MaxValue;
        for (int i = 0; i < Tries || (after > before * 1.1 && i < 5 * Tries); i++)
            after = Min(after, await group.MeasureAsync(server, message));

        Print($"V36: {connections} connections, p99 of a broadcast to who reads: {before.TotalMicroseconds:F0} µs, with {stalled} that do not read {after.TotalMicroseconds:F0} µs");
        Assert.True(after <= before * 1.1);
        group.End();

        static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
    }

    [Fact]
    public async Task V39_Half_open_peers_are_noticed_within_the_idle_timeout_and_a_second()
    {
        Assert.SkipUnless(NetworkNamespace.IsAvailable, "A network namespace takes Linux, the command ip, and root with CAP_NET_ADMIN and CAP_SYS_ADMIN.");
        const int Connections = 50;
        var options = new WebSocketConnectionOptions { IdleTimeout = TimeSpan.FromSeconds(4) };
        await using NetworkNamespace there = await NetworkNamespace.CreateAsync();
        using Socket listener = there.Listen();
        var both = new System.Collections.Concurrent.ConcurrentQueue<WebSocketConnection>();
        await using var server = new WebSocketServer(new() { ListeningSockets = [listener], Connection = options });
        server.Map("/", (socket, cancel) =>
        {
            both.Enqueue(socket);
            return ServerTest.EchoAsync(socket, cancel);
        });
        await server.StartAsync();
        for (int i = 0; i < Connections; i++)
        {
            WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws://{listener.LocalEndPoint}/", new() { Connection = options }).WaitAsync(Patience);
            both.Enqueue(client);
            await client.SendTextAsync("here");
            Assert.Equal("here", (await client.ReceiveAsync().AsTask().WaitAsync(Patience)).GetText());
        }

        await there.CutAsync();
        long start = Stopwatch.GetTimestamp();
        (CloseResult Result, TimeSpan Time)[] ends = await Task.WhenAll(both.Select(async socket =>
            (await socket.Closed.WaitAsync(Patience), Stopwatch.GetElapsedTime(start))));

        Print($"V39: {ends.Length} ends of connections that were cut noticed it within {ends.Max(end => end.Time).TotalSeconds:F2} s, with an idle timeout of {options.IdleTimeout.TotalSeconds:F0} s");
        Assert.Equal(2 * Connections, ends.Length);
        Assert.All(ends, end => Assert.Equal(CloseCause.IdleTimeout, end.Result.Cause));
        Assert.All(ends, end => Assert.InRange(end.Time, TimeSpan.Zero, options.IdleTimeout + Second));
    }

    /// <summary>Sends a byte a second, and tells when the other side ended it.</summary>
    private static async Task<TimeSpan> DribbleAsync(Socket socket, byte[] bytes)
    {
        long start = Stopwatch.GetTimestamp();
        Task ended = ReadToEndAsync(socket);
        try
        {
            for (int i = 0; i < bytes.Length && !ended.IsCompleted; i++)
            {
                await socket.SendAsync(bytes.AsMemory(i, 1));
                await Task.WhenAny(ended, Task.Delay(Second));
            }
        }
        catch (SocketException)
        {
            // The other side has reset it, which shows in reading too.
        }

        await ended.WaitAsync(Patience);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        socket.Dispose();
        return time;
    }

    private static async Task ReadToEndAsync(Socket socket)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory()) > 0)
            {
                // What a client sent first is no end.
            }
        }
        catch (SocketException)
        {
            // a reset is an end as well
        }
    }

    private void Print(string figure)
    {
        output.WriteLine(figure);
        Console.WriteLine($"FIGURE {figure}");
    }

    /// <summary>Clients that note when each message came.</summary>
    private sealed class Listeners
    {
        private readonly List<WebSocketConnection> _clients = [];
        private readonly List<WebSocketConnection> _slow = [];
        private long[] _came = [];
        private int _missing;
        private TaskCompletionSource _all = new();

        public void Add(WebSocketConnection client, bool isSteady)
        {
            _clients.Add(client);
            if (!isSteady)
                _slow.Add(client);
            _ = ReadAsync(client, isSteady ? _clients.Count - _slow.Count - 1 : -1);
        }

        public void Stall() => _slow.ForEach(client => client.Pause());

        public void End() => _clients.ForEach(client => client.Abort());

        /// <summary>Broadcasts once, and gives the time within which 99 of 100 of those who read had it.</summary>
        public async Task<TimeSpan> MeasureAsync(WebSocketServer server, PreparedMessage message)
        {
            _came = new long[_clients.Count - _slow.Count];
            _missing = _came.Length;
            _all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            long start = Stopwatch.GetTimestamp();
            server.Broadcast(message);
            await _all.Task.WaitAsync(Patience);
            Array.Sort(_came);
            return Stopwatch.GetElapsedTime(start, _came[_came.Length * 99 / 100]);
        }

        private async Task ReadAsync(WebSocketConnection client, int index)
        {
            try
            {
                await foreach (WebSocketMessage _ in client.ReadAllAsync())
                {
                    if (index < 0)
                        continue;
                    _came[index] = Stopwatch.GetTimestamp();
                    if (Interlocked.Decrement(ref _missing) == 0)
                        _all.SetResult();
                }
            }
            catch (WebSocketClosedException)
            {
                // the test has ended it
            }
        }
    }
}
