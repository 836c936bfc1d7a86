using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Tests.Client;

/// <summary>Refusals whose body does not end: their status has come, and is told after a short wait for the rest.</summary>
public sealed class EndlessRefusalTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public static TheoryData<string, string, string> Refusals
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (string road in (string[])["socket", "event loop", "ConnectCallback", "stream"])
            {
                data.Add(road, "Content-Length: 100\r\n\r\nhalf", "half");
                data.Add(road, "\r\n", "");
                data.Add(road, "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "hel");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Refusal_whose_body_does_not_end_tells_its_status_after_a_second(string road, string rest, string body)
    {
        var time = new TimerSignals();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = ConnectAsync(server, road, new() { Connection = new() { TimeProvider = time } });
        await server.AnswerAsync("HTTP/1.1 401 Who\r\nX-Why: because\r\n" + rest);
        await time.SetAsync(Patience).Soon();
        Assert.False(connecting.IsCompleted);

        time.Manual.Advance(Patience);

        AssertRefused(await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon()), HandshakeFailure.Status, 401, body);
        await server.AssertClientEndsAsync();
    }

    [Theory]
    [InlineData("socket")]
    [InlineData("event loop")]
    [InlineData("ConnectCallback")]
    [InlineData("stream")]
    public async Task Refusal_right_before_the_deadline_is_waited_for_no_longer_and_still_tells_its_status(string road)
    {
        var time = new TimerSignals();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = ConnectAsync(
            server, road, new() { ConnectTimeout = TimeSpan.FromSeconds(7), Connection = new() { TimeProvider = time } });
        await server.AcceptAsync();
        time.Manual.Advance(TimeSpan.FromSeconds(6.5));
        await server.SendAsync("HTTP/1.1 401 Who\r\nX-Why: because\r\nContent-Length: 100\r\n\r\nhalf");
        await time.SetAsync(TimeSpan.FromSeconds(0.5)).Soon();

        time.Manual.Advance(TimeSpan.FromSeconds(0.5));

        AssertRefused(await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon()), HandshakeFailure.Status, 401, "half");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refusal_of_a_proxy_whose_body_does_not_end_tells_its_status_after_a_second(bool byCallback)
    {
        var time = new TimerSignals();
        using var proxy = new FakeProxy();
        var options = new WebSocketClientOptions { Proxy = new WebProxy($"http://127.0.0.1:{proxy.Port}"), Connection = new() { TimeProvider = time } };
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            "ws://example.invalid/", byCallback ? options with { ConnectCallback = (_, cancel) => DialAsync(proxy.Port, cancel) } : options);
        await using Stream stream = await proxy.AcceptAsync();
        await stream.WriteAsync("HTTP/1.1 407 Who\r\nX-Why: because\r\nContent-Length: 100\r\n\r\nhalf"u8.ToArray());
        await time.SetAsync(Patience).Soon();

        time.Manual.Advance(Patience);

        AssertRefused(await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon()), HandshakeFailure.Proxy, 407, "half");
    }

    [Fact]
    public async Task Refusal_whose_body_does_not_end_gives_way_to_the_token_of_the_caller()
    {
        using var cancel = new CancellationTokenSource();
        var time = new TimerSignals();
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, new() { Connection = new() { TimeProvider = time } }, cancel.Token);
        await server.AnswerAsync("HTTP/1.1 401 Who\r\n\r\n");
        await time.SetAsync(Patience).Soon();

        await cancel.CancelAsync();

        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.Soon());
        Assert.Equal(cancel.Token, thrown.CancellationToken);
    }

    // Not every stream ends a read when it is disposed: the attempt that was given up goes on when something comes, and what it reads into
    // belongs to nobody else until it has gone.
    [Fact]
    public async Task Refusal_that_comes_after_the_deadline_is_read_to_its_end_and_leaves_nothing_behind()
    {
        var pool = new CountingPool();
        var buffers = new BufferPool(pool);
        var time = new TimerSignals();
        var stream = new DeafStream();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            stream, new Uri("ws://localhost/"), new() { Connection = new() { TimeProvider = time, Buffers = buffers } });
        await stream.ReadingAsync();
        time.Manual.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(HandshakeFailure.Timeout, (await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon())).Cause);

        string[] pieces = ["HTTP/1.1 401 Who\r\nContent-Length: 1000\r\n\r\n", .. Enumerable.Repeat("more", 200)];
        foreach (string piece in pieces)
        {
            stream.Give(piece);
            await stream.ReadingAsync();
        }

        stream.Give("");
        await Settle.UntilAsync(() => pool.Outstanding == 0 && buffers.SlabsHeld == 0);
    }

    // The clock stands still: nothing is waited for.
    [Fact]
    public async Task Redirect_that_is_followed_is_not_read_to_its_end()
    {
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(
            server.Uri, new() { MaxRedirects = 1, PerMessageDeflate = null, Connection = new() { TimeProvider = new TimerSignals() } });
        await server.AnswerAsync("HTTP/1.1 302 There\r\nLocation: /there\r\n\r\n");
        await server.AnswerAsync(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");

        (await connecting.Soon()).Abort();

        Assert.StartsWith("GET /there ", server.Request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirect_beyond_the_last_that_is_followed_tells_its_body()
    {
        using var server = new RawServer();
        Task<WebSocketConnection> connecting = WebSocketClient.ConnectAsync(server.Uri, new() { MaxRedirects = 1 });
        for (int i = 0; i < 2; i++)
            await server.AnswerAsync("HTTP/1.1 302 There\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nbody");

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => connecting.Soon());

        Assert.Equal((302, "body"), (thrown.StatusCode, Encoding.ASCII.GetString(thrown.Body.Span)));
    }

    private static async Task<WebSocketConnection> ConnectAsync(RawServer server, string road, WebSocketClientOptions options) => road switch
    {
        "stream" => await WebSocketClient.ConnectAsync(await DialAsync(server.Port, CancellationToken.None), new Uri(server.Uri), options),
        "ConnectCallback" => await WebSocketClient.ConnectAsync(
            server.Uri, options with { ConnectCallback = (_, cancel) => DialAsync(server.Port, cancel) }),
        _ => await WebSocketClient.ConnectAsync(server.Uri, options with { EventLoop = road == "socket" ? null : EventLoopOptions.Default }),
    };

    private static async ValueTask<Stream> DialAsync(int port, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Hears nothing of its end.</summary>
    private sealed class DeafStream : TestStream
    {
        private readonly Channel<string> _pieces = Channel.CreateUnbounded<string>();
        private readonly SemaphoreSlim _reads = new(0);

        /// <summary>Waits for the next read to have begun.</summary>
        public Task ReadingAsync() => _reads.WaitAsync().Soon();

        /// <summary>Ends a read with some bytes, or with the end.</summary>
        public void Give(string piece) => _pieces.Writer.TryWrite(piece);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.IsEmpty)
                return 0;
            _reads.Release();
            return Encoding.ASCII.GetBytes(await _pieces.Reader.ReadAsync(CancellationToken.None), buffer.Span);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => default;
    }

    private static void AssertRefused(WebSocketHandshakeException thrown, HandshakeFailure cause, int status, string body)
    {
        Assert.Equal((cause, status, "because"), (thrown.Cause, thrown.StatusCode, thrown.Headers?["X-Why"]));
        Assert.Equal(body, Encoding.ASCII.GetString(thrown.Body.Span));
    }
}
