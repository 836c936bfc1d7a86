using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;
using Sockeye.Transports;

namespace Sockeye.Tests.Server;

/// <summary>Starting, listening, stopping.</summary>
public sealed class ServerLifetimeTests
{
    [Fact]
    public async Task Server_on_several_end_points_tells_their_ports_and_serves_each()
    {
        await using var test = new ServerTest(options => options with
        {
            EndPoints = [new IPEndPoint(IPAddress.Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0)],
        });
        test.Server.Map("/", ServerTest.EchoAsync);
        Assert.Empty(test.Server.EndPoints);
        Assert.False(test.Server.Listening.IsCompleted);

        await test.Server.StartAsync();

        Assert.Equal(3, test.Server.EndPoints.Count);
        Assert.Equal(test.Server.EndPoints, await test.Server.Listening);
        Assert.Equal(3, test.Server.EndPoints.Distinct().Count());
        foreach (EndPoint endPoint in test.Server.EndPoints)
        {
            Assert.NotEqual(0, ((IPEndPoint)endPoint).Port);
            using RawClient client = await RawClient.ConnectAsync(endPoint);
            await client.SendAsync(RawClient.Request(test.Server));
            Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Server_on_a_unix_socket_serves()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye-{Guid.NewGuid():N}.sock");
        await using var test = new ServerTest(options => options with { Port = null, EndPoints = [new UnixDomainSocketEndPoint(path)] });
        test.Server.Map("/", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        await using var stream = new NetworkStream(socket, ownsSocket: true);

        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(RawClient.Request(test.Server).Replace(path, "a", StringComparison.Ordinal)));

        byte[] head = new byte[12];
        await stream.ReadExactlyAsync(head).AsTask().WaitAsync(ServerTest.Patience);
        Assert.Equal("HTTP/1.1 101", System.Text.Encoding.ASCII.GetString(head));
        File.Delete(path);
    }

    [Fact]
    public async Task StartAsync_on_a_port_in_use_throws_and_names_the_end_point_and_listens_nowhere()
    {
        await using ServerTest first = await ServerTest.EchoAsync();
        var taken = (IPEndPoint)first.Server.EndPoints[0];
        await using var second = new ServerTest(options => options with { EndPoints = [taken] });

        var thrown = Assert.Throws<IOException>(() => { _ = second.Server.StartAsync(); });

        Assert.Contains(taken.ToString(), thrown.Message, StringComparison.Ordinal);
        Assert.Contains("another socket listens there", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(SocketError.AddressAlreadyInUse, Assert.IsType<SocketException>(thrown.InnerException).SocketErrorCode);
        Assert.Same(thrown, await Assert.ThrowsAsync<IOException>(() => second.Server.Listening));
        Assert.Empty(second.Server.EndPoints);
        await first.AssertServesAsync();
    }

    [Fact]
    public async Task StartAsync_without_end_points_or_twice_throws()
    {
        await using var nowhere = new WebSocketServer(new());
        await Assert.ThrowsAsync<InvalidOperationException>(() => nowhere.StartAsync());
        await using ServerTest test = await ServerTest.EchoAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.Server.StartAsync());
        await test.Server.StopAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.Server.StartAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.Server.RunAsync());
    }

    [Fact]
    public async Task RunAsync_serves_until_it_is_cancelled_and_then_returns()
    {
        await using var test = new ServerTest();
        test.Server.Map("/any", ServerTest.EchoAsync);
        using var stop = new CancellationTokenSource();
        Task running = test.Server.RunAsync(stop.Token);
        await test.Server.Listening;
        await test.AssertServesAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server, "/any");

        await stop.CancelAsync();

        Assert.Equal((1001, "Server shutting down"), await client.ReadCloseAsync());
        Assert.Null(await client.ReadFrameAsync());
        client.Dispose();
        await running.WaitAsync(ServerTest.Patience);
    }

    [Fact]
    public async Task RunAsync_ends_when_the_server_is_stopped_by_somebody_else()
    {
        await using var test = new ServerTest();
        Task running = test.Server.RunAsync();
        await test.Server.Listening;

        await test.Server.StopAsync();

        await running.WaitAsync(ServerTest.Patience);
    }

    [Fact]
    public async Task StopListening_leaves_its_connections_alone_and_its_port_to_others()
    {
        await using var test = new ServerTest();
        test.Server.Map("/*", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server);

        test.Server.StopListening();
        test.Server.StopListening();

        await using var next = new WebSocketServer(new() { Port = ((IPEndPoint)test.Server.EndPoints[0]).Port });
        await next.StartAsync();
        await client.SendFrameAsync(Opcode.Text, "still here");
        Assert.Equal("still here", await client.ReadTextAsync());
        using RawClient other = await RawClient.ConnectAsync(next);
        Assert.Empty(next.Connections);
        Task stopping = test.Server.StopAsync();
        Assert.Equal((1001, "Server shutting down"), await client.ReadCloseAsync());
        client.Dispose();
        await stopping.WaitAsync(ServerTest.Patience);
    }

    [Fact]
    public async Task Connections_can_be_enumerated_while_they_come_and_go()
    {
        await using var test = new ServerTest();
        test.Server.Map("/*", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        Assert.Empty(test.Server.Connections);
        using RawClient first = await RawClient.OpenAsync(test.Server, "/1");
        using RawClient second = await RawClient.OpenAsync(test.Server, "/2");
        await Settle.UntilAsync(() => test.Server.Connections.Count == 2);

        List<string> seen = [];
        foreach (WebSocketConnection socket in test.Server.Connections)
        {
            seen.Add(socket.Request!.Path);
            socket.Abort();
            await socket.Closed.Soon();
            await Settle.UntilAsync(() => test.Server.Connections.Count == 2 - seen.Count);
            Assert.DoesNotContain(socket, test.Server.Connections);
        }

        Assert.Equal(["/1", "/2"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task StopAsync_closes_everybody_with_1001_in_parallel_and_waits_for_handlers()
    {
        int handlersLeft = 0;
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            Interlocked.Increment(ref handlersLeft);
            await ServerTest.EchoAsync(socket, cancel);
            Interlocked.Decrement(ref handlersLeft);
        });
        await test.Server.StartAsync();
        List<RawClient> clients = [];
        for (int i = 0; i < 10; i++)
            clients.Add(await RawClient.OpenAsync(test.Server));
        foreach (RawClient client in clients)
        {
            await client.SendFrameAsync(Opcode.Text, "a");
            await client.ReadTextAsync();
        }

        Assert.Equal(10, test.Server.Connections.Count);

        Task stopping = test.Server.StopAsync(TimeSpan.FromHours(1));

        // Each gets its Close before any has answered: they are closed in parallel.
        List<(Opcode Opcode, byte[] Payload)> closes = [];
        foreach (RawClient client in clients)
            closes.Add((await client.ReadFrameAsync())!.Value);
        Assert.False(stopping.IsCompleted);
        foreach ((RawClient client, (Opcode opcode, byte[] payload)) in clients.Zip(closes))
        {
            Assert.Equal(Opcode.Close, opcode);
            Assert.Equal("\u0003\u00E9Server shutting down", System.Text.Encoding.Latin1.GetString(payload));
            await client.SendAsync(RawClient.Frame(Opcode.Close, payload));
            Assert.Null(await client.ReadFrameAsync());
            client.Dispose();
        }

        await stopping.WaitAsync(ServerTest.Patience);
        Assert.Equal(0, Volatile.Read(ref handlersLeft));
        Assert.Empty(test.Server.Connections);
        await test.AssertNothingIsLeftAsync();
        await Assert.ThrowsAnyAsync<SocketException>(() => RawClient.ConnectAsync(test.Server));
    }

    [Fact]
    public async Task StopAsync_aborts_at_the_deadline_who_does_not_answer_and_does_not_wait_for_stuck_handlers()
    {
        var stuck = new TaskCompletionSource();
        await using var test = new ServerTest(options => options with
        {
            Connection = options.Connection with { CloseTimeout = TimeSpan.FromHours(10), IdleTimeout = TimeSpan.Zero },
        });
        test.Server.Map("/deaf", ServerTest.EchoAsync);
        test.Server.Map("/stuck", (_, _) => stuck.Task);
        await test.Server.StartAsync();
        using RawClient deaf = await RawClient.OpenAsync(test.Server, "/deaf");
        using RawClient other = await RawClient.OpenAsync(test.Server, "/stuck");
        await deaf.SendFrameAsync(Opcode.Text, "a");
        await deaf.ReadTextAsync();

        Task stopping = test.Server.StopAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(Opcode.Close, (await deaf.ReadFrameAsync())?.Opcode);
        test.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(stopping.IsCompleted);
        test.Advance(TimeSpan.FromSeconds(0.1));

        await stopping.WaitAsync(ServerTest.Patience);
        await Assert.ThrowsAnyAsync<IOException>(deaf.ReadToEndAsync);
        stuck.SetResult();
    }

    [Fact]
    public async Task StopAsync_with_a_cancelled_token_aborts_at_once()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server);
        await client.SendFrameAsync(Opcode.Text, "a");
        await client.ReadTextAsync();

        await test.Server.StopAsync(new CancellationToken(canceled: true)).WaitAsync(ServerTest.Patience);

        await client.ReadToAnyEndAsync();
        Assert.Empty(test.Server.Connections);
    }

    [Fact]
    public async Task StopAsync_answers_undecided_requests_with_503_and_ends_handshakes_and_the_enumeration()
    {
        await using var test = new ServerTest();
        var seen = new TaskCompletionSource();
        Task serving = Task.Run(async () =>
        {
            await foreach (UpgradeRequest _ in test.Server.UpgradeRequestsAsync())
                seen.TrySetResult();
        });
        await test.Server.Listening;
        using RawClient undecided = await RawClient.ConnectAsync(test.Server);
        await undecided.SendAsync(RawClient.Request(test.Server));
        await seen.Task.WaitAsync(ServerTest.Patience);
        using RawClient halfway = await RawClient.ConnectAsync(test.Server);
        await halfway.SendAsync("GET / HTTP/1.1\r\n");
        await test.AcceptedAsync(2);

        Task stopping = test.Server.StopAsync(TimeSpan.FromHours(1));

        Assert.StartsWith("HTTP/1.1 503 ", await undecided.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal("", await halfway.ReadToAnyEndAsync());
        undecided.Dispose();
        await stopping.WaitAsync(ServerTest.Patience);
        await serving.WaitAsync(ServerTest.Patience);
    }

    [Fact]
    public async Task StopAsync_of_a_server_that_never_started_and_stopping_twice_do_nothing()
    {
        var server = new WebSocketServer(new() { Port = 0 });
        await server.StopAsync().WaitAsync(ServerTest.Patience);
        await server.StopAsync().WaitAsync(ServerTest.Patience);
        await server.DisposeAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.Listening);
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.StartAsync());
    }

    [Fact]
    public async Task Connections_counts_those_that_are_open()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", async (socket, cancel) =>
        {
            await socket.SendTextAsync("open", cancel);
            await ServerTest.EchoAsync(socket, cancel);
        });
        await test.Server.StartAsync();
        using RawClient halfway = await RawClient.ConnectAsync(test.Server);
        await halfway.SendAsync("GET");
        using (RawClient client = await RawClient.OpenAsync(test.Server))
        {
            Assert.Equal("open", await client.ReadTextAsync());
            Assert.Single(test.Server.Connections);
            await client.SendFrameAsync(Opcode.Close, "");
            Assert.Null(await SkipToEndAsync(client));
        }

        halfway.Dispose();
        await test.AssertNothingIsLeftAsync();

        static async Task<(Opcode, byte[])?> SkipToEndAsync(RawClient client)
        {
            await client.ReadFrameAsync();
            return await client.ReadFrameAsync();
        }
    }

    // T2
    [Fact]
    public async Task Handlers_do_not_run_in_the_context_of_whoever_started_the_server()
    {
        var context = new AsyncLocal<string> { Value = "starter" };
        var seen = new TaskCompletionSource<string?>();
        await using var test = new ServerTest();
        test.Server.Map("/", (_, _) =>
        {
            seen.TrySetResult(context.Value);
            return Task.CompletedTask;
        });
        await test.Server.StartAsync();

        using RawClient client = await RawClient.OpenAsync(test.Server);

        Assert.Null(await seen.Task.WaitAsync(ServerTest.Patience));
    }

    [Fact]
    public async Task Listener_that_fails_to_accept_tells_it_and_goes_on_after_a_pause()
    {
        var time = new TimerSignals();
        var pair = new Queue<Func<ConnectedSocket>>(
        [
            () => throw new SocketException((int)SocketError.TooManyOpenSockets),
            () => throw new SocketException((int)SocketError.ConnectionAborted),
            () => new RuntimeSocket(new Socket(SocketType.Stream, ProtocolType.Tcp)),
        ]);
        using var listener = new Listener(new IPEndPoint(IPAddress.Loopback, 1), async stop =>
        {
            if (pair.TryDequeue(out Func<ConnectedSocket>? next))
                return next();
            await Task.Delay(Timeout.Infinite, stop);
            throw new InvalidOperationException();
        });
        var accepted = new TaskCompletionSource<ConnectedSocket>();
        List<Exception> failures = [];

        Task running = listener.RunAsync(accepted.SetResult, (_, e) => failures.Add(e), time);
        await time.CreatedAsync(TimeSpan.FromMilliseconds(100), 1).WaitAsync(ServerTest.Patience);
        Assert.False(accepted.Task.IsCompleted);
        time.Manual.Advance(TimeSpan.FromMilliseconds(100));

        (await accepted.Task.WaitAsync(ServerTest.Patience)).Dispose();
        Assert.Equal(SocketError.TooManyOpenSockets, Assert.IsType<SocketException>(Assert.Single(failures)).SocketErrorCode);
        listener.Dispose();
        await running.WaitAsync(ServerTest.Patience);
    }
}
