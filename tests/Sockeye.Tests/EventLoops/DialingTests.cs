using System.Net;
using System.Net.Sockets;
using Sockeye.Tests.Client;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.EventLoops;

/// <summary>What becomes of a client that cannot connect: the same over the loops as over the runtime's sockets.</summary>
public sealed class DialingTests
{
    public static TheoryData<bool> Both => [true, false];

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Connect_to_a_port_where_nobody_listens_is_refused(bool loops)
    {
        int port;
        using (Socket listener = LoopPeers.Listen())
            port = ((IPEndPoint)listener.LocalEndPoint!).Port;

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync($"ws://127.0.0.1:{port}/", Options(loops)).Soon());

        Assert.Equal(HandshakeFailure.Connect, thrown.Cause);
        Assert.Contains("nothing listens there", thrown.Message, StringComparison.Ordinal);
        Assert.Equal(SocketError.ConnectionRefused, Assert.IsType<SocketException>(thrown.InnerException).SocketErrorCode);
    }

    [Theory]
    [InlineData("255.255.255.255")]
    [InlineData("[2001:db8::1]")]
    [InlineData("[fe80::1]")]
    public async Task Connect_to_where_nothing_leads_fails_with_the_same_words(string host)
    {
        List<string> told = [];
        foreach (bool loops in (bool[])[true, false])
        {
            // Where this machine has a route, nobody answers: both are cut then.
            using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            Exception thrown = await Assert.ThrowsAnyAsync<Exception>(
                () => WebSocketClient.ConnectAsync($"ws://{host}:9/", Options(loops), cancel.Token).Soon());
            told.Add(thrown is WebSocketHandshakeException { InnerException: SocketException inner } failure
                ? $"{failure.Message} {failure.Cause} {inner.SocketErrorCode}"
                : thrown.GetType().Name);
        }

        Assert.Equal(told[1], told[0]);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Connect_that_hangs_is_cancelled_and_timed_out(bool loops)
    {
        // A full backlog lets everybody wait who comes next.
        using Socket listener = LoopPeers.Listen(backlog: 0);
        List<Socket> full = [];
        for (int i = 0; i < 3; i++)
        {
            full.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false });
            Task connecting = full[i].ConnectAsync(listener.LocalEndPoint!);
            await Task.WhenAny(connecting, Task.Delay(200));
        }

        string uri = $"ws://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}/";
        using var cancel = new CancellationTokenSource();
        Task<WebSocketConnection> hanging = WebSocketClient.ConnectAsync(uri, Options(loops), cancel.Token);
        cancel.Cancel();
        var cancelled = await Assert.ThrowsAsync<OperationCanceledException>(() => hanging.Soon());
        Assert.Equal(cancel.Token, cancelled.CancellationToken);

        var timedOut = await Assert.ThrowsAsync<WebSocketHandshakeException>(
            () => WebSocketClient.ConnectAsync(uri, Options(loops) with { ConnectTimeout = TimeSpan.FromMilliseconds(50) }).Soon());
        Assert.Equal(HandshakeFailure.Timeout, timedOut.Cause);
        full.ForEach(socket => socket.Dispose());
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Connect_with_a_token_that_is_cancelled_at_any_moment_opens_or_is_cancelled(bool loops)
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        var random = new Random(1);
        for (int i = 0; i < 100; i++)
        {
            using var cancel = new CancellationTokenSource();
            int spins = random.Next(100_000);
            Task cancelling = Task.Run(() =>
            {
                Thread.SpinWait(spins);
                cancel.Cancel();
            });
            try
            {
                await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(test.Uri, Options(loops), cancel.Token).Soon();
                await socket.SendTextAsync("x");
                Assert.Equal("x", (await socket.ReceiveAsync().Soon()).GetText());
                socket.Abort();
            }
            catch (OperationCanceledException e)
            {
                Assert.Equal(cancel.Token, e.CancellationToken);
            }

            await cancelling;
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Cancel_during_TLS_with_a_server_that_says_nothing_ends_at_once(bool loops)
    {
        using Socket listener = LoopPeers.Listen();
        using var cancel = new CancellationTokenSource();
        Task<WebSocketConnection> hanging = WebSocketClient.ConnectAsync(
            $"wss://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}/", Options(loops), cancel.Token);
        using Socket accepted = await listener.AcceptAsync();
        byte[] hello = new byte[1];
        Assert.Equal(1, await accepted.ReceiveAsync(hello).Soon());

        cancel.Cancel();

        var cancelled = await Assert.ThrowsAsync<OperationCanceledException>(() => hanging.Soon());
        Assert.Equal(cancel.Token, cancelled.CancellationToken);
        // It has let go of the socket.
        try
        {
            while (await accepted.ReceiveAsync(new byte[1000]).Soon() > 0)
            {
                // What it had sent.
            }
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Host_whose_first_address_refuses_is_reached_at_the_next(bool loops)
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync("localhost");
        Assert.SkipWhen(addresses.Length < 2, "localhost has only one address on this machine: give it two, such as 127.0.0.1 and ::1, in /etc/hosts.");
        await using ServerTest test = await ServerTest.EchoAsync(
            options => options with { Port = null, EndPoints = [new IPEndPoint(addresses[^1], 0)] });
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            $"ws://localhost:{((IPEndPoint)test.Server.EndPoints[0]).Port}/", Options(loops)).Soon();
        Assert.Equal(test.Server.EndPoints[0], socket.RemoteEndPoint);
        socket.Abort();
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Connection_that_ends_before_the_answer_is_told(bool loops)
    {
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, Options(loops));
        await server.AcceptAsync();
        server.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        server.Client.Dispose();
        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());
        Assert.Equal(HandshakeFailure.Ended, thrown.Cause);
    }

    private static WebSocketClientOptions Options(bool loops) => new() { EventLoop = loops ? new EventLoopOptions { Loops = 2 } : null };
}
