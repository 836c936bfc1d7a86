using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Sockeye.AspNetCore.Tests;

/// <summary>How Kestrel on the event loops of Sockeye hears that a client has gone.</summary>
public sealed class EventLoopEndTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_that_goes_away_aborts_its_request(bool resets)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(async context =>
            {
                context.RequestAborted.Register(() => aborted.TrySetResult());
                begun.SetResult();
                await aborted.Task;
            }),
            road: Road.EventLoop);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, host.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {host.Host}\r\n\r\n"));
        await begun.Task.WaitAsync(WebHost.Patience);

        if (resets)
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();

        await aborted.Task.WaitAsync(WebHost.Patience);
    }

    [Fact]
    public async Task End_that_comes_together_with_a_request_aborts_it()
    {
        const int Clients = 20;
        using var aborted = new CountdownEvent(Clients);
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(async context =>
            {
                var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                context.RequestAborted.Register(() => ended.SetResult());
                await ended.Task;
                aborted.Signal();
            }),
            road: Road.EventLoop);
        var sockets = new List<Socket>();
        for (int i = 0; i < Clients; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            sockets.Add(socket);
            await socket.ConnectAsync(IPAddress.Loopback, host.Port);
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {host.Host}\r\n\r\n"));
            socket.Shutdown(SocketShutdown.Send);
        }

        Assert.True(aborted.Wait(WebHost.Patience));
        sockets.ForEach(socket => socket.Dispose());
    }

    [Theory]
    [InlineData(Road.EventLoop)]
    [InlineData(Road.EventLoopTls)]
    public async Task End_that_comes_together_with_a_message_is_seen_at_once(Road road)
    {
        const int Clients = 20;
        var ends = Channel.CreateUnbounded<(string, Exception?, CloseResult)>();
        var patient = new WebSocketConnectionOptions { IdleTimeout = TimeSpan.Zero };
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket(
                "/",
                async (WebSocketConnection socket, CancellationToken cancel) =>
                {
                    string text = (await socket.ReceiveAsync(cancel)).GetText();
                    Exception? failure = await Record.ExceptionAsync(async () => await socket.ReceiveAsync(CancellationToken.None));
                    await ends.Writer.WriteAsync((text, failure, await socket.Closed), CancellationToken.None);
                },
                new() { Connection = patient }),
            road: road);
        for (int i = 0; i < Clients; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            EndingStream? last = null;
            WebSocketConnection client = await host.OpenAsync("/", new()
            {
                Connection = patient,
                ConnectCallback = async (_, cancel) =>
                {
                    await socket.ConnectAsync(IPAddress.Loopback, host.Port, cancel);
                    return last = new EndingStream(socket);
                },
            });
            last!.IsLast = true;
            await client.SendTextAsync("last");
            (string text, Exception? failure, CloseResult end) = await ends.Reader.ReadAsync().AsTask().WaitAsync(WebHost.Patience);
            Assert.Equal("last", text);
            Assert.IsType<WebSocketClosedException>(failure);
            // Kestrel resets the connection where it sees the end, which it does until the response has been written.
            Assert.True(end.Cause is CloseCause.TransportEnded or CloseCause.TransportFailed, end.ToString());
            client.Abort();
        }
    }

    [Fact]
    public async Task Close_that_comes_as_soon_as_the_response_is_there_is_answered()
    {
        // So few at a time that their threads meet, and so often that they do.
        const int Clients = 3;
        const int Handshakes = 2000;
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: Road.EventLoop);
        byte[] request = Encoding.ASCII.GetBytes(
            $"GET / HTTP/1.1\r\nHost: {host.Host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");

        // Who receives for HTTP is leaving meanwhile: what is reported to it must not be lost.
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(CloseOftenAsync))).WaitAsync(5 * WebHost.Patience);

        async Task CloseOftenAsync()
        {
            byte[] received = new byte[4096];
            for (int i = 0; i < Handshakes; i++)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, host.Port);
                await socket.SendAsync(request);
                int count = 0;
                while (received.AsSpan(0, count).IndexOf("\r\n\r\n"u8) < 0)
                {
                    int more = await socket.ReceiveAsync(received.AsMemory(count));
                    Assert.NotEqual(0, more);
                    count += more;
                }

                await socket.SendAsync(WebHost.CloseFrame);
                var answer = new List<byte>();
                while ((count = await socket.ReceiveAsync(received)) > 0)
                    answer.AddRange(received.AsSpan(0, count));
                Assert.Equal([0x88, 0x02, 0x03, 0xE8], answer);
            }
        }
    }

    [Fact]
    public async Task Client_of_a_WebSocket_that_goes_away_aborts_its_request()
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (WebSocketConnection socket, HttpContext context) =>
            {
                context.RequestAborted.Register(() => aborted.TrySetResult());
                await aborted.Task;
            }),
            road: Road.EventLoop);
        WebSocketConnection client = await host.OpenAsync("/");

        client.Abort();

        await aborted.Task.WaitAsync(WebHost.Patience);
    }

    [Fact]
    public async Task Request_whose_handler_another_connection_ends_does_not_end_on_the_loop_of_that_one()
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var done = new TaskCompletionSource(); // who waits goes on where it is set
        var ended = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.Use(async (context, next) =>
                {
                    await next(context);
                    if (context.Request.Path == "/waiting")
                        ended.SetResult(Thread.CurrentThread.Name);
                });
                app.UseRouting();
                app.MapWebSocket("/waiting", async (socket, cancel) =>
                {
                    await socket.Closed;
                    closed.SetResult();
                    await done.Task;
                });
                app.MapWebSocket("/ending", async (socket, cancel) =>
                {
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        done.SetResult();
                });
            },
            road: Road.EventLoop);
        await using WebSocketConnection waiting = await host.OpenAsync("/waiting");
        await waiting.CloseAsync().WaitAsync(WebHost.Patience);
        await closed.Task.WaitAsync(WebHost.Patience);
        await using WebSocketConnection ending = await host.OpenAsync("/ending");
        await ending.SendTextAsync("end");

        string? thread = await ended.Task.WaitAsync(WebHost.Patience);

        Assert.DoesNotContain("Sockeye", thread ?? "", StringComparison.Ordinal);
    }

    /// <summary>Ends right behind the last bytes.</summary>
    private sealed class EndingStream(Socket socket) : NetworkStream(socket)
    {
        public bool IsLast { get; set; }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer, cancellationToken);
            if (IsLast)
                Socket.Shutdown(SocketShutdown.Send);
        }
    }
}
